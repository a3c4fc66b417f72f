// MatMul of many rows by a library of products, with what the library lacks done by kernels of our
// own: activations are rounded to the weights' format, 16-bit biases widened, packed weights
// unpacked to bf16 first.
#pragma once

#include "absl/status/status.h"
#include "kernels/cuda/launch_context.h"
#include "kernels/cuda/product_library.h"
#include "kernels/ops/mat_mul.h"

namespace strata::cuda {

// Up to here our own products are used: bound by the weights' bytes, which a library's kernels for
// many rows read less well. Not measured on a GPU.
inline constexpr int64_t kFewRows = 64;

// True for a product that is the library's: many rows of what tensor cores would multiply if they
// were few (so that operands are rounded alike), or of f32.
bool IsForLibrary(const MatMulArgs& args, int sm_version);

// How much scratch memory an operand's conversion takes at a time.
struct LibraryPieces {
  int64_t rounded_bytes = int64_t{64} << 20;   // of activations, kFewRows of them at least
  int64_t unpacked_bytes = int64_t{64} << 20;  // of packed weights, 64 outputs of them at least
};

// Checked arguments, IsForLibrary. Parts for which the library has no way take our own kernels.
absl::Status LaunchLibraryMatMul(const MatMulArgs& args, ProductLibrary& library,
                                 LaunchContext& context, const LibraryPieces& pieces = {});

}  // namespace strata::cuda
