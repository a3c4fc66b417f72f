// The Check of every operation: what it refuses, and that the message names op, tensor, expected
// and actual.
#include "kernels/ops/check.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/ops/backend.h"

namespace strata {
namespace {

using testing::HasSubstr;

// Memory that views may point into; Check reads none of it.
alignas(64) float memory[4096];
alignas(64) float other_memory[4096];

TensorView Input(const Shape& shape, DType dtype = DType::kF32) { return {memory, dtype, shape}; }
MutableTensorView Output(const Shape& shape, DType dtype = DType::kF32) {
  return {other_memory, dtype, shape};
}

void ExpectInvalid(const absl::Status& status, const std::string& part) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr(part));
}

TEST(CheckTest, MatMul) {
  const MatMulArgs good = {
      .x = Input({2, 4}), .weight = Input({3, 4}, DType::kBF16), .out = Output({2, 3})};
  EXPECT_TRUE(Check(good).ok());

  MatMulArgs args = good;
  args.x = {};
  ExpectInvalid(Check(args), "MatMul: 'x': expected a tensor of rank 2, got nothing");
  args = good;
  args.x = Input({8});
  ExpectInvalid(Check(args), "MatMul: 'x': expected rank 2, got [8]");
  args = good;
  args.x = Input({2, 4}, DType::kF16);
  ExpectInvalid(Check(args), "MatMul: 'x': expected [2, 4] f32, got [2, 4] f16");
  args = good;
  args.weight = Input({3, 5});
  ExpectInvalid(Check(args), "MatMul: 'weight': expected [3, 4] f32, got [3, 5] f32");
  args = good;
  args.weight = Input({3, 4}, DType::kI8);
  EXPECT_EQ(Check(args).code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(Check(args).message()), HasSubstr("'weight': format i8"));
  args = good;
  args.bias = Input({4});
  ExpectInvalid(Check(args), "MatMul: 'bias': expected [3] f32, got [4] f32");
  args = good;
  args.residual = Input({2, 4});
  ExpectInvalid(Check(args), "MatMul: 'residual': expected [2, 3] f32, got [2, 4] f32");
  args = good;
  args.out = Output({2, 4});
  ExpectInvalid(Check(args), "MatMul: 'out': expected [2, 3] f32, got [2, 4] f32");
  args = good;
  args.out = MutableTensorView(other_memory, DType::kF32, {2, 3}, 2);
  ExpectInvalid(Check(args), "'out': expected a row stride of at least 3 elements, got 2");
  args = good;
  args.out = MutableTensorView(memory + 4, DType::kF32, {2, 3});
  ExpectInvalid(Check(args),
                "MatMul: 'x': expected memory apart from what is written, got an overlap");
  args = good;
  args.residual = MutableTensorView(other_memory + 1, DType::kF32, {2, 3});
  ExpectInvalid(Check(args), "'residual': expected 'out' itself or memory apart from it");
  args.residual = args.out;
  EXPECT_TRUE(Check(args).ok());
}

// Columns of one buffer side by side share no element, though their bytes interleave.
TEST(CheckTest, TellsColumnsOfOneBufferApart) {
  const TensorView left(memory, DType::kF32, {4, 3}, 8);
  const MutableTensorView right(memory + 3, DType::kF32, {4, 5}, 8);
  const MutableTensorView overlapping(memory + 2, DType::kF32, {4, 5}, 8);
  const MutableTensorView wrapping(memory + 4, DType::kF32, {4, 5}, 8);
  EXPECT_TRUE(CheckDisjoint("Op", "left", left, right).ok());
  EXPECT_TRUE(CheckDisjoint("Op", "right", right, left).ok());
  EXPECT_FALSE(CheckDisjoint("Op", "left", left, overlapping).ok());
  EXPECT_FALSE(CheckDisjoint("Op", "left", overlapping, left).ok());
  EXPECT_FALSE(CheckDisjoint("Op", "left", left, wrapping).ok());  // reaches into the next row
  EXPECT_FALSE(
      CheckDisjoint("Op", "left", left, MutableTensorView(memory, DType::kF32, {2, 3})).ok());
}

TEST(CheckTest, Norms) {
  const RmsNormArgs rms = {.x = Input({2, 4}), .weight = Input({4}), .out = Output({2, 4})};
  EXPECT_TRUE(Check(rms).ok());
  RmsNormArgs bad = rms;
  bad.weight = Input({5});
  ExpectInvalid(Check(bad), "RmsNorm: 'weight': expected [4] f32, got [5] f32");
  for (const float epsilon : {-1e-6f, NAN, std::numeric_limits<float>::infinity()}) {
    bad = rms;
    bad.epsilon = epsilon;
    ExpectInvalid(Check(bad), "RmsNorm: 'epsilon': expected a number >= 0, got ");
  }
  bad = rms;
  bad.out = MutableTensorView(memory + 1, DType::kF32, {2, 4});
  ExpectInvalid(Check(bad), "partial overlap");

  const LayerNormArgs layer = {
      .x = Input({2, 4}), .weight = Input({4}), .bias = Input({4}), .out = Output({2, 4})};
  EXPECT_TRUE(Check(layer).ok());
  LayerNormArgs no_bias = layer;
  no_bias.bias = {};
  ExpectInvalid(Check(no_bias), "LayerNorm: 'bias': expected [4] f32, got nothing");
}

TEST(CheckTest, ElementwiseOps) {
  ExpectInvalid(Check(AddArgs{.a = Input({2, 4}), .b = Input({4, 2}), .out = Output({2, 4})}),
                "Add: 'b': expected [2, 4] f32, got [4, 2] f32");
  ExpectInvalid(Check(ActivateArgs{.x = Input({2, 4}), .out = Output({2, 3})}),
                "Activate: 'out': expected [2, 4] f32, got [2, 3] f32");
  ExpectInvalid(
      Check(GatedActivateArgs{.gate = Input({2, 4}), .up = Input({2, 3}), .out = Output({2, 4})}),
      "GatedActivate: 'up': expected [2, 4] f32, got [2, 3] f32");
  EXPECT_TRUE(Check(AddArgs{.a = Output({2, 4}), .b = Output({2, 4}), .out = Output({2, 4})}).ok());
}

TEST(CheckTest, GatherRows) {
  const std::vector<int32_t> indices = {0, 2};
  const GatherRowsArgs good = {
      .table = Input({3, 4}, DType::kF16), .indices = indices, .out = Output({2, 4})};
  EXPECT_TRUE(Check(good).ok());
  for (const int32_t wrong : {-1, 3}) {
    const std::vector<int32_t> wrong_indices = {0, wrong};
    GatherRowsArgs args = good;
    args.indices = wrong_indices;
    ExpectInvalid(Check(args), "GatherRows: 'indices[1]': expected a row in [0, 3), got ");
  }
  GatherRowsArgs args = good;
  args.out = Output({3, 4});
  ExpectInvalid(Check(args), "GatherRows: 'out': expected [2, 4] f32, got [3, 4] f32");
  args = good;
  args.table = Input({3, 4}, DType::kI32);
  EXPECT_EQ(Check(args).code(), absl::StatusCode::kUnimplemented);
}

TEST(CheckTest, Rope) {
  const RopeArgs good = {.x = Output({3, 2, 8}), .cosines = Input({3, 4}), .sines = Input({3, 4})};
  EXPECT_TRUE(Check(good).ok());
  RopeArgs args = good;
  args.cosines = Input({3, 5});
  args.sines = Input({3, 5});
  ExpectInvalid(Check(args), "Rope: 'cosines': expected at most head_dim / 2 = 4 angles, got 5");
  args = good;
  args.sines = Input({2, 4});
  ExpectInvalid(Check(args), "Rope: 'sines': expected [3, 4] f32, got [2, 4] f32");
  args = good;
  args.x = Output({3, 16});
  ExpectInvalid(Check(args), "Rope: 'x': expected rank 3, got [3, 16]");
}

TEST(CheckTest, RopeAppendKv) {
  const KvLayout layout = {
      .dtype = DType::kF32, .page_size = 16, .num_kv_heads = 2, .head_dim = 8, .v_head_dim = 8};
  std::vector<float> page(static_cast<size_t>(layout.PageBytes()) / 4);
  void* const pages[] = {page.data()};
  const KvSequence sequence = {.pages = pages, .num_queries = 3};
  const RopeAppendKvArgs good = {.queries = Output({3, 4, 8}),
                                 .keys = {other_memory + 1024, DType::kF32, {3, 2, 8}},
                                 .values = Input({3, 2, 8}),
                                 .cosines = Input({3, 4}),
                                 .sines = Input({3, 4}),
                                 .kv = {layout, {&sequence, 1}}};
  EXPECT_TRUE(Check(good).ok()) << Check(good);
  RopeAppendKvArgs args = good;
  args.keys = Output({3, 2, 8});
  ExpectInvalid(Check(args), "RopeAppendKv: 'keys': expected memory apart from what is written");
  args = good;
  args.cosines = Input({2, 4});
  ExpectInvalid(Check(args), "Rope: 'cosines': expected [3, 4] f32, got [2, 4] f32");
  args = good;
  args.keys = {other_memory + 1024, DType::kF32, {3, 1, 8}};
  ExpectInvalid(Check(args), "AppendKv: 'keys': expected [3, 2, 8] f32, got [3, 1, 8] f32");
}

TEST(CheckTest, TopLogits) {
  std::vector<float> temperatures = {1.0f};
  const TopLogitsArgs good = {.logits = Input({1, 4}),
                              .temperatures = temperatures,
                              .ids = {other_memory, DType::kI32, {1, 4}},
                              .values = {other_memory + 16, DType::kF32, {1, 4}},
                              .mass = {other_memory + 32, DType::kF32, {1, 1}}};
  EXPECT_TRUE(Check(good).ok()) << Check(good);
  TopLogitsArgs args = good;
  args.ids = {other_memory, DType::kI32, {1, 5}};
  ExpectInvalid(Check(args), "TopLogits: 'ids': expected 1 to 4 tokens of a row, got 5");
  args = good;
  args.temperatures = {};
  ExpectInvalid(Check(args), "TopLogits: 'temperatures': expected one for each of 1 rows, got 0");
  temperatures[0] = 0.0f;
  ExpectInvalid(Check(good), "'temperatures': expected at least 1e-06 and not infinite, got 0");
}

TEST(CheckTest, MergeAttention) {
  const MergeAttentionArgs good = {
      .a_out = Input({2, 3, 8}),
      .a_log_sum_exp = Input({2, 3}),
      .b_out = Input({2, 3, 8}),
      .b_log_sum_exp = Input({2, 3}),
      .out = Output({2, 3, 8}),
      .log_sum_exp = MutableTensorView(other_memory + 1024, DType::kF32, {2, 3})};
  EXPECT_TRUE(Check(good).ok());
  MergeAttentionArgs args = good;
  args.b_log_sum_exp = Input({3, 2});
  ExpectInvalid(Check(args), "'b_log_sum_exp': expected [2, 3] f32, got [3, 2] f32");
  args = good;
  args.log_sum_exp = MutableTensorView(other_memory + 40, DType::kF32, {2, 3});
  ExpectInvalid(Check(args), "'log_sum_exp': expected memory apart from what is written");
}

class CheckKvTest : public testing::Test {
 protected:
  static constexpr int64_t kTokens = 3;

  AttentionArgs Attention() {
    return {.queries = Input({kTokens, 4, 8}),
            .kv = {layout_, absl::MakeConstSpan(&sequence_, 1)},
            .out = Output({kTokens, 4, 8}),
            .log_sum_exp = MutableTensorView(other_memory + 1024, DType::kF32, {kTokens, 4})};
  }
  AppendKvArgs Append() {
    return {.keys = Input({kTokens, 2, 8}),
            .values = Input({kTokens, 2, 8}),
            .kv = {layout_, absl::MakeConstSpan(&sequence_, 1)}};
  }

  KvLayout layout_ = {
      .dtype = DType::kF16, .page_size = 16, .num_kv_heads = 2, .head_dim = 8, .v_head_dim = 8};
  std::vector<void*> pages_ = {memory, memory, memory};
  KvSequence sequence_ = {
      .pages = pages_, .first_query = 0, .num_queries = kTokens, .first_position = 40};
};

TEST_F(CheckKvTest, AcceptsWhatIsRight) {
  EXPECT_TRUE(Check(Attention()).ok()) << Check(Attention());
  EXPECT_TRUE(Check(Append()).ok()) << Check(Append());
}

TEST_F(CheckKvTest, Layout) {
  layout_.dtype = DType::kI8;
  EXPECT_EQ(Check(Attention()).code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(Check(Append()).code(), absl::StatusCode::kUnimplemented);
  layout_.dtype = DType::kF16;
  layout_.page_size = 0;
  ExpectInvalid(Check(Attention()), "Attention: 'kv': expected positive extents, got page_size 0");
  layout_.page_size = 24;
  ExpectInvalid(Check(Attention()), "expected a page_size that divides 256, got 24");
  layout_.page_size = 16;
  layout_.head_dim = 16;
  ExpectInvalid(Check(Attention()), "'queries': expected [3, 4, 16] f32, got [3, 4, 8] f32");
  ExpectInvalid(Check(Append()), "'keys': expected [3, 2, 16] f32, got [3, 2, 8] f32");
  layout_.head_dim = 8;
  layout_.num_kv_heads = 3;
  ExpectInvalid(Check(Attention()), "expected a multiple of 3 kv heads, got 4 heads");
}

TEST_F(CheckKvTest, Sequences) {
  sequence_.first_query = 1;
  ExpectInvalid(Check(Attention()),
                "'kv.sequences[0]': expected rows from 0 within 3 tokens, got 3 rows from 1");
  sequence_.first_query = 0;
  sequence_.num_queries = 2;
  ExpectInvalid(Check(Append()), "'kv.sequences': expected to cover 3 tokens, got 2");
  sequence_.num_queries = 4;
  ExpectInvalid(Check(Append()), "within 3 tokens, got 4 rows from 0");
  sequence_.num_queries = -1;
  ExpectInvalid(Check(Append()), "got -1 rows from 0");
  sequence_.num_queries = 3;
  sequence_.first_position = -1;
  ExpectInvalid(Check(Attention()), "expected a position, got first_position -1");
  sequence_.first_position = std::numeric_limits<int64_t>::max();
  ExpectInvalid(Check(Attention()), "expected a position, got first_position 9223372036854775807");
  sequence_.first_position = 46;
  ExpectInvalid(Check(Attention()), "expected 4 pages for 49 positions, got 3");
}

TEST_F(CheckKvTest, PagesThatAreNeededAreThere) {
  pages_[0] = nullptr;
  ExpectInvalid(Check(Attention()),
                "expected page 0 of the sequence whose rows begin at 0, got null");
  EXPECT_TRUE(Check(Append()).ok());  // writes positions 40 to 42 only
  AttentionArgs windowed = Attention();
  windowed.sliding_window = 20;
  EXPECT_TRUE(Check(windowed).ok());
  pages_[2] = nullptr;
  ExpectInvalid(Check(Append()), "AppendKv: 'kv': expected page 2");
}

TEST_F(CheckKvTest, AttentionScalars) {
  AttentionArgs args = Attention();
  args.scale = NAN;
  ExpectInvalid(Check(args), "Attention: 'scale': expected a finite number, got nan");
  args = Attention();
  args.sliding_window = -1;
  ExpectInvalid(Check(args), "'sliding_window': expected a number of positions or 0, got -1");
  args = Attention();
  args.log_sum_exp = Output({kTokens, 4});
  ExpectInvalid(Check(args), "'log_sum_exp': expected memory apart from what is written");
  args.log_sum_exp = {};
  EXPECT_TRUE(Check(args).ok());
}

}  // namespace
}  // namespace strata
