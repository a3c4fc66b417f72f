// ProductLibrary: large matrix products by a library that is not ours. CublasLt is the one; tests
// have another.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/base/dtype.h"
#include "kernels/cuda/launch_context.h"

namespace strata::cuda {

// out = x * weight^T + bias + residual, all row-major in device memory. x and weight have one
// format; out, bias and residual are f32; sums are f32.
struct LibraryProduct {
  DType dtype = DType::kF32;  // f32, f16 or bf16
  int64_t num_rows = 0;
  int64_t in_dim = 0;
  int64_t out_dim = 0;
  const void* x = nullptr;       // [num_rows, in_dim]
  int64_t x_stride = 0;          // elements from row to row, as below
  const void* weight = nullptr;  // [out_dim, in_dim]
  int64_t weight_stride = 0;
  const float* bias = nullptr;      // [out_dim]; null: none
  const float* residual = nullptr;  // [num_rows, out_dim]; null: none; may be out
  int64_t residual_stride = 0;
  float* out = nullptr;  // [num_rows, out_dim]
  int64_t out_stride = 0;
  void* workspace = nullptr;  // ProductLibrary::kWorkspaceBytes, aligned to 256
};

class ProductLibrary {
 public:
  static constexpr int64_t kWorkspaceBytes = int64_t{32} << 20;

  virtual ~ProductLibrary() = default;

  // Puts the product on the context's stream. Unimplemented: no way for these extents and
  // addresses; nothing was queued then. Internal: the library refused.
  virtual absl::Status Multiply(const LibraryProduct& product, LaunchContext& context) = 0;
};

}  // namespace strata::cuda
