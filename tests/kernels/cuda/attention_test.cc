// Attention, its CUDA bodies emulated: the plain one on the shared shape table, those for tensor
// cores on their head dimensions, and that a row's bits are its own sequence's alone.
#include <vector>

#include "kernels/cuda/attention_launch.h"
#include "tests/kernels/cuda/emulated_backends.h"
#include "tests/kernels/cuda/tensor_core_cases.h"
#include "tests/support/cases/attention_cases.h"

namespace strata::test {
namespace {

class CudaAttentionTest : public CudaTest {
 protected:
  void ExpectAttention(const AttentionCase& c) {
    SCOPED_TRACE(c.ToString());
    AttentionProblem problem(c);
    const Expected expected = problem.Oracle(cuda::AttentionOperands(LayoutOf(c), 90));
    const absl::Status status = problem.Run(backend());
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(Matches(problem.Values(), expected));
    EXPECT_TRUE(problem.Untouched());
  }
};

TEST_P(CudaAttentionTest, MatchesTheOracle) {
  for (const AttentionCase& c : AttentionCases()) ExpectAttention(c);
}

TEST_P(CudaAttentionTest, TensorCoresMatchTheOracle) {
  for (const int64_t head_dim : {64, 80, 96, 128, 256}) {
    for (const DType dtype : {DType::kF16, DType::kBF16, DType::kInt8Groups, DType::kInt4Groups}) {
      // Every format at one dimension, and one at the others: the rest is in the shared table.
      if (head_dim != 64 && dtype != (head_dim == 128 ? DType::kInt4Groups : DType::kBF16))
        continue;
      for (const AttentionCase& c : TensorCoreCases(head_dim, dtype)) ExpectAttention(c);
    }
  }
}

// What compute-sanitizer runs of this, in seconds: decode and a prompt, both bodies, with a prefix
// that is shared and pages that split.
TEST_P(CudaAttentionTest, SmallCases) {
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kInt8Groups, DType::kInt4Groups}) {
    ExpectAttention({.sequences = {{600, 1}, {576, 1, 36}, {0, 20}},
                     .num_q_heads = 4,
                     .num_kv_heads = 2,
                     .head_dim = 64,
                     .v_head_dim = 64,
                     .kv_dtype = dtype});
  }
}

// Each sequence gives the same bits alone and in a batch, and with shared pages.
TEST_P(CudaAttentionTest, BitsDoNotDependOnTheBatch) {
  std::vector<AttentionCase> cases = TensorCoreCases(64, DType::kBF16);
  cases.push_back(
      {.sequences = {{600, 1}, {576, 1, 36}, {570, 3, 20}}, .num_q_heads = 2, .num_kv_heads = 1});
  for (const AttentionCase& c : cases) {
    SCOPED_TRACE(c.ToString());
    AttentionProblem whole(c);
    AttentionProblem alone(c);
    ASSERT_TRUE(whole.Run(backend()).ok());
    for (size_t i = 0; i < c.sequences.size(); ++i) {
      ASSERT_TRUE(
          alone.RunPart(backend(), static_cast<int64_t>(i), 0, c.sequences[i].num_queries).ok());
    }
    EXPECT_TRUE(alone.Bits() == whole.Bits());
  }
}

// A prompt gives the same bits in one piece (whole items, row warps) and token by token (split
// items, column warps).
TEST_P(CudaAttentionTest, BitsDoNotDependOnThePrefillChunks) {
  for (const int64_t head_dim : {80, 128}) {
    for (const int64_t window : {0, 60}) {
      const AttentionCase c = {.sequences = {{230, 60}},
                               .num_q_heads = 3,
                               .num_kv_heads = 1,
                               .head_dim = head_dim,
                               .v_head_dim = head_dim,
                               .sliding_window = window,
                               .kv_dtype = DType::kBF16};
      AttentionProblem whole(c);
      ASSERT_TRUE(whole.Run(backend()).ok());
      for (const int64_t piece : {1, 7, 33}) {
        AttentionProblem pieces(c);
        for (int64_t begin = 0; begin < 60; begin += piece) {
          ASSERT_TRUE(
              pieces.RunPart(backend(), 0, begin, std::min<int64_t>(60, begin + piece)).ok());
        }
        EXPECT_TRUE(pieces.Bits() == whole.Bits()) << "window " << window << " piece " << piece;
      }
    }
  }
}

TEST_P(CudaAttentionTest, LogSumExpMayBeAbsent) {
  for (const int64_t first_position : {20, 400}) {
    const AttentionCase c = {.sequences = {{first_position, 4}},
                             .num_q_heads = 2,
                             .head_dim = 64,
                             .v_head_dim = 64,
                             .kv_dtype = DType::kF16};
    AttentionProblem with(c);
    AttentionProblem without(c);
    ASSERT_TRUE(with.Run(backend()).ok());
    AttentionArgs args = without.Args();
    args.log_sum_exp = {};
    ASSERT_TRUE(backend().Attention(args).ok());
    EXPECT_TRUE(ValuesOf(args.out) == ValuesOf(with.Args().out));
    EXPECT_TRUE(without.Untouched());
  }
}

TEST_P(CudaAttentionTest, WindowsThatFreeTheirFirstPagesStillWork) {
  for (const DType dtype : {DType::kF32, DType::kF16}) {
    const AttentionCase c = {.sequences = {{600, 2}},
                             .num_q_heads = 2,
                             .head_dim = 64,
                             .v_head_dim = 64,
                             .sliding_window = 50,
                             .kv_dtype = dtype};
    AttentionProblem whole(c);
    ASSERT_TRUE(whole.Run(backend()).ok());
    AttentionProblem freed(c);
    AttentionArgs args = freed.Args();
    KvSequence sequence = args.kv.sequences[0];
    std::vector<void*> pages(sequence.pages.begin(), sequence.pages.end());
    for (size_t page = 0; page < 551 / 16; ++page) pages[page] = nullptr;
    sequence.pages = pages;
    args.kv.sequences = absl::MakeConstSpan(&sequence, 1);
    ASSERT_TRUE(backend().Attention(args).ok());
    EXPECT_TRUE(freed.Bits() == whole.Bits());
  }
}

TEST_P(CudaAttentionTest, RefusesHeadsTooWide) {
  AttentionProblem problem({.sequences = {{0, 1}}, .head_dim = 513, .v_head_dim = 8});
  EXPECT_EQ(problem.Run(backend()).code(), absl::StatusCode::kUnimplemented);
}

INSTANTIATE_TEST_SUITE_P(Order, CudaAttentionTest, AllOrders(), OrderName);

}  // namespace
}  // namespace strata::test
