// Add: out = a + b, element by element (a residual). `out` may be `a` or `b`.
#pragma once

#include "kernels/base/tensor_view.h"
#include "kernels/ops/cost.h"

namespace strata {

struct AddArgs {
  TensorView a;           // [num_rows, num_columns] f32
  TensorView b;           // [num_rows, num_columns] f32
  MutableTensorView out;  // [num_rows, num_columns] f32
};

absl::Status Check(const AddArgs& args);
OpCost Cost(const AddArgs& args);

}  // namespace strata
