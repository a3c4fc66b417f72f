// Shape tables and problems of the operations that work row by row: norms, activations, Add,
// GatherRows, Rope, MergeAttention. One table for every backend.
//
// A problem owns seeded operands. It is used once: Oracle() before Run(), then Values(), Bits(),
// Untouched() of its output.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/ops/backend.h"
#include "tests/support/oracle/oracle.h"
#include "tests/support/test_tensor.h"

namespace strata::test {

enum class RowOp { kRmsNorm, kLayerNorm, kActivate, kGatedActivate, kAdd, kGatherRows };

struct RowOpCase {
  RowOp op;
  int64_t num_rows;
  int64_t num_columns;
  DType dtype = DType::kF32;  // of weights, biases, tables
  Placement placement = {};   // of every tensor
  bool in_place = false;      // the output is the first input
  Activation activation = Activation::kSilu;
  GatherMode mode = GatherMode::kWrite;

  std::string ToString() const;
};

// All operations above in all shapes: empty, 1, odd, prime, around the vector widths, realistic.
std::vector<RowOpCase> RowOpCases();

class RowOpProblem {
 public:
  explicit RowOpProblem(const RowOpCase& c);
  Expected Oracle() const;
  absl::Status Run(Backend& backend) { return RunRows(backend, 0, case_.num_rows); }
  // Only these rows.
  absl::Status RunRows(Backend& backend, int64_t begin, int64_t end);
  std::vector<double> Values() const { return out_->Values(); }
  std::vector<uint32_t> Bits() const { return out_->Bits(); }
  testing::AssertionResult Untouched() const { return out_->Untouched(); }

 private:
  RowOpCase case_;
  std::vector<int32_t> indices_;
  TestTensor a_;
  TestTensor b_;
  TestTensor table_;
  TestTensor weight_;
  TestTensor bias_;
  TestTensor separate_out_;
  TestTensor* out_;
};

struct RopeCase {
  int64_t num_tokens;
  int64_t num_heads;
  int64_t head_dim;
  int64_t rotary_dim;
  Placement placement = {};

  std::string ToString() const;
};
std::vector<RopeCase> RopeCases();

class RopeProblem {
 public:
  explicit RopeProblem(const RopeCase& c);
  Expected Oracle() const { return ExpectedRope(Args()); }
  absl::Status Run(Backend& backend) { return backend.Rope(Args()); }
  std::vector<double> Values() const { return x_.Values(); }
  std::vector<uint32_t> Bits() const { return x_.Bits(); }
  testing::AssertionResult Untouched() const { return x_.Untouched(); }

 private:
  RopeArgs Args() const {
    return {.x = x_.mutable_view(), .cosines = cosines_.view(), .sines = sines_.view()};
  }

  TestTensor x_;
  TestTensor cosines_;
  TestTensor sines_;
};

struct MergeAttentionCase {
  int64_t num_tokens;
  int64_t num_q_heads;
  int64_t v_head_dim;
  Placement placement = {};
  bool in_place = false;

  std::string ToString() const;
};
std::vector<MergeAttentionCase> MergeAttentionCases();

class MergeAttentionProblem {
 public:
  explicit MergeAttentionProblem(const MergeAttentionCase& c);
  Expected Oracle() const;  // out, then log_sum_exp
  absl::Status Run(Backend& backend) { return backend.MergeAttention(Args()); }
  std::vector<double> Values() const;
  std::vector<uint32_t> Bits() const;
  testing::AssertionResult Untouched() const;

 private:
  MergeAttentionArgs Args() const;

  MergeAttentionCase case_;
  TestTensor a_out_;
  TestTensor a_lse_;
  TestTensor b_out_;
  TestTensor b_lse_;
  TestTensor out_;
  TestTensor lse_;
};

}  // namespace strata::test
