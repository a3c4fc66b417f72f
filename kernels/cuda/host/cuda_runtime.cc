#include "kernels/cuda/host/cuda_runtime.h"

#include <cuda_runtime_api.h>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"

namespace strata::cuda {
namespace {

absl::Status ToStatus(const char* call, cudaError_t error) {
  if (error == cudaSuccess) return absl::OkStatus();
  cudaGetLastError();  // else the next launch would report it again
  const std::string text = absl::StrCat(call, ": ", cudaGetErrorName(error), " (",
                                        static_cast<int>(error), "): ", cudaGetErrorString(error));
  switch (error) {
    case cudaErrorMemoryAllocation:
      return absl::ResourceExhaustedError(text);
    case cudaErrorInsufficientDriver:
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorDevicesUnavailable:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice:
      return absl::UnavailableError(text);
    default:
      return absl::InternalError(text);
  }
}

class Runtime final : public CudaRuntime {
 public:
  absl::StatusOr<int> NumDevices() override {
    int count = 0;  // untouched by a call that fails
    STRATA_RETURN_IF_ERROR(ToStatus("cudaGetDeviceCount", cudaGetDeviceCount(&count)));
    if (count == 0) return absl::UnavailableError("cudaGetDeviceCount: there is no CUDA device");
    return count;
  }

  absl::StatusOr<DeviceProperties> Properties(int device) override {
    cudaDeviceProp found = {};
    STRATA_RETURN_IF_ERROR(
        ToStatus("cudaGetDeviceProperties", cudaGetDeviceProperties(&found, device)));
    STRATA_RETURN_IF_ERROR(UseDevice(device));
    size_t free_bytes = 0;
    size_t total_bytes = 0;
    STRATA_RETURN_IF_ERROR(ToStatus("cudaMemGetInfo", cudaMemGetInfo(&free_bytes, &total_bytes)));
    return DeviceProperties{.name = found.name,
                            .sm_version = 10 * found.major + found.minor,
                            .num_sms = found.multiProcessorCount,
                            .memory_bytes = static_cast<int64_t>(total_bytes),
                            .free_bytes = static_cast<int64_t>(free_bytes)};
  }

  absl::Status UseDevice(int device) override {
    return ToStatus("cudaSetDevice", cudaSetDevice(device));
  }

  absl::StatusOr<void*> Allocate(int64_t bytes) override {
    void* memory = nullptr;
    STRATA_RETURN_IF_ERROR(ToStatus("cudaMalloc", cudaMalloc(&memory, static_cast<size_t>(bytes))));
    return memory;
  }

  absl::Status Free(void* memory) override { return ToStatus("cudaFree", cudaFree(memory)); }

  absl::Status RegisterHost(void* memory, int64_t bytes) override {
    return ToStatus("cudaHostRegister",
                    cudaHostRegister(memory, static_cast<size_t>(bytes), cudaHostRegisterPortable));
  }

  absl::Status UnregisterHost(void* memory) override {
    return ToStatus("cudaHostUnregister", cudaHostUnregister(memory));
  }

  absl::StatusOr<StreamHandle> CreateStream() override {
    cudaStream_t stream = nullptr;
    STRATA_RETURN_IF_ERROR(ToStatus("cudaStreamCreateWithFlags",
                                    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking)));
    return stream;
  }

  absl::Status DestroyStream(StreamHandle stream) override {
    return ToStatus("cudaStreamDestroy", cudaStreamDestroy(stream));
  }

  absl::Status SynchronizeStream(StreamHandle stream) override {
    return ToStatus("cudaStreamSynchronize", cudaStreamSynchronize(stream));
  }

  absl::StatusOr<EventHandle> CreateEvent() override {
    cudaEvent_t event = nullptr;
    STRATA_RETURN_IF_ERROR(
        ToStatus("cudaEventCreateWithFlags",
                 cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync)));
    return event;
  }

  absl::Status DestroyEvent(EventHandle event) override {
    return ToStatus("cudaEventDestroy", cudaEventDestroy(event));
  }

  absl::Status RecordEvent(EventHandle event, StreamHandle stream) override {
    return ToStatus("cudaEventRecord", cudaEventRecord(event, stream));
  }

  absl::Status SynchronizeEvent(EventHandle event) override {
    return ToStatus("cudaEventSynchronize", cudaEventSynchronize(event));
  }

  absl::Status Copy(void* to, const void* from, int64_t bytes, StreamHandle stream) override {
    return ToStatus("cudaMemcpyAsync", cudaMemcpyAsync(to, from, static_cast<size_t>(bytes),
                                                       cudaMemcpyDefault, stream));
  }

  absl::Status BeginCapture(StreamHandle stream) override {
    // Relaxed: other threads go on to allocate and to wait for events of theirs.
    return ToStatus("cudaStreamBeginCapture",
                    cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  }

  absl::StatusOr<GraphHandle> EndCapture(StreamHandle stream) override {
    cudaGraph_t graph = nullptr;
    STRATA_RETURN_IF_ERROR(ToStatus("cudaStreamEndCapture", cudaStreamEndCapture(stream, &graph)));
    return graph;
  }

  absl::Status DestroyGraph(GraphHandle graph) override {
    return ToStatus("cudaGraphDestroy", cudaGraphDestroy(graph));
  }

  absl::StatusOr<GraphExecHandle> Instantiate(GraphHandle graph) override {
    cudaGraphExec_t exec = nullptr;
    STRATA_RETURN_IF_ERROR(ToStatus("cudaGraphInstantiate", cudaGraphInstantiate(&exec, graph, 0)));
    return exec;
  }

  absl::StatusOr<bool> Update(GraphExecHandle exec, GraphHandle graph) override {
    cudaGraphExecUpdateResultInfo info = {};
    const cudaError_t error = cudaGraphExecUpdate(exec, graph, &info);
    if (error == cudaErrorGraphExecUpdateFailure) {
      cudaGetLastError();  // else the next launch would report it again
      return false;
    }
    STRATA_RETURN_IF_ERROR(ToStatus("cudaGraphExecUpdate", error));
    return true;
  }

  absl::Status DestroyGraphExec(GraphExecHandle exec) override {
    return ToStatus("cudaGraphExecDestroy", cudaGraphExecDestroy(exec));
  }

  absl::Status LaunchGraph(GraphExecHandle exec, StreamHandle stream) override {
    return ToStatus("cudaGraphLaunch", cudaGraphLaunch(exec, stream));
  }
};

}  // namespace

std::unique_ptr<CudaRuntime> CreateCudaRuntime() { return std::make_unique<Runtime>(); }

}  // namespace strata::cuda
