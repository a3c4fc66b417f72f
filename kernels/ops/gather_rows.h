// GatherRows: rows of a table by index, as f32. Embedding look-up, learned positions (added), and
// picking the rows whose logits are wanted.
//
//   out[i] = table[indices[i]]            (GatherMode::kWrite)
//   out[i] = out[i] + table[indices[i]]   (GatherMode::kAdd)
#pragma once

#include "absl/types/span.h"
#include "kernels/base/tensor_view.h"
#include "kernels/ops/cost.h"

namespace strata {

enum class GatherMode : uint8_t { kWrite, kAdd };

struct GatherRowsArgs {
  TensorView table;                   // [num_table_rows, num_columns] f32, f16 or bf16
  absl::Span<const int32_t> indices;  // [num_rows], each in [0, num_table_rows)
  GatherMode mode = GatherMode::kWrite;
  MutableTensorView out;  // [num_rows, num_columns] f32
};

absl::Status Check(const GatherRowsArgs& args);
OpCost Cost(const GatherRowsArgs& args);

}  // namespace strata
