// MergeAttention: combines attention over two disjoint sets of positions exactly.
//
//   m = max(lse_a, lse_b);  w_x = exp(lse_x - m)
//   out = (w_a out_a + w_b out_b) / (w_a + w_b);   lse = m + log(w_a + w_b)
// A set with lse = -inf (it saw nothing) leaves the other unchanged. `a` and `out` may be the same.
#pragma once

#include "kernels/base/tensor_view.h"
#include "kernels/ops/cost.h"

namespace strata {

struct MergeAttentionArgs {
  TensorView a_out;               // [num_tokens, num_q_heads, v_head_dim] f32
  TensorView a_log_sum_exp;       // [num_tokens, num_q_heads] f32
  TensorView b_out;               // as a_out
  TensorView b_log_sum_exp;       // as a_log_sum_exp
  MutableTensorView out;          // as a_out
  MutableTensorView log_sum_exp;  // as a_log_sum_exp
};

absl::Status Check(const MergeAttentionArgs& args);
OpCost Cost(const MergeAttentionArgs& args);

}  // namespace strata
