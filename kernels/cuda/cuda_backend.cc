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
#include "kernels/cuda/library_mat_mul.h"
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

class CudaBackend final : public Backend {
 public:
  CudaBackend(std::unique_ptr<CudaContext> context, std::string device_name, ManyRows many_rows)
      : context_(std::move(context)), device_name_(std::move(device_name)), many_rows_(many_rows) {}

  std::string Name() const override { return device_name_; }
  Event Record() override { return context_->Record(); }
  absl::Status BeginPass() override { return context_->BeginPass(); }
  absl::Status EndPass() override { return context_->EndPass(); }

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
    return context_->EndOperation(launch(args, *context_));
  }

  // The library, opened at the first call; null where it is not there.
  CublasLt* Library();

  std::unique_ptr<CudaContext> context_;
  std::string device_name_;
  ManyRows many_rows_;
  std::optional<absl::StatusOr<std::unique_ptr<CublasLt>>> library_;
};

CublasLt* CudaBackend::Library() {
  if (!library_.has_value()) library_ = CublasLt::Load();
  return library_->ok() ? (*library_)->get() : nullptr;
}

absl::Status CudaBackend::MatMul(const MatMulArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  STRATA_RETURN_IF_ERROR(context_->BeginOperation());
  const bool is_for_library =
      many_rows_ == ManyRows::kLibraryIfThere && cuda::IsForLibrary(args, context_->sm_version());
  CublasLt* const library = is_for_library ? Library() : nullptr;
  return context_->EndOperation(library == nullptr
                                    ? cuda::LaunchMatMul(args, *context_)
                                    : cuda::LaunchLibraryMatMul(args, *library, *context_));
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
  parts.backend =
      std::make_unique<CudaBackend>(std::move(context), std::move(name), options.many_rows);
  return parts;
}

}  // namespace strata
