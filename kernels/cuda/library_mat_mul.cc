#include "kernels/cuda/library_mat_mul.h"

#include <algorithm>

#include "kernels/base/packed_weights.h"
#include "kernels/base/status.h"
#include "kernels/cuda/gather_rows_launch.h"
#include "kernels/cuda/mat_mul_launch.h"
#include "kernels/cuda/mat_mul_outputs.h"
#include "kernels/cuda/unpack_weights_launch.h"

namespace strata::cuda {
namespace {

// What the library's products need beside the operands.
struct LibraryMemory {
  void* rounded_x = nullptr;     // for operands of 16 bits
  void* unpacked = nullptr;      // for packed weights
  int64_t unpacked_outputs = 0;  // that fit there
  void* workspace = nullptr;
};

// The bias as f32, [out_dim]; absent where there is none.
absl::StatusOr<TensorView> WidenedBias(const MatMulArgs& args, LaunchContext& context) {
  if (!args.bias.present() || args.bias.dtype() == DType::kF32) return args.bias;
  const int64_t out_dim = args.out.num_columns();
  STRATA_ASSIGN_OR_RETURN(void* const widened, context.Scratch(BytesOf(DType::kF32, out_dim)));
  const int32_t first = 0;
  STRATA_RETURN_IF_ERROR(
      LaunchGatherRows({.table = TensorView(args.bias.data(), args.bias.dtype(), {1, out_dim}),
                        .indices = {&first, 1},
                        .out = MutableTensorView(widened, DType::kF32, {1, out_dim})},
                       context));
  return TensorView(widened, DType::kF32, {out_dim});
}

// The product of `args`, whose bias is f32 and whose x is there as `x` too, in the weight's format.
absl::Status Multiply(const MatMulArgs& args, const TensorView& x, void* workspace,
                      ProductLibrary& library, LaunchContext& context) {
  const bool adds = args.residual.present();
  const absl::Status status = library.Multiply(
      {.dtype = args.weight.dtype(),
       .num_rows = x.num_rows(),
       .in_dim = x.num_columns(),
       .out_dim = args.out.num_columns(),
       .x = x.data(),
       .x_stride = x.row_stride(),
       .weight = args.weight.data(),
       .weight_stride = args.weight.row_stride(),
       .bias = args.bias.present() ? static_cast<const float*>(args.bias.data()) : nullptr,
       .residual = adds ? static_cast<const float*>(args.residual.data()) : nullptr,
       .residual_stride = adds ? args.residual.row_stride() : 0,
       .out = static_cast<float*>(args.out.mutable_data()),
       .out_stride = args.out.row_stride(),
       .workspace = workspace},
      context);
  return absl::IsUnimplemented(status) ? LaunchMatMul(args, context) : status;
}

// All outputs of some rows.
absl::Status MultiplyRows(const MatMulArgs& args, const LibraryMemory& memory,
                          ProductLibrary& library, LaunchContext& context) {
  const bool is_packed = IsPackedWeight(args.weight.dtype());
  const DType operands = is_packed ? DType::kBF16 : args.weight.dtype();
  const int64_t in_dim = args.x.num_columns();
  TensorView x = args.x;
  if (operands != DType::kF32) {
    STRATA_RETURN_IF_ERROR(LaunchRoundRows(args.x, operands, memory.rounded_x, context));
    x = TensorView(memory.rounded_x, operands, args.x.shape(), PaddedColumns(in_dim));
  }
  if (!is_packed) return Multiply(args, x, memory.workspace, library, context);
  const int64_t out_dim = args.weight.num_rows();
  for (int64_t begin = 0; begin < out_dim; begin += memory.unpacked_outputs) {
    const int64_t end = std::min(out_dim, begin + memory.unpacked_outputs);
    STRATA_RETURN_IF_ERROR(
        LaunchUnpackWeights(args.weight.Rows(begin, end), memory.unpacked, context));
    const TensorView weight(memory.unpacked, DType::kBF16, {end - begin, in_dim},
                            PaddedColumns(in_dim));
    STRATA_RETURN_IF_ERROR(
        Multiply(OutputsOf(args, begin, end, weight), x, memory.workspace, library, context));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsForLibrary(const MatMulArgs& args, int sm_version) {
  if (args.x.num_rows() <= kFewRows || args.x.num_columns() == 0) return false;
  return args.weight.dtype() == DType::kF32 || MatMulOperands(args, sm_version) != DType::kF32;
}

absl::Status LaunchLibraryMatMul(const MatMulArgs& args, ProductLibrary& library,
                                 LaunchContext& context, const LibraryPieces& pieces) {
  const DType dtype = args.weight.dtype();
  const int64_t num_rows = args.x.num_rows();
  const int64_t padded = PaddedColumns(args.x.num_columns());
  const int64_t rows_at_a_time =
      std::min(num_rows, std::max(kFewRows, pieces.rounded_bytes / BytesOf(DType::kBF16, padded)));
  LibraryMemory memory;
  STRATA_ASSIGN_OR_RETURN(memory.workspace, context.Scratch(ProductLibrary::kWorkspaceBytes));
  if (dtype != DType::kF32) {
    STRATA_ASSIGN_OR_RETURN(memory.rounded_x,
                            context.Scratch(BytesOf(DType::kBF16, rows_at_a_time * padded)));
  }
  if (IsPackedWeight(dtype)) {
    memory.unpacked_outputs =
        UnpackedOutputs(args.weight.num_rows(), args.x.num_columns(), pieces.unpacked_bytes);
    STRATA_ASSIGN_OR_RETURN(
        memory.unpacked, context.Scratch(BytesOf(DType::kBF16, memory.unpacked_outputs * padded)));
  }
  MatMulArgs rows = args;
  STRATA_ASSIGN_OR_RETURN(rows.bias, WidenedBias(args, context));
  for (int64_t begin = 0; begin < num_rows; begin += rows_at_a_time) {
    const int64_t end = std::min(num_rows, begin + rows_at_a_time);
    rows.x = args.x.Rows(begin, end);
    rows.out = args.out.Rows(begin, end);
    if (args.residual.present()) rows.residual = args.residual.Rows(begin, end);
    STRATA_RETURN_IF_ERROR(MultiplyRows(rows, memory, library, context));
  }
  return absl::OkStatus();
}

}  // namespace strata::cuda
