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

// What compute-sanitizer runs of this, in seconds.
TEST_P(CudaAppendKvTest, SmallCases) {
  for (const DType dtype : {DType::kBF16, DType::kInt8Groups, DType::kInt4Groups}) {
    const AttentionCase c = {.sequences = {{15, 3}, {0, 1}},
                             .num_q_heads = 4,
                             .num_kv_heads = 2,
                             .head_dim = 72,
                             .v_head_dim = 72,
                             .kv_dtype = dtype};
    ExpectAppendsItsRowsOnly(backend(), c);
    ExpectRotatesAndAppends(backend(), c, c.head_dim);
  }
}

INSTANTIATE_TEST_SUITE_P(Order, CudaAppendKvTest, AllOrders(), OrderName);

}  // namespace
}  // namespace strata::test
