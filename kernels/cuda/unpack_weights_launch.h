// Launcher of UnpackWeights: packed weights as bf16, what products of many rows take them as.
#pragma once

#include <algorithm>

#include "absl/status/status.h"
#include "kernels/cuda/launch_context.h"
#include "kernels/cuda/mat_mul_launch.h"

namespace strata::cuda {

inline constexpr int64_t kUnpackedBytes = 64 << 20;

// Outputs whose weights are unpacked together to at most `bytes`: whole tiles, one at least, unless
// they are all.
inline int64_t UnpackedOutputs(int64_t out_dim, int64_t in_dim, int64_t bytes) {
  const int64_t row_bytes = BytesOf(DType::kBF16, PaddedColumns(in_dim));
  return std::min(out_dim, std::max<int64_t>(64, bytes / row_bytes / 64 * 64));
}

// Rows of packed weights in bf16, dense rows of PaddedColumns(in_dim) elements with zeros at their
// ends. `out` is device memory, aligned to 16.
absl::Status LaunchUnpackWeights(const TensorView& weight, void* out, LaunchContext& context);

}  // namespace strata::cuda
