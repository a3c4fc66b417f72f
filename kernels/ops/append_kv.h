// AppendKv: writes the K and V rows of this pass's tokens into their sequences' pages, converting
// to the pages' format.
#pragma once

#include "kernels/base/tensor_view.h"
#include "kernels/ops/cost.h"
#include "kernels/ops/kv_view.h"

namespace strata {

struct AppendKvArgs {
  TensorView keys;    // [num_tokens, num_kv_heads, head_dim] f32
  TensorView values;  // [num_tokens, num_kv_heads, v_head_dim] f32
  KvView kv;          // its sequences cover rows [0, num_tokens)
};

absl::Status Check(const AppendKvArgs& args);
OpCost Cost(const AppendKvArgs& args);

}  // namespace strata
