// The CUDA backend, if this build has one. Exactly one of cuda_backend.cc and
// cuda_backend_absent.cc is linked, so nothing above this room knows at compile time which.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "kernels/ops/backend.h"

namespace strata {

// A backend on CUDA device `device_index`. Unavailable: no such device, no driver, or a build
// without CUDA.
absl::StatusOr<std::unique_ptr<Backend>> CreateCudaBackend(int device_index);

}  // namespace strata
