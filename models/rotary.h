// Rotary frequencies and angles, with the context extensions that Hugging Face checkpoints name.
//
// inverse frequency of pair j (of head_dim / 2):  f_j = theta^(-2j / head_dim)
//   linear   f_j / factor                                        (Chen et al. 2023)
//   dynamic  theta grows with the sequence beyond the trained length (NTK-aware scaling)
//   llama3   long wavelengths divided by factor, short kept, a blend between   (Llama 3.1)
//   yarn     per-dimension blend, and cos/sin scaled by an attention factor    (Peng et al. 2023)
// Formulas as in transformers' modeling_rope_utils.py; angles are float32 products as there.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "kernels/base/tensor_view.h"
#include "models/config.h"

namespace strata {

struct RotaryFrequencies {
  std::vector<float> inverse;     // [head_dim / 2]
  float attention_factor = 1.0f;  // multiplies cosines and sines

  friend bool operator==(const RotaryFrequencies&, const RotaryFrequencies&) = default;
};

// `sequence_length` (tokens known of the sequence) matters to dynamic scaling alone.
RotaryFrequencies ComputeRotaryFrequencies(const RopeConfig& rope, int64_t head_dim,
                                           int64_t sequence_length);

// Writes cosines and sines, both [positions.size(), head_dim / 2] f32, attention factor included.
void FillRotaryAngles(const RotaryFrequencies& frequencies, absl::Span<const int32_t> positions,
                      const MutableTensorView& cosines, const MutableTensorView& sines);

}  // namespace strata
