// TopLogits on the CPU.
#include "tests/kernels/cpu/cpu_backends.h"
#include "tests/support/cases/top_logits_cases.h"

namespace strata::test {
namespace {

using CpuTopLogitsTest = CpuTest;

TEST_P(CpuTopLogitsTest, MatchesASort) { ExpectTopLogitsMatchASort(With(2)); }

TEST_P(CpuTopLogitsTest, TiesGoToTheLowerId) { ExpectTiesGoToTheLowerId(With(1)); }

TEST_P(CpuTopLogitsTest, MinusInfinityAndNanComeLast) {
  ExpectMinusInfinityAndNanComeLast(With(3));
}

INSTANTIATE_TEST_SUITE_P(Isa, CpuTopLogitsTest, AllIsas(), IsaName);

}  // namespace
}  // namespace strata::test
