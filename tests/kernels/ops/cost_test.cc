// The Cost of every operation, counted by hand on small shapes.
#include <algorithm>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/ops/backend.h"

namespace strata {
namespace {

alignas(64) float memory[1 << 16];

MutableTensorView Tensor(const Shape& shape, DType dtype = DType::kF32) {
  return {memory, dtype, shape};
}

TEST(CostTest, MatMul) {
  const MatMulArgs args = {.x = Tensor({2, 4}),
                           .weight = Tensor({3, 4}, DType::kBF16),
                           .bias = Tensor({3}, DType::kF16),
                           .residual = Tensor({2, 3}),
                           .out = Tensor({2, 3})};
  EXPECT_EQ(Cost(args), (OpCost{.flops = 2 * 2 * 3 * 4 + 6 + 6,
                                .bytes_read = 32 + 24 + 6 + 24,
                                .bytes_written = 24}));
}

TEST(CostTest, RowOps) {
  const std::vector<int32_t> indices = {1, 0};
  EXPECT_EQ(Cost(GatherRowsArgs{
                .table = Tensor({9, 4}, DType::kF16), .indices = indices, .out = Tensor({2, 4})}),
            (OpCost{.flops = 0, .bytes_read = 2 * 8 + 8, .bytes_written = 32}));
  EXPECT_EQ(Cost(GatherRowsArgs{.table = Tensor({9, 4}, DType::kF16),
                                .indices = indices,
                                .mode = GatherMode::kAdd,
                                .out = Tensor({2, 4})}),
            (OpCost{.flops = 8, .bytes_read = 2 * 8 + 8 + 32, .bytes_written = 32}));
  EXPECT_EQ(Cost(AddArgs{.a = Tensor({2, 4}), .b = Tensor({2, 4}), .out = Tensor({2, 4})}),
            (OpCost{.flops = 8, .bytes_read = 64, .bytes_written = 32}));
  EXPECT_EQ(Cost(RmsNormArgs{.x = Tensor({2, 4}), .weight = Tensor({4}), .out = Tensor({2, 4})}),
            (OpCost{.flops = 32, .bytes_read = 48, .bytes_written = 32}));
  EXPECT_EQ(
      Cost(RopeArgs{.x = Tensor({2, 3, 8}), .cosines = Tensor({2, 3}), .sines = Tensor({2, 3})}),
      (OpCost{.flops = 3 * 36, .bytes_read = 36 * 4 + 48, .bytes_written = 36 * 4}));
}

TEST(CostTest, RopeAppendKv) {
  const KvLayout layout = {
      .dtype = DType::kF16, .page_size = 16, .num_kv_heads = 2, .head_dim = 8, .v_head_dim = 4};
  const RopeAppendKvArgs args = {.queries = Tensor({3, 5, 8}),
                                 .keys = Tensor({3, 2, 8}),
                                 .values = Tensor({3, 2, 4}),
                                 .cosines = Tensor({3, 3}),
                                 .sines = Tensor({3, 3}),
                                 .kv = {layout, {}}};
  // Rotated are 6 elements of 15 query heads and 6 key heads; keys are read whole.
  EXPECT_EQ(Cost(args), (OpCost{.flops = 3 * (90 + 36),
                                .bytes_read = 90 * 4 + 2 * 36 + 48 * 4 + 24 * 4,
                                .bytes_written = 90 * 4 + 48 * 2 + 24 * 2}));
}

// The pairs and rows that attention counts are those that a loop over queries counts.
TEST(CostTest, AttentionCountsWhatIsSeen) {
  const KvLayout layout = {
      .dtype = DType::kBF16, .page_size = 16, .num_kv_heads = 2, .head_dim = 8, .v_head_dim = 4};
  std::vector<char> places(300);
  std::vector<void*> pages;
  for (char& place : places) pages.push_back(&place);
  const absl::Span<void* const> all_pages = pages;
  for (const int64_t window : {0, 1, 5, 20, 1000}) {
    for (const int64_t first : {0, 3, 19, 20, 50}) {
      const std::vector<KvSequence> sequences = {
          {.pages = all_pages.first(100), .num_queries = 7, .first_position = first},
          {.pages = all_pages.subspan(100, 100), .first_query = 7, .first_position = 9},
          {.pages = all_pages.subspan(200),
           .first_query = 7,
           .num_queries = 1,
           .first_position = 2 * first}};
      int64_t pairs = 0;
      int64_t rows = 0;
      for (const KvSequence& sequence : sequences) {
        std::vector<bool> seen(1000, false);
        for (int64_t i = 0; i < sequence.num_queries; ++i) {
          const int64_t position = sequence.first_position + i;
          for (int64_t p = 0; p <= position; ++p) {
            if (window != 0 && p <= position - window) continue;
            ++pairs;
            seen[static_cast<size_t>(p)] = true;
          }
        }
        rows += std::count(seen.begin(), seen.end(), true);
      }
      const AttentionArgs args = {.queries = Tensor({8, 6, 8}),
                                  .kv = {layout, sequences},
                                  .sliding_window = window,
                                  .out = Tensor({8, 6, 4}),
                                  .log_sum_exp = Tensor({8, 6})};
      EXPECT_EQ(Cost(args), (OpCost{.flops = pairs * 6 * 2 * (8 + 4),
                                    .bytes_read = 8 * 6 * 8 * 4 + rows * 2 * (8 + 4) * 2,
                                    .bytes_written = 8 * 6 * 4 * 4 + 8 * 6 * 4}))
          << "window " << window << " first " << first;
    }
  }
}

TEST(CostTest, AttentionReadsSharedPagesOnce) {
  const KvLayout layout = {
      .dtype = DType::kBF16, .page_size = 16, .num_kv_heads = 2, .head_dim = 8, .v_head_dim = 4};
  char places[6];
  void* const a[] = {&places[0], &places[1], &places[2]};
  void* const b[] = {&places[0], &places[1], &places[3]};
  const std::vector<KvSequence> sequences = {
      {.pages = a, .first_query = 0, .num_queries = 1, .first_position = 40},
      {.pages = b, .first_query = 1, .num_queries = 2, .first_position = 35}};
  const AttentionArgs args = {
      .queries = Tensor({3, 2, 8}), .kv = {layout, sequences}, .out = Tensor({3, 2, 4})};
  const int64_t rows = 32 + (41 - 32) + (37 - 32);
  EXPECT_EQ(Cost(args), (OpCost{.flops = (41 + 36 + 37) * 2 * 2 * (8 + 4),
                                .bytes_read = 3 * 2 * 8 * 4 + rows * 2 * (8 + 4) * 2,
                                .bytes_written = 3 * 2 * 4 * 4}));
}

TEST(CostTest, AppendKv) {
  const KvLayout layout = {
      .dtype = DType::kF16, .page_size = 16, .num_kv_heads = 2, .head_dim = 8, .v_head_dim = 4};
  EXPECT_EQ(Cost(AppendKvArgs{
                .keys = Tensor({3, 2, 8}), .values = Tensor({3, 2, 4}), .kv = {layout, {}}}),
            (OpCost{.flops = 0, .bytes_read = 3 * 2 * 12 * 4, .bytes_written = 3 * 2 * 12 * 2}));
}

}  // namespace
}  // namespace strata
