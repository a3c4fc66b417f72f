// Rope: rotary position embedding, in place (Su et al. 2021), in the "halves" form of Hugging Face:
// element j of a head is paired with element j + rotary_dim / 2.
//
//   x'[j]       = x[j] * cos[j] - x[j + r/2] * sin[j]
//   x'[j + r/2] = x[j + r/2] * cos[j] + x[j] * sin[j]        for j < r/2, r = rotary_dim
// Elements at and after rotary_dim stay. Angles are made once per pass, not per layer.
#pragma once

#include "kernels/base/tensor_view.h"
#include "kernels/ops/cost.h"

namespace strata {

struct RopeArgs {
  MutableTensorView x;  // [num_tokens, num_heads, head_dim] f32; row_stride is between heads
  TensorView cosines;   // [num_tokens, rotary_dim / 2] f32, the attention factor included
  TensorView sines;     // [num_tokens, rotary_dim / 2] f32, likewise
};

absl::Status Check(const RopeArgs& args);
OpCost Cost(const RopeArgs& args);

}  // namespace strata
