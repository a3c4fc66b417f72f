// A CUDA runtime for tests: memory of the host, a thread per stream, and checks of what CUDA would
// refuse or never forgive: freeing twice, handles that are gone, devices that are not there.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cuda/host/cuda_runtime.h"
#include "kernels/device/stream.h"

namespace strata::testing {

class FakeCudaRuntime final : public cuda::CudaRuntime {
 public:
  ~FakeCudaRuntime() override;

  absl::StatusOr<int> NumDevices() override;
  absl::StatusOr<cuda::DeviceProperties> Properties(int device) override;
  absl::Status UseDevice(int device) override;
  absl::StatusOr<void*> Allocate(int64_t bytes) override;
  absl::Status Free(void* memory) override;
  absl::Status RegisterHost(void* memory, int64_t bytes) override;
  absl::Status UnregisterHost(void* memory) override;
  absl::StatusOr<cuda::StreamHandle> CreateStream() override;
  absl::Status DestroyStream(cuda::StreamHandle stream) override;
  absl::Status SynchronizeStream(cuda::StreamHandle stream) override;
  absl::StatusOr<cuda::EventHandle> CreateEvent() override;
  absl::Status DestroyEvent(cuda::EventHandle event) override;
  absl::Status RecordEvent(cuda::EventHandle event, cuda::StreamHandle stream) override;
  absl::Status SynchronizeEvent(cuda::EventHandle event) override;
  absl::Status Copy(void* to, const void* from, int64_t bytes, cuda::StreamHandle stream) override;
  absl::Status BeginCapture(cuda::StreamHandle stream) override;
  absl::StatusOr<cuda::GraphHandle> EndCapture(cuda::StreamHandle stream) override;
  absl::Status DestroyGraph(cuda::GraphHandle graph) override;
  absl::StatusOr<cuda::GraphExecHandle> Instantiate(cuda::GraphHandle graph) override;
  absl::StatusOr<bool> Update(cuda::GraphExecHandle exec, cuda::GraphHandle graph) override;
  absl::Status DestroyGraphExec(cuda::GraphExecHandle exec) override;
  absl::Status LaunchGraph(cuda::GraphExecHandle exec, cuda::StreamHandle stream) override;

  // Work of the test's own on a stream, in the place of a kernel. It may run more than once.
  void Submit(cuda::StreamHandle stream, std::function<absl::Status()> work);

  // The next calls of this method fail: "EndCapture", "Instantiate", "LaunchGraph".
  void FailGraphs(std::string method) { failing_method_ = std::move(method); }

  // The next copies fail on the device, as an asynchronous error does.
  void FailCopies(absl::Status status);
  void set_num_devices(int num_devices) { num_devices_ = num_devices; }

  // What is there and was not given back.
  int64_t num_allocations() const;
  int64_t num_registrations() const;
  int64_t num_streams() const;
  int64_t num_events() const;
  int64_t num_events_created() const;
  int64_t num_instantiated() const { return num_instantiated_; }
  int64_t num_updated() const { return num_updated_; }
  int64_t num_graph_launches() const { return num_graph_launches_; }

 private:
  struct FakeEvent {
    Event event;
  };
  // What was put on a stream while it was captured.
  struct FakeGraph {
    enum class Kind { kKernel, kCopy };
    std::vector<std::pair<Kind, std::function<absl::Status()>>> nodes;
    bool is_invalid = false;
  };
  // A graph in the making, if the stream is being captured.
  FakeGraph* CaptureOf(cuda::StreamHandle stream);
  void Put(cuda::StreamHandle stream, FakeGraph::Kind kind, std::function<absl::Status()> work);
  // Waiting for what is only noted: an error, and the capture is lost.
  absl::Status RefuseInCapture(cuda::StreamHandle stream, const char* call);
  absl::Status Failing(const char* method) const;
  Stream& StreamOf(cuda::StreamHandle handle);
  FakeEvent& EventOf(cuda::EventHandle handle);

  mutable std::mutex mutex_;
  int num_devices_ = 1;
  absl::Status copy_error_;
  std::map<void*, std::unique_ptr<char[]>> allocations_;
  std::set<void*> registrations_;
  std::map<cuda::StreamHandle, std::unique_ptr<Stream>> streams_;
  std::map<cuda::EventHandle, std::unique_ptr<FakeEvent>> events_;
  int64_t num_events_created_ = 0;
  std::map<cuda::StreamHandle, std::unique_ptr<FakeGraph>> captures_;
  std::map<cuda::GraphHandle, std::unique_ptr<FakeGraph>> graphs_;
  std::map<cuda::GraphExecHandle, std::unique_ptr<FakeGraph>> execs_;
  std::string failing_method_;
  int64_t num_instantiated_ = 0;
  int64_t num_updated_ = 0;
  int64_t num_graph_launches_ = 0;
};

}  // namespace strata::testing
