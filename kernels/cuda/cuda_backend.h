// CUDA, if this build has it: a GPU's memory and copies (Device) and its operations (Backend).
// Exactly one of cuda_backend.cc and cuda_backend_absent.cc is linked, so nothing above this room
// knows at compile time which.
//
// Operations are put on one stream and have not finished when they return: Backend::Record says
// when. Products of many rows (kernels/cuda/library_mat_mul.h) go to cuBLASLt, which is opened
// then; where it is not there, and for everything else, to kernels of our own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "kernels/device/device.h"
#include "kernels/ops/backend.h"

namespace strata {

struct CudaDeviceInfo {
  std::string name;
  int64_t memory_bytes = 0;
  int64_t free_bytes = 0;  // now, by all processes
};

// CUDA device `device_index`. Unavailable: no such device, no driver, or a build without CUDA.
absl::StatusOr<CudaDeviceInfo> FindCudaDevice(int device_index);

// Who multiplies many rows.
enum class ManyRows : uint8_t { kLibraryIfThere, kOwnKernels };

struct CudaOptions {
  int device_index = 0;
  int64_t memory_limit = INT64_MAX;  // bytes of the device to take at most, scratch included
  ManyRows many_rows = ManyRows::kLibraryIfThere;  // own kernels: one order of sums throughout
};

struct CudaParts {
  std::unique_ptr<Device> device;  // outlives the backend and its buffers
  std::unique_ptr<Backend> backend;
};

// Errors as FindCudaDevice's; ResourceExhausted when not even the scratch memory fits.
absl::StatusOr<CudaParts> CreateCuda(const CudaOptions& options);

// What of the limit the backend keeps for scratch and metadata; plans leave it free.
inline constexpr int64_t kCudaScratchBytes = int64_t{256} << 20;

}  // namespace strata
