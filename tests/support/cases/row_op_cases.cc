#include "tests/support/cases/row_op_cases.h"

#include <limits>

#include "absl/strings/str_cat.h"

namespace strata::test {
namespace {

using Role = TestTensor::Role;

// Rows of the table that GatherRows takes its rows from.
constexpr int64_t kTableRows = 23;

const Placement kGaps = {.row_gap = 5, .offset = 3};

Shape RowsOf(const RowOpCase& c) { return {c.num_rows, c.num_columns}; }

std::string PlacementName(const Placement& placement) {
  return absl::StrCat(" gap ", placement.row_gap, " offset ", placement.offset);
}

}  // namespace

std::string RowOpCase::ToString() const {
  static constexpr const char* kNames[] = {"RmsNorm",       "LayerNorm", "Activate",
                                           "GatedActivate", "Add",       "GatherRows"};
  return absl::StrCat(kNames[static_cast<int>(op)], " [", num_rows, ", ", num_columns, "] ",
                      std::string(DTypeName(dtype)), PlacementName(placement),
                      in_place ? " in place" : "", " activation ", static_cast<int>(activation),
                      mode == GatherMode::kAdd ? " add" : "");
}

std::vector<RowOpCase> RowOpCases() {
  struct Extents {
    int64_t num_rows;
    int64_t num_columns;
  };
  std::vector<RowOpCase> cases;
  for (const Extents extents : std::initializer_list<Extents>{{0, 8},
                                                              {3, 0},
                                                              {1, 1},
                                                              {2, 3},
                                                              {3, 7},
                                                              {1, 8},
                                                              {5, 9},
                                                              {2, 15},
                                                              {2, 16},
                                                              {3, 17},
                                                              {2, 31},
                                                              {2, 33},
                                                              {7, 101},
                                                              {4, 896},
                                                              {37, 1024}}) {
    for (const Placement& placement : {Placement{}, kGaps}) {
      const RowOpCase base = {.op = RowOp::kAdd,
                              .num_rows = extents.num_rows,
                              .num_columns = extents.num_columns,
                              .placement = placement};
      for (const bool in_place : {false, true}) {
        RowOpCase c = base;
        c.in_place = in_place;
        cases.push_back(c);
        for (const Activation activation :
             {Activation::kRelu, Activation::kSilu, Activation::kGelu, Activation::kGeluTanh}) {
          c.activation = activation;
          c.op = RowOp::kActivate;
          cases.push_back(c);
          c.op = RowOp::kGatedActivate;
          cases.push_back(c);
        }
        for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
          c = base;
          c.in_place = in_place;
          c.dtype = dtype;
          c.op = RowOp::kRmsNorm;
          cases.push_back(c);
          c.op = RowOp::kLayerNorm;
          cases.push_back(c);
        }
      }
      for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
        for (const GatherMode mode : {GatherMode::kWrite, GatherMode::kAdd}) {
          RowOpCase c = base;
          c.op = RowOp::kGatherRows;
          c.dtype = dtype;
          c.mode = mode;
          cases.push_back(c);
        }
      }
    }
  }
  return cases;
}

RowOpProblem::RowOpProblem(const RowOpCase& c)
    : case_(c),
      a_(Role::kOutput, DType::kF32, RowsOf(c), c.placement),
      b_(Role::kInput, DType::kF32, RowsOf(c), c.placement),
      table_(Role::kInput, c.dtype, {kTableRows, c.num_columns}, c.placement),
      weight_(Role::kInput, c.dtype, {c.num_columns}, c.placement),
      bias_(Role::kInput, c.dtype, {c.num_columns}, c.placement),
      separate_out_(Role::kOutput, DType::kF32, RowsOf(c), c.placement),
      out_(c.in_place ? &a_ : &separate_out_) {
  a_.FillNormal(1, 3.0, 0.5);
  b_.FillNormal(2);
  table_.FillNormal(3);
  weight_.FillNormal(4);
  bias_.FillNormal(5);
  if (c.op == RowOp::kGatherRows) separate_out_.FillNormal(6);
  for (int64_t i = 0; i < c.num_rows; ++i) {
    indices_.push_back(static_cast<int32_t>((i * 7 + 22) % kTableRows));
  }
}

Expected RowOpProblem::Oracle() const {
  switch (case_.op) {
    case RowOp::kRmsNorm:
      return ExpectedRmsNorm(
          {.x = a_.view(), .weight = weight_.view(), .out = out_->mutable_view()});
    case RowOp::kLayerNorm:
      return ExpectedLayerNorm({.x = a_.view(),
                                .weight = weight_.view(),
                                .bias = bias_.view(),
                                .out = out_->mutable_view()});
    case RowOp::kActivate:
      return ExpectedActivate(
          {.x = a_.view(), .activation = case_.activation, .out = out_->mutable_view()});
    case RowOp::kGatedActivate:
      return ExpectedGatedActivate({.gate = a_.view(),
                                    .up = b_.view(),
                                    .activation = case_.activation,
                                    .out = out_->mutable_view()});
    case RowOp::kAdd:
      return ExpectedAdd({.a = a_.view(), .b = b_.view(), .out = out_->mutable_view()});
    case RowOp::kGatherRows:
      return ExpectedGatherRows({.table = table_.view(),
                                 .indices = indices_,
                                 .mode = case_.mode,
                                 .out = out_->mutable_view()});
  }
  return {};
}

absl::Status RowOpProblem::RunRows(Backend& backend, int64_t begin, int64_t end) {
  const TensorView a = a_.view().Rows(begin, end);
  const TensorView b = b_.view().Rows(begin, end);
  const MutableTensorView out = out_->mutable_view().Rows(begin, end);
  switch (case_.op) {
    case RowOp::kRmsNorm:
      return backend.RmsNorm({.x = a, .weight = weight_.view(), .out = out});
    case RowOp::kLayerNorm:
      return backend.LayerNorm(
          {.x = a, .weight = weight_.view(), .bias = bias_.view(), .out = out});
    case RowOp::kActivate:
      return backend.Activate({.x = a, .activation = case_.activation, .out = out});
    case RowOp::kGatedActivate:
      return backend.GatedActivate(
          {.gate = a, .up = b, .activation = case_.activation, .out = out});
    case RowOp::kAdd:
      return backend.Add({.a = a, .b = b, .out = out});
    case RowOp::kGatherRows:
      return backend.GatherRows({.table = table_.view(),
                                 .indices = absl::MakeConstSpan(indices_).subspan(
                                     static_cast<size_t>(begin), static_cast<size_t>(end - begin)),
                                 .mode = case_.mode,
                                 .out = out});
  }
  return absl::InternalError("an operation outside its list");
}

std::string RopeCase::ToString() const {
  return absl::StrCat("Rope [", num_tokens, ", ", num_heads, ", ", head_dim, "] rotary ",
                      rotary_dim, PlacementName(placement));
}

std::vector<RopeCase> RopeCases() {
  std::vector<RopeCase> cases;
  for (const Placement& placement : {Placement{}, kGaps}) {
    for (const RopeCase& c :
         {RopeCase{0, 2, 8, 8}, RopeCase{1, 1, 2, 2}, RopeCase{3, 2, 8, 0}, RopeCase{3, 5, 10, 6},
          RopeCase{2, 3, 40, 40}, RopeCase{2, 3, 33, 30}, RopeCase{3, 2, 64, 16},
          RopeCase{5, 14, 64, 64}, RopeCase{2, 4, 128, 128}, RopeCase{2, 2, 130, 130}}) {
      cases.push_back(c);
      cases.back().placement = placement;
    }
  }
  return cases;
}

RopeProblem::RopeProblem(const RopeCase& c)
    : x_(Role::kOutput, DType::kF32, {c.num_tokens, c.num_heads, c.head_dim}, c.placement),
      cosines_(Role::kInput, DType::kF32, {c.num_tokens, c.rotary_dim / 2}, c.placement),
      sines_(Role::kInput, DType::kF32, {c.num_tokens, c.rotary_dim / 2}, c.placement) {
  x_.FillNormal(1);
  cosines_.FillNormal(2);
  sines_.FillNormal(3);
}

std::string MergeAttentionCase::ToString() const {
  return absl::StrCat("MergeAttention [", num_tokens, ", ", num_q_heads, ", ", v_head_dim, "]",
                      PlacementName(placement), in_place ? " in place" : "");
}

std::vector<MergeAttentionCase> MergeAttentionCases() {
  std::vector<MergeAttentionCase> cases;
  for (const Placement& placement : {Placement{}, kGaps}) {
    for (const bool in_place : {false, true}) {
      for (const MergeAttentionCase& c :
           {MergeAttentionCase{0, 1, 8}, MergeAttentionCase{1, 1, 1}, MergeAttentionCase{3, 5, 7},
            MergeAttentionCase{4, 14, 64}, MergeAttentionCase{9, 3, 130}}) {
        cases.push_back(c);
        cases.back().placement = placement;
        cases.back().in_place = in_place;
      }
    }
  }
  return cases;
}

MergeAttentionProblem::MergeAttentionProblem(const MergeAttentionCase& c)
    : case_(c),
      a_out_(Role::kOutput, DType::kF32, {c.num_tokens, c.num_q_heads, c.v_head_dim}, c.placement),
      a_lse_(Role::kOutput, DType::kF32, {c.num_tokens, c.num_q_heads}, c.placement),
      b_out_(Role::kInput, DType::kF32, {c.num_tokens, c.num_q_heads, c.v_head_dim}, c.placement),
      b_lse_(Role::kInput, DType::kF32, {c.num_tokens, c.num_q_heads}, c.placement),
      out_(Role::kOutput, DType::kF32, {c.num_tokens, c.num_q_heads, c.v_head_dim}, c.placement),
      lse_(Role::kOutput, DType::kF32, {c.num_tokens, c.num_q_heads}, c.placement) {
  a_out_.FillNormal(1);
  b_out_.FillNormal(2);
  // Sums that saw nothing on one side, on the other, on both, and sums far apart.
  const double nothing = -std::numeric_limits<double>::infinity();
  a_lse_.FillNormal(3, 4.0);
  b_lse_.FillNormal(4, 4.0);
  std::vector<double> a = a_lse_.Values();
  std::vector<double> b = b_lse_.Values();
  for (size_t i = 0; i < a.size(); ++i) {
    if (i % 5 == 1) a[i] = nothing;
    if (i % 5 == 2 || i % 15 == 1) b[i] = nothing;
    if (i % 7 == 3) a[i] += 1e4;
  }
  a_lse_.Fill(a);
  b_lse_.Fill(b);
}

MergeAttentionArgs MergeAttentionProblem::Args() const {
  return {.a_out = a_out_.view(),
          .a_log_sum_exp = a_lse_.view(),
          .b_out = b_out_.view(),
          .b_log_sum_exp = b_lse_.view(),
          .out = (case_.in_place ? a_out_ : out_).mutable_view(),
          .log_sum_exp = (case_.in_place ? a_lse_ : lse_).mutable_view()};
}

Expected MergeAttentionProblem::Oracle() const {
  ExpectedAttentionResult both = ExpectedMergeAttention(Args());
  Expected joined = std::move(both.out);
  for (size_t i = 0; i < both.log_sum_exp.values.size(); ++i) {
    joined.Add(both.log_sum_exp.values[i], both.log_sum_exp.bounds[i]);
  }
  return joined;
}

std::vector<double> MergeAttentionProblem::Values() const {
  std::vector<double> values = ValuesOf(Args().out);
  const std::vector<double> lse = ValuesOf(Args().log_sum_exp);
  values.insert(values.end(), lse.begin(), lse.end());
  return values;
}

std::vector<uint32_t> MergeAttentionProblem::Bits() const {
  std::vector<uint32_t> bits = (case_.in_place ? a_out_ : out_).Bits();
  const std::vector<uint32_t> lse = (case_.in_place ? a_lse_ : lse_).Bits();
  bits.insert(bits.end(), lse.begin(), lse.end());
  return bits;
}

testing::AssertionResult MergeAttentionProblem::Untouched() const {
  if (testing::AssertionResult out = (case_.in_place ? a_out_ : out_).Untouched(); !out) return out;
  return (case_.in_place ? a_lse_ : lse_).Untouched();
}

}  // namespace strata::test
