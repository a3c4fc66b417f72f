#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mat_mul_launch.h"
#include "kernels/cuda/mat_mul_mma.cuh"
#include "kernels/cuda/mat_mul_plain.cuh"
#include "kernels/cuda/packed_mat_mul_launch.h"
#include "kernels/cuda/round_rows.cuh"

namespace strata::cuda {
namespace {

// Two warps share 16 rows and have 32 outputs; four warps share 64 by 64.
template <typename T>
using FewRowsMatMul = MatMulMmaKernel<T, 1, 2, 1, 1, 128, 4>;
template <typename T>
using ManyRowsMatMul = MatMulMmaKernel<T, 2, 2, 2, 2, 64, 3>;

template <typename Kernel>
absl::Status LaunchTiles(const MatMulMmaParams& params, LaunchContext& context) {
  return Launch<Kernel>(
      context,
      {.x = Tiles(params.out_dim, Kernel::kOutTile), .y = Tiles(params.num_rows, Kernel::kRowTile)},
      params);
}

template <typename T>
absl::Status LaunchMma(const MatMulMmaParams& params, LaunchContext& context) {
  if (params.num_rows <= FewRowsMatMul<T>::kRowTile) {
    return LaunchTiles<FewRowsMatMul<T>>(params, context);
  }
  return LaunchTiles<ManyRowsMatMul<T>>(params, context);
}

absl::Status LaunchPlain(const MatMulArgs& args, LaunchContext& context) {
  using Kernel = MatMulPlainKernel;
  const DType dtype = args.weight.dtype();
  MatMulPlainParams params = {.x = static_cast<const float*>(args.x.data()),
                              .weight = args.weight.data(),
                              .x_stride = args.x.row_stride(),
                              .weight_stride_bytes = BytesOf(dtype, args.weight.row_stride()),
                              .num_rows = args.x.shape()[0],
                              .in_dim = args.x.shape()[1],
                              .out_dim = args.weight.shape()[0],
                              .epilogue = EpilogueOf(args)};
  if (IsPackedWeight(dtype)) {
    params.code_bits = PackedCodeBits(dtype);
    params.packed = LayoutOf(args.weight);
  } else {
    params.weight_element = ElementOf(dtype);
  }
  return Launch<Kernel>(context,
                        {.x = Tiles(args.weight.shape()[0], Kernel::kTile),
                         .y = Tiles(args.x.shape()[0], Kernel::kTile)},
                        params);
}

}  // namespace

DType MatMulOperands(const MatMulArgs& args, int sm_version) {
  const DType dtype = args.weight.dtype();
  if (IsPackedWeight(dtype)) return sm_version >= 80 ? DType::kBF16 : DType::kF32;
  const bool has_product = dtype == DType::kF16 || (dtype == DType::kBF16 && sm_version >= 80);
  const bool aligned = reinterpret_cast<uintptr_t>(args.weight.data()) % 16 == 0 &&
                       args.weight.row_stride() % 8 == 0;
  return has_product && aligned ? dtype : DType::kF32;
}

absl::Status LaunchRoundRows(const TensorView& x, DType dtype, void* out, LaunchContext& context) {
  using Kernel = RoundRowsKernel<BFloat16>;
  const int64_t padded = PaddedColumns(x.num_columns());
  const int ctas_per_row = Tiles(padded / 4, Kernel::kThreads);
  const Grid grid = {.x = static_cast<int>(x.num_rows() * ctas_per_row)};
  const RoundRowsParams params = {
      .x = static_cast<const float*>(x.data()),
      .out = out,
      .x_stride = x.row_stride(),
      .num_columns = x.num_columns(),
      .padded_columns = padded,
      .ctas_per_row = ctas_per_row,
      .fours = HasAlignedFours(x) ? Fours::kAligned : Fours::kScattered};
  if (dtype == DType::kF16) return Launch<RoundRowsKernel<Float16>>(context, grid, params);
  return Launch<Kernel>(context, grid, params);
}

absl::Status LaunchMatMul(const MatMulArgs& args, LaunchContext& context) {
  const DType operands = MatMulOperands(args, context.sm_version());
  if (operands == DType::kF32 || args.x.num_columns() == 0) return LaunchPlain(args, context);
  const int64_t row_bytes = BytesOf(operands, PaddedColumns(args.x.num_columns()));
  STRATA_ASSIGN_OR_RETURN(void* const rounded, context.Scratch(args.x.num_rows() * row_bytes));
  STRATA_RETURN_IF_ERROR(LaunchRoundRows(args.x, operands, rounded, context));
  const TensorView x(rounded, operands, args.x.shape(), PaddedColumns(args.x.num_columns()));
  return IsPackedWeight(args.weight.dtype()) ? LaunchPackedMatMul(args, x, context)
                                             : LaunchRoundedMatMul(args, x, context);
}

absl::Status LaunchRoundedMatMul(const MatMulArgs& args, const TensorView& x,
                                 LaunchContext& context) {
  const DType dtype = args.weight.dtype();
  const MatMulMmaParams params = {.x = x.data(),
                                  .weight = args.weight.data(),
                                  .x_stride_bytes = BytesOf(dtype, x.row_stride()),
                                  .weight_stride_bytes = BytesOf(dtype, args.weight.row_stride()),
                                  .num_rows = x.shape()[0],
                                  .in_dim = x.shape()[1],
                                  .out_dim = args.weight.shape()[0],
                                  .epilogue = EpilogueOf(args)};
  return dtype == DType::kF16 ? LaunchMma<Float16>(params, context)
                              : LaunchMma<BFloat16>(params, context);
}

}  // namespace strata::cuda
