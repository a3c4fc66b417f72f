#include "kernels/cuda/cuda_backend.h"

namespace strata {

absl::StatusOr<std::unique_ptr<Backend>> CreateCudaBackend(int /*device_index*/) {
  return absl::UnavailableError("this build of strata has no CUDA backend; use --device cpu");
}

}  // namespace strata
