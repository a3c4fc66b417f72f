// Attention and AppendKv on the CPU.
#include "tests/kernels/cpu/cpu_backends.h"
#include "tests/support/cases/append_kv_cases.h"
#include "tests/support/cases/attention_cases.h"

namespace strata::test {
namespace {

using CpuAttentionTest = CpuTest;

TEST_P(CpuAttentionTest, MatchesTheOracleWithAnyThreads) {
  for (const AttentionCase& c : AttentionCases()) ExpectCorrect<AttentionProblem>(c);
}

// Each sequence gives the same bits alone and in a ragged batch.
TEST_P(CpuAttentionTest, BitsDoNotDependOnTheBatch) {
  for (const AttentionCase& c : AttentionCases()) {
    if (c.sequences.size() < 2) continue;
    SCOPED_TRACE(c.ToString());
    AttentionProblem whole(c);
    AttentionProblem alone(c);
    ASSERT_TRUE(whole.Run(With(1)).ok());
    for (size_t i = 0; i < c.sequences.size(); ++i) {
      ASSERT_TRUE(
          alone.RunPart(With(2), static_cast<int64_t>(i), 0, c.sequences[i].num_queries).ok());
    }
    EXPECT_TRUE(alone.Bits() == whole.Bits());
  }
}

// A prompt gives the same bits in one piece and in pieces of any size.
TEST_P(CpuAttentionTest, BitsDoNotDependOnThePrefillChunks) {
  for (const int64_t window : {0, 60, 300}) {
    const AttentionCase c = {.sequences = {{10, 530}},
                             .num_q_heads = 6,
                             .num_kv_heads = 2,
                             .head_dim = 24,
                             .v_head_dim = 24,
                             .sliding_window = window,
                             .kv_dtype = DType::kBF16};
    AttentionProblem whole(c);
    ASSERT_TRUE(whole.Run(With(2)).ok());
    for (const int64_t piece : {1, 7, 64, 256, 529}) {
      AttentionProblem pieces(c);
      for (int64_t begin = 0; begin < 530; begin += piece) {
        ASSERT_TRUE(pieces.RunPart(With(3), 0, begin, std::min<int64_t>(530, begin + piece)).ok());
      }
      EXPECT_TRUE(pieces.Bits() == whole.Bits()) << "window " << window << " piece " << piece;
    }
  }
}

// Attention over parts of the pages, merged, is attention over all of them: what placement on
// several tiers rests on. The first part ends at a chunk's end, so it is asked as a prefix.
TEST_P(CpuAttentionTest, WindowsThatFreeTheirFirstPagesStillWork) {
  const AttentionCase c = {.sequences = {{600, 2}}, .num_q_heads = 2, .sliding_window = 50};
  AttentionProblem whole(c);
  ASSERT_TRUE(whole.Run(With(1)).ok());
  AttentionProblem freed(c);
  AttentionArgs args = freed.Args();
  KvSequence sequence = args.kv.sequences[0];
  std::vector<void*> pages(sequence.pages.begin(), sequence.pages.end());
  for (size_t page = 0; page < 551 / 16; ++page) pages[page] = nullptr;
  sequence.pages = pages;
  args.kv.sequences = absl::MakeConstSpan(&sequence, 1);
  ASSERT_TRUE(With(1).Attention(args).ok());
  EXPECT_TRUE(freed.Bits() == whole.Bits());
}

TEST_P(CpuAttentionTest, LogSumExpMayBeAbsent) {
  const AttentionCase c = {.sequences = {{20, 4}}, .num_q_heads = 2};
  AttentionProblem with(c);
  AttentionProblem without(c);
  ASSERT_TRUE(with.Run(With(1)).ok());
  AttentionArgs args = without.Args();
  args.log_sum_exp = {};
  ASSERT_TRUE(With(1).Attention(args).ok());
  EXPECT_TRUE(ValuesOf(args.out) == ValuesOf(with.Args().out));
  EXPECT_TRUE(without.Untouched());
}

// A long context is split over threads in waves of chunks; the bits stay.
TEST_P(CpuAttentionTest, LongContextsSplitOverThreads) {
  const AttentionCase c = {.sequences = {{5000, 1}},
                           .num_q_heads = 4,
                           .num_kv_heads = 2,
                           .head_dim = 16,
                           .v_head_dim = 16,
                           .kv_dtype = DType::kF16};
  ExpectCorrect<AttentionProblem>(c);
}

// Shared prefixes are split over threads like others, with the same bits.
TEST_P(CpuAttentionTest, LongSharedPrefixesSplitOverThreads) {
  const AttentionCase c = {.sequences = {{3000, 1}, {3100, 2, 180}, {2900, 1, 180}},
                           .num_q_heads = 2,
                           .num_kv_heads = 1,
                           .head_dim = 16,
                           .v_head_dim = 16,
                           .kv_dtype = DType::kF16};
  ExpectCorrect<AttentionProblem>(c);
}

// Heads of a sequence are swept together, more than fit into one block in parts.
TEST_P(CpuAttentionTest, ManyHeadsAreSweptInParts) {
  for (const DType dtype : {DType::kBF16, DType::kInt8Groups}) {
    ExpectCorrect<AttentionProblem>(AttentionCase{.sequences = {{600, 1}, {20, 1}},
                                                  .num_q_heads = 80,
                                                  .num_kv_heads = 40,
                                                  .head_dim = 24,
                                                  .v_head_dim = 16,
                                                  .kv_dtype = dtype});
  }
}

// Sequences that share pages of which their windows see different parts, or none.
TEST_P(CpuAttentionTest, WindowsInSharedPagesThatDoNotMeet) {
  for (const DType dtype : {DType::kF32, DType::kInt8Groups}) {
    ExpectCorrect<AttentionProblem>(
        AttentionCase{.sequences = {{1500, 1}, {560, 1, 32}, {1600, 1, 80}},
                      .num_q_heads = 4,
                      .num_kv_heads = 2,
                      .sliding_window = 40,
                      .kv_dtype = dtype});
  }
}

TEST_P(CpuAttentionTest, AppendKvWritesItsRowsOnly) {
  for (const AttentionCase& c : AttentionCases()) {
    SCOPED_TRACE(c.ToString());
    ExpectAppendsItsRowsOnly(With(2), c);
    ExpectRotatesAndAppends(With(2), c, c.head_dim / 2 * 2);
  }
}

TEST_P(CpuAttentionTest, AppendKvPacksExtremeRows) { ExpectPacksExtremeRows(With(1)); }

INSTANTIATE_TEST_SUITE_P(Isa, CpuAttentionTest, AllIsas(), IsaName);

}  // namespace
}  // namespace strata::test
