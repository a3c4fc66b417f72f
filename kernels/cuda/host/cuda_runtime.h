// CudaRuntime: the calls to CUDA's runtime that our host side makes, one method each, with errors
// as Status: the call's name and CUDA's own words.
//
// The real one is made by CreateCudaRuntime; tests have one that runs on host memory, so that
// devices, queues and rings are tested where there is no GPU, under ThreadSanitizer too. Handles
// are CUDA's own pointers, declared without its headers. All methods may be called from any thread
// and concern the device that the calling thread has chosen with UseDevice.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "kernels/cuda/launch_context.h"

struct CUevent_st;      // what cudaEvent_t points to
struct CUgraph_st;      // what cudaGraph_t points to
struct CUgraphExec_st;  // what cudaGraphExec_t points to

namespace strata::cuda {

using EventHandle = CUevent_st*;
using GraphHandle = CUgraph_st*;
using GraphExecHandle = CUgraphExec_st*;

struct DeviceProperties {
  std::string name;
  int sm_version = 0;  // 10 * major + minor
  int num_sms = 0;
  int64_t memory_bytes = 0;
  int64_t free_bytes = 0;  // now
};

class CudaRuntime {
 public:
  virtual ~CudaRuntime() = default;

  // Unavailable, with CUDA's words, when there is no driver or no device.
  virtual absl::StatusOr<int> NumDevices() = 0;
  virtual absl::StatusOr<DeviceProperties> Properties(int device) = 0;
  virtual absl::Status UseDevice(int device) = 0;

  // Memory of the device. ResourceExhausted.
  virtual absl::StatusOr<void*> Allocate(int64_t bytes) = 0;
  virtual absl::Status Free(void* memory) = 0;
  // Pins host memory, so that the device copies from and to it by itself. ResourceExhausted.
  virtual absl::Status RegisterHost(void* memory, int64_t bytes) = 0;
  virtual absl::Status UnregisterHost(void* memory) = 0;

  virtual absl::StatusOr<StreamHandle> CreateStream() = 0;
  virtual absl::Status DestroyStream(StreamHandle stream) = 0;
  virtual absl::Status SynchronizeStream(StreamHandle stream) = 0;

  // Events carry no times; waiting for one sleeps.
  virtual absl::StatusOr<EventHandle> CreateEvent() = 0;
  virtual absl::Status DestroyEvent(EventHandle event) = 0;
  virtual absl::Status RecordEvent(EventHandle event, StreamHandle stream) = 0;
  virtual absl::Status SynchronizeEvent(EventHandle event) = 0;

  // Queued on the stream; the direction follows from the addresses.
  virtual absl::Status Copy(void* to, const void* from, int64_t bytes, StreamHandle stream) = 0;

  // Graphs. What is put on the stream between the first two is noted, not run; an event recorded or
  // a wait on it fails then, and with it EndCapture.
  virtual absl::Status BeginCapture(StreamHandle stream) = 0;
  virtual absl::StatusOr<GraphHandle> EndCapture(StreamHandle stream) = 0;
  virtual absl::Status DestroyGraph(GraphHandle graph) = 0;
  virtual absl::StatusOr<GraphExecHandle> Instantiate(GraphHandle graph) = 0;
  // The executable graph becomes one of `graph`; false where they differ in more than parameters.
  virtual absl::StatusOr<bool> Update(GraphExecHandle exec, GraphHandle graph) = 0;
  virtual absl::Status DestroyGraphExec(GraphExecHandle exec) = 0;
  virtual absl::Status LaunchGraph(GraphExecHandle exec, StreamHandle stream) = 0;
};

// CUDA's. Nothing is called and nothing can fail until a method is.
std::unique_ptr<CudaRuntime> CreateCudaRuntime();

}  // namespace strata::cuda
