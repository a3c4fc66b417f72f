// Activation functions of the feed-forward network, element by element.
//
//   Activate:      out = f(x)
//   GatedActivate: out = f(gate) * up      (SwiGLU with f = SiLU: Shazeer 2020)
// Outputs may be the inputs themselves.
#pragma once

#include "kernels/base/tensor_view.h"
#include "kernels/ops/cost.h"

namespace strata {

enum class Activation : uint8_t {
  kRelu,
  kSilu,      // x * sigmoid(x)
  kGelu,      // x/2 * (1 + erf(x / sqrt 2))
  kGeluTanh,  // x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))): GPT-2's "gelu_new"
};

struct ActivateArgs {
  TensorView x;  // [num_rows, num_columns] f32
  Activation activation = Activation::kSilu;
  MutableTensorView out;  // [num_rows, num_columns] f32
};

struct GatedActivateArgs {
  TensorView gate;  // [num_rows, num_columns] f32
  TensorView up;    // [num_rows, num_columns] f32
  Activation activation = Activation::kSilu;
  MutableTensorView out;  // [num_rows, num_columns] f32
};

absl::Status Check(const ActivateArgs& args);
absl::Status Check(const GatedActivateArgs& args);
OpCost Cost(const ActivateArgs& args);
OpCost Cost(const GatedActivateArgs& args);

}  // namespace strata
