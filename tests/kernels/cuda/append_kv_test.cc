// AppendKv in every format of the pages, its CUDA body emulated.
#include "tests/kernels/cuda/emulated_backends.h"
#include "tests/support/cases/append_kv_cases.h"

namespace strata::test {
namespace {

using CudaAppendKvTest = CudaTest;

TEST_P(CudaAppendKvTest, AppendKvWritesItsRowsOnly) {
  for (const AttentionCase& c : AttentionCases()) {
    SCOPED_TRACE(c.ToString());
    ExpectAppendsItsRowsOnly(backend(), c);
  }
}

TEST_P(CudaAppendKvTest, AppendKvPacksExtremeRows) { ExpectPacksExtremeRows(backend()); }

TEST_P(CudaAppendKvTest, RopeAppendKvIsRopeAndAppendKv) {
  for (const AttentionCase& c : AttentionCases()) {
    for (const int64_t rotary_dim : {c.head_dim / 2 * 2, c.head_dim / 4 * 2}) {
      SCOPED_TRACE(testing::Message() << c.ToString() << " rotary " << rotary_dim);
      ExpectRotatesAndAppends(backend(), c, rotary_dim);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Order, CudaAppendKvTest, AllOrders(), OrderName);

}  // namespace
}  // namespace strata::test
