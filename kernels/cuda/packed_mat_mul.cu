#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mat_mul_launch.h"
#include "kernels/cuda/mat_mul_outputs.h"
#include "kernels/cuda/packed_mat_mul.cuh"
#include "kernels/cuda/packed_mat_mul_launch.h"
#include "kernels/cuda/unpack_weights.cuh"
#include "kernels/cuda/unpack_weights_launch.h"

namespace strata::cuda {
namespace {

template <int kCodeBits, int kRowFragments>
absl::Status LaunchFused(const PackedMatMulParams& params, LaunchContext& context) {
  using Kernel = PackedMatMulKernel<kCodeBits, kRowFragments>;
  return Launch<Kernel>(
      context,
      {.x = Tiles(params.out_dim, Kernel::kOutTile), .y = Tiles(params.num_rows, Kernel::kRowTile)},
      params);
}

template <int kCodeBits>
absl::Status LaunchFused(const PackedMatMulParams& params, LaunchContext& context) {
  if (params.num_rows <= 8) return LaunchFused<kCodeBits, 1>(params, context);
  if (params.num_rows <= 16) return LaunchFused<kCodeBits, 2>(params, context);
  if (params.num_rows <= 32) return LaunchFused<kCodeBits, 4>(params, context);
  return LaunchFused<kCodeBits, 8>(params, context);
}

}  // namespace

absl::Status LaunchUnpackWeights(const TensorView& weight, void* out, LaunchContext& context) {
  constexpr int kThreads = UnpackWeightsKernel<8>::kThreads;
  const int64_t padded = PaddedColumns(weight.num_columns());
  const int ctas_per_row = Tiles(padded / 8, kThreads);
  const Grid grid = {.x = static_cast<int>(weight.num_rows() * ctas_per_row)};
  const UnpackWeightsParams params = {.weight = static_cast<const char*>(weight.data()),
                                      .out = out,
                                      .layout = LayoutOf(weight),
                                      .num_columns = weight.num_columns(),
                                      .padded_columns = padded,
                                      .ctas_per_row = ctas_per_row};
  if (PackedCodeBits(weight.dtype()) == 8) {
    return Launch<UnpackWeightsKernel<8>>(context, grid, params);
  }
  return Launch<UnpackWeightsKernel<4>>(context, grid, params);
}

absl::Status LaunchPackedMatMul(const MatMulArgs& args, const TensorView& x,
                                LaunchContext& context) {
  const int64_t num_rows = x.num_rows();
  const int64_t in_dim = x.num_columns();
  const int64_t out_dim = args.weight.num_rows();
  if (num_rows <= kFusedRows) {
    const PackedMatMulParams params = {.x = x.data(),
                                       .weight = static_cast<const char*>(args.weight.data()),
                                       .x_stride_bytes = BytesOf(x.dtype(), x.row_stride()),
                                       .layout = LayoutOf(args.weight),
                                       .num_rows = num_rows,
                                       .in_dim = in_dim,
                                       .out_dim = out_dim,
                                       .epilogue = EpilogueOf(args)};
    return PackedCodeBits(args.weight.dtype()) == 8 ? LaunchFused<8>(params, context)
                                                    : LaunchFused<4>(params, context);
  }
  const int64_t padded = PaddedColumns(in_dim);
  const int64_t outputs_at_a_time = UnpackedOutputs(out_dim, in_dim, kUnpackedBytes);
  STRATA_ASSIGN_OR_RETURN(void* const unpacked,
                          context.Scratch(BytesOf(DType::kBF16, outputs_at_a_time * padded)));
  for (int64_t begin = 0; begin < out_dim; begin += outputs_at_a_time) {
    const int64_t end = std::min(out_dim, begin + outputs_at_a_time);
    STRATA_RETURN_IF_ERROR(LaunchUnpackWeights(args.weight.Rows(begin, end), unpacked, context));
    const TensorView weight(unpacked, DType::kBF16, {end - begin, in_dim}, padded);
    STRATA_RETURN_IF_ERROR(LaunchRoundedMatMul(OutputsOf(args, begin, end, weight), x, context));
  }
  return absl::OkStatus();
}

}  // namespace strata::cuda
