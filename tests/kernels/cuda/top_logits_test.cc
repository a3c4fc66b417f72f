// TopLogits, its CUDA body emulated.
#include "tests/kernels/cuda/emulated_backends.h"
#include "tests/support/cases/top_logits_cases.h"

namespace strata::test {
namespace {

using CudaTopLogitsTest = CudaTest;

TEST_P(CudaTopLogitsTest, MatchesASort) { ExpectTopLogitsMatchASort(backend()); }

TEST_P(CudaTopLogitsTest, TiesGoToTheLowerId) { ExpectTiesGoToTheLowerId(backend()); }

TEST_P(CudaTopLogitsTest, MinusInfinityAndNanComeLast) {
  ExpectMinusInfinityAndNanComeLast(backend());
}

INSTANTIATE_TEST_SUITE_P(Order, CudaTopLogitsTest, AllOrders(), OrderName);

}  // namespace
}  // namespace strata::test
