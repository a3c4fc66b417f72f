#include "kernels/cuda/cuda_backend.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "kernels/cuda/append_kv_launch.h"
#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/elementwise_launch.h"
#include "kernels/cuda/gather_rows_launch.h"
#include "kernels/cuda/host/cublas_lt.h"
#include "kernels/cuda/host/cuda_context.h"
#include "kernels/cuda/host/cuda_device.h"
#include "kernels/cuda/host/cuda_runtime.h"
#include "kernels/cuda/mat_mul_launch.h"
#include "kernels/cuda/merge_attention_launch.h"
#include "kernels/cuda/norm_launch.h"
#include "kernels/cuda/rope_append_kv_launch.h"
#include "kernels/cuda/rope_launch.h"
#include "kernels/cuda/top_logits_launch.h"

namespace strata {
namespace {

using cuda::CublasLt;
using cuda::CudaContext;
using cuda::CudaDevice;
using cuda::LaunchContext;

// Up to here our own products are used: bound by the weights' bytes, which the library's kernels
// for many rows read less well.
constexpr int64_t kFewRows = 64;

// Rounded activations lie in scratch memory, so many bytes at a time.
constexpr int64_t kRoundedBytes = int64_t{64} << 20;

class CudaBackend final : public Backend {
 public:
  CudaBackend(std::unique_ptr<CudaContext> context, std::string device_name)
      : context_(std::move(context)), device_name_(std::move(device_name)) {}

  std::string Name() const override { return device_name_; }
  Event Record() override { return context_->Record(); }

  absl::Status GatherRows(const GatherRowsArgs& args) override {
    return Run(args, &cuda::LaunchGatherRows);
  }
  absl::Status RmsNorm(const RmsNormArgs& args) override { return Run(args, &cuda::LaunchRmsNorm); }
  absl::Status LayerNorm(const LayerNormArgs& args) override {
    return Run(args, &cuda::LaunchLayerNorm);
  }
  absl::Status MatMul(const MatMulArgs& args) override;
  absl::Status Rope(const RopeArgs& args) override { return Run(args, &cuda::LaunchRope); }
  absl::Status AppendKv(const AppendKvArgs& args) override {
    return Run(args, &cuda::LaunchAppendKv);
  }
  absl::Status Attention(const AttentionArgs& args) override {
    return Run(args, &cuda::LaunchAttention);
  }
  absl::Status MergeAttention(const MergeAttentionArgs& args) override {
    return Run(args, &cuda::LaunchMergeAttention);
  }
  absl::Status Activate(const ActivateArgs& args) override {
    return Run(args, &cuda::LaunchActivate);
  }
  absl::Status GatedActivate(const GatedActivateArgs& args) override {
    return Run(args, &cuda::LaunchGatedActivate);
  }
  absl::Status Add(const AddArgs& args) override { return Run(args, &cuda::LaunchAdd); }
  absl::Status TopLogits(const TopLogitsArgs& args) override {
    return Run(args, &cuda::LaunchTopLogits);
  }
  absl::Status RopeAppendKv(const RopeAppendKvArgs& args) override {
    return Run(args, &cuda::LaunchRopeAppendKv);
  }

 private:
  template <typename Args>
  absl::Status Run(const Args& args, absl::Status (*launch)(const Args&, LaunchContext&)) {
    STRATA_RETURN_IF_ERROR(Check(args));
    STRATA_RETURN_IF_ERROR(context_->BeginOperation());
    return launch(args, *context_);
  }

  // The library, opened at the first call; null where it is not there.
  CublasLt* Library();
  // What the library's products need beside the operands, of the operation in progress.
  struct LibraryMemory {
    void* rounded_x = nullptr;  // for weights of 16 bits
    const float* bias = nullptr;
    void* workspace = nullptr;
  };
  // `rows_at_a_time` of x are rounded together.
  absl::StatusOr<LibraryMemory> Prepare(const MatMulArgs& args, int64_t rows_at_a_time);
  // Unimplemented, with nothing queued that writes args.out, when the library has no way.
  absl::Status MultiplyByLibrary(CublasLt& library, const MatMulArgs& args,
                                 const LibraryMemory& memory);

  std::unique_ptr<CudaContext> context_;
  std::string device_name_;
  std::optional<absl::StatusOr<std::unique_ptr<CublasLt>>> library_;
};

CublasLt* CudaBackend::Library() {
  if (!library_.has_value()) library_ = CublasLt::Load();
  return library_->ok() ? (*library_)->get() : nullptr;
}

absl::StatusOr<CudaBackend::LibraryMemory> CudaBackend::Prepare(const MatMulArgs& args,
                                                                int64_t rows_at_a_time) {
  LibraryMemory memory;
  STRATA_ASSIGN_OR_RETURN(memory.workspace, context_->Scratch(CublasLt::kWorkspaceBytes));
  const DType dtype = args.weight.dtype();
  if (dtype != DType::kF32) {
    const int64_t rows = std::min(rows_at_a_time, args.x.num_rows());
    STRATA_ASSIGN_OR_RETURN(
        memory.rounded_x,
        context_->Scratch(BytesOf(dtype, rows * cuda::PaddedColumns(args.x.num_columns()))));
  }
  if (!args.bias.present()) return memory;
  if (args.bias.dtype() == DType::kF32) {
    memory.bias = static_cast<const float*>(args.bias.data());
    return memory;
  }
  const int64_t out_dim = args.out.num_columns();
  STRATA_ASSIGN_OR_RETURN(void* const widened, context_->Scratch(BytesOf(DType::kF32, out_dim)));
  const int32_t first = 0;
  STRATA_RETURN_IF_ERROR(cuda::LaunchGatherRows(
      {.table = TensorView(args.bias.data(), args.bias.dtype(), {1, out_dim}),
       .indices = {&first, 1},
       .out = MutableTensorView(widened, DType::kF32, {1, out_dim})},
      *context_));
  memory.bias = static_cast<const float*>(widened);
  return memory;
}

absl::Status CudaBackend::MultiplyByLibrary(CublasLt& library, const MatMulArgs& args,
                                            const LibraryMemory& memory) {
  const DType dtype = args.weight.dtype();
  const void* x = args.x.data();
  int64_t x_stride = args.x.row_stride();
  if (dtype != DType::kF32) {
    STRATA_RETURN_IF_ERROR(cuda::LaunchRoundRows(args.x, dtype, memory.rounded_x, *context_));
    x = memory.rounded_x;
    x_stride = cuda::PaddedColumns(args.x.num_columns());
  }
  const bool adds = args.residual.present();
  return library.Multiply(
      {.dtype = dtype,
       .num_rows = args.x.num_rows(),
       .in_dim = args.x.num_columns(),
       .out_dim = args.out.num_columns(),
       .x = x,
       .x_stride = x_stride,
       .weight = args.weight.data(),
       .weight_stride = args.weight.row_stride(),
       .bias = memory.bias,
       .residual = adds ? static_cast<const float*>(args.residual.data()) : nullptr,
       .residual_stride = adds ? args.residual.row_stride() : 0,
       .out = static_cast<float*>(args.out.mutable_data()),
       .out_stride = args.out.row_stride(),
       .workspace = memory.workspace},
      *context_);
}

absl::Status CudaBackend::MatMul(const MatMulArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  STRATA_RETURN_IF_ERROR(context_->BeginOperation());
  const int64_t num_rows = args.x.num_rows();
  const int64_t in_dim = args.x.num_columns();
  const bool can = num_rows > kFewRows && in_dim > 0 && IsFloat(args.weight.dtype());
  CublasLt* const library = can ? Library() : nullptr;
  if (library == nullptr) return cuda::LaunchMatMul(args, *context_);

  const int64_t rows_at_a_time =
      std::max<int64_t>(kFewRows, kRoundedBytes / BytesOf(DType::kBF16, in_dim));
  STRATA_ASSIGN_OR_RETURN(const LibraryMemory memory, Prepare(args, rows_at_a_time));
  for (int64_t begin = 0; begin < num_rows; begin += rows_at_a_time) {
    const int64_t end = std::min(num_rows, begin + rows_at_a_time);
    MatMulArgs rows = args;
    rows.x = args.x.Rows(begin, end);
    rows.out = args.out.Rows(begin, end);
    if (args.residual.present()) rows.residual = args.residual.Rows(begin, end);
    absl::Status status = MultiplyByLibrary(*library, rows, memory);
    if (absl::IsUnimplemented(status)) status = cuda::LaunchMatMul(rows, *context_);
    STRATA_RETURN_IF_ERROR(status);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CudaDeviceInfo> FindCudaDevice(int device_index) {
  const std::unique_ptr<cuda::CudaRuntime> runtime = cuda::CreateCudaRuntime();
  STRATA_ASSIGN_OR_RETURN(const int count, runtime->NumDevices());
  if (device_index < 0 || device_index >= count) {
    return absl::UnavailableError(
        absl::StrCat("CUDA device ", device_index, ": there are ", count, ", numbered from 0"));
  }
  STRATA_ASSIGN_OR_RETURN(cuda::DeviceProperties found, runtime->Properties(device_index));
  return CudaDeviceInfo{.name = std::move(found.name),
                        .memory_bytes = found.memory_bytes,
                        .free_bytes = found.free_bytes};
}

absl::StatusOr<CudaParts> CreateCuda(const CudaOptions& options) {
  STRATA_ASSIGN_OR_RETURN(
      std::unique_ptr<CudaDevice> device,
      CudaDevice::Create(cuda::CreateCudaRuntime(), options.device_index, options.memory_limit));
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<CudaContext> context, CudaContext::Create(*device, {}));
  std::string name = device->Name();
  CudaParts parts;
  parts.device = std::move(device);
  parts.backend = std::make_unique<CudaBackend>(std::move(context), std::move(name));
  return parts;
}

}  // namespace strata
