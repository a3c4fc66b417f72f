// RopeAppendKv: Rope of the queries in place, and AppendKv of the rotated keys and the values, in
// one operation: rotated keys need not go through memory on their way to the pages.
#pragma once

#include "kernels/ops/append_kv.h"
#include "kernels/ops/rope.h"

namespace strata {

struct RopeAppendKvArgs {
  MutableTensorView queries;  // [num_tokens, num_q_heads, head_dim] f32, rotated in place
  MutableTensorView keys;     // [num_tokens, num_kv_heads, head_dim] f32; afterwards unspecified
  TensorView values;          // [num_tokens, num_kv_heads, v_head_dim] f32
  TensorView cosines;         // [num_tokens, rotary_dim / 2] f32, the attention factor included
  TensorView sines;           // [num_tokens, rotary_dim / 2] f32, likewise
  KvView kv;                  // its sequences cover rows [0, num_tokens)
};

// The operations that it is made of, in their order.
RopeArgs RopeOfQueries(const RopeAppendKvArgs& args);
RopeArgs RopeOfKeys(const RopeAppendKvArgs& args);
AppendKvArgs AppendOf(const RopeAppendKvArgs& args);

absl::Status Check(const RopeAppendKvArgs& args);
OpCost Cost(const RopeAppendKvArgs& args);

}  // namespace strata
