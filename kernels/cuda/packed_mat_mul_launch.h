// Launchers of MatMul with packed weights (kernels/base/packed_weights.h), for sm_80 on.
//
// Up to kFusedRows rows: the codes are read once and unpacked in registers. More: the weights are
// unpacked to bf16, as many outputs at a time as fit kUnpackedBytes, and multiplied as any others.
// Both give a row the same bits. (Where there is a library, library_mat_mul.h has the latter.)
#pragma once

#include "absl/status/status.h"
#include "kernels/base/packed_weights.h"
#include "kernels/cuda/launch_context.h"
#include "kernels/cuda/packed_codes.cuh"
#include "kernels/ops/mat_mul.h"

namespace strata::cuda {

// The crossover: not measured on a GPU.
inline constexpr int64_t kFusedRows = 64;

inline PackedLayout LayoutOf(const TensorView& weight) {
  const DType dtype = weight.dtype();
  const int64_t in_dim = weight.num_columns();
  const int64_t codes_offset = PackedCodesOffset(dtype, in_dim);
  return {.row_bytes = PackedRowBytes(dtype, in_dim),
          .codes_offset = codes_offset,
          .code_bytes = PackedRowBytes(dtype, in_dim) - codes_offset,
          .group_shift = PackedGroupSize(dtype) == 64 ? 6 : 7};
}

// The product of `args`, whose x is there as bf16 too: [num_rows, in_dim], rows at multiples of 16
// bytes. in_dim is not 0.
absl::Status LaunchPackedMatMul(const MatMulArgs& args, const TensorView& x,
                                LaunchContext& context);

}  // namespace strata::cuda
