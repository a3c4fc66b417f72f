// TopLogits: the most likely tokens of each row, so that a draw needs a few numbers of a row and
// not the vocabulary.
//
//   ids[i]    = tokens by falling logit, ties by rising id; NaN comes after everything
//   values[i] = their logits
//   mass[i]   = sum_j exp((logit_j - values[i][0]) / temperatures[i]) over the whole row, NaN left
//               out: the probability of token j at the temperature is its summand / mass
// With count 1 it is arg max. Top-k up to `count`, and top-p and min-p whose tokens are among them,
// are exact on them. A row's mass is summed in one order, whatever the batch; it is NaN where
// values[i][0] is infinite.
#pragma once

#include "absl/types/span.h"
#include "kernels/base/tensor_view.h"
#include "kernels/ops/cost.h"

namespace strata {

// Tokens of a row, at most.
inline constexpr int64_t kMaxTopLogits = 256;
// Of temperatures, at least: the reciprocal of less would not be far from infinity.
inline constexpr float kMinTemperature = 1e-6f;

struct TopLogitsArgs {
  TensorView logits;                     // [num_rows, vocab_size] f32
  absl::Span<const float> temperatures;  // [num_rows], each in [kMinTemperature, infinity)
  MutableTensorView ids;     // [num_rows, count] i32, 1 <= count <= min(256, vocab_size)
  MutableTensorView values;  // [num_rows, count] f32
  MutableTensorView mass;    // [num_rows, 1] f32
};

absl::Status Check(const TopLogitsArgs& args);
OpCost Cost(const TopLogitsArgs& args);

}  // namespace strata
