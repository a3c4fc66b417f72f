// RmsNorm and LayerNorm over the last axis, row by row.
//
//   RmsNorm:   out = x / sqrt(mean(x^2) + epsilon) * weight            (Zhang & Sennrich 2019)
//   LayerNorm: out = (x - mean(x)) / sqrt(var(x) + epsilon) * weight + bias   (Ba et al. 2016;
//              biased variance)
// `out` may be `x` itself.
#pragma once

#include "kernels/base/tensor_view.h"
#include "kernels/ops/cost.h"

namespace strata {

struct RmsNormArgs {
  TensorView x;       // [num_rows, num_columns] f32
  TensorView weight;  // [num_columns] f32, f16 or bf16
  float epsilon = 1e-6f;
  MutableTensorView out;  // [num_rows, num_columns] f32
};

struct LayerNormArgs {
  TensorView x;       // [num_rows, num_columns] f32
  TensorView weight;  // [num_columns] f32, f16 or bf16
  TensorView bias;    // [num_columns] f32, f16 or bf16
  float epsilon = 1e-5f;
  MutableTensorView out;  // [num_rows, num_columns] f32
};

absl::Status Check(const RmsNormArgs& args);
absl::Status Check(const LayerNormArgs& args);
OpCost Cost(const RmsNormArgs& args);
OpCost Cost(const LayerNormArgs& args);

}  // namespace strata
