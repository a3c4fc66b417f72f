#include "tests/support/fake_cuda_runtime.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"

namespace strata::testing {

FakeCudaRuntime::~FakeCudaRuntime() {
  STRATA_CHECK(allocations_.empty() && registrations_.empty() && streams_.empty() &&
                   events_.empty() && graphs_.empty() && execs_.empty(),
               "a CUDA runtime that goes before what was made with it");
}

absl::StatusOr<int> FakeCudaRuntime::NumDevices() {
  if (num_devices_ == 0) return absl::UnavailableError("cudaGetDeviceCount: fake: no driver");
  return num_devices_;
}

absl::StatusOr<cuda::DeviceProperties> FakeCudaRuntime::Properties(int device) {
  STRATA_RETURN_IF_ERROR(UseDevice(device));
  return cuda::DeviceProperties{.name = "fake",
                                .sm_version = 90,
                                .num_sms = 4,
                                .memory_bytes = int64_t{1} << 30,
                                .free_bytes = int64_t{1} << 30};
}

absl::Status FakeCudaRuntime::UseDevice(int device) {
  if (device >= 0 && device < num_devices_) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cudaSetDevice: fake: no device ", device));
}

absl::StatusOr<void*> FakeCudaRuntime::Allocate(int64_t bytes) {
  const std::lock_guard lock(mutex_);
  auto memory = std::make_unique<char[]>(static_cast<size_t>(bytes));
  void* const data = memory.get();
  allocations_[data] = std::move(memory);
  return data;
}

absl::Status FakeCudaRuntime::Free(void* memory) {
  const std::lock_guard lock(mutex_);
  STRATA_CHECK(allocations_.erase(memory) == 1, "memory freed that was not allocated");
  return absl::OkStatus();
}

absl::Status FakeCudaRuntime::RegisterHost(void* memory, int64_t /*bytes*/) {
  const std::lock_guard lock(mutex_);
  STRATA_CHECK(registrations_.insert(memory).second, "memory registered twice");
  return absl::OkStatus();
}

absl::Status FakeCudaRuntime::UnregisterHost(void* memory) {
  const std::lock_guard lock(mutex_);
  STRATA_CHECK(registrations_.erase(memory) == 1, "memory that was not registered");
  return absl::OkStatus();
}

absl::StatusOr<cuda::StreamHandle> FakeCudaRuntime::CreateStream() {
  const std::lock_guard lock(mutex_);
  auto stream = std::make_unique<Stream>();
  const auto handle = reinterpret_cast<cuda::StreamHandle>(stream.get());
  streams_[handle] = std::move(stream);
  return handle;
}

absl::Status FakeCudaRuntime::DestroyStream(cuda::StreamHandle stream) {
  std::unique_ptr<Stream> gone;  // finishes outside of the lock
  {
    const std::lock_guard lock(mutex_);
    gone = std::move(streams_.at(stream));
    streams_.erase(stream);
  }
  return absl::OkStatus();
}

Stream& FakeCudaRuntime::StreamOf(cuda::StreamHandle handle) {
  const std::lock_guard lock(mutex_);
  const auto found = streams_.find(handle);
  STRATA_CHECK(found != streams_.end(), "a stream that is not there");
  return *found->second;
}

FakeCudaRuntime::FakeEvent& FakeCudaRuntime::EventOf(cuda::EventHandle handle) {
  const std::lock_guard lock(mutex_);
  const auto found = events_.find(handle);
  STRATA_CHECK(found != events_.end(), "an event that is not there");
  return *found->second;
}

absl::Status FakeCudaRuntime::SynchronizeStream(cuda::StreamHandle stream) {
  STRATA_RETURN_IF_ERROR(RefuseInCapture(stream, "cudaStreamSynchronize"));
  return StreamOf(stream).Synchronize();
}

absl::StatusOr<cuda::EventHandle> FakeCudaRuntime::CreateEvent() {
  const std::lock_guard lock(mutex_);
  auto event = std::make_unique<FakeEvent>();
  const auto handle = reinterpret_cast<cuda::EventHandle>(event.get());
  events_[handle] = std::move(event);
  ++num_events_created_;
  return handle;
}

absl::Status FakeCudaRuntime::DestroyEvent(cuda::EventHandle event) {
  const std::lock_guard lock(mutex_);
  STRATA_CHECK(events_.erase(event) == 1, "an event destroyed that is not there");
  return absl::OkStatus();
}

absl::Status FakeCudaRuntime::RecordEvent(cuda::EventHandle event, cuda::StreamHandle stream) {
  STRATA_RETURN_IF_ERROR(RefuseInCapture(stream, "cudaEventRecord"));
  EventOf(event).event = StreamOf(stream).Record();
  return absl::OkStatus();
}

absl::Status FakeCudaRuntime::SynchronizeEvent(cuda::EventHandle event) {
  const Event waited = EventOf(event).event;
  return waited.Synchronize();
}

absl::Status FakeCudaRuntime::Copy(void* to, const void* from, int64_t bytes,
                                   cuda::StreamHandle stream) {
  absl::Status error;
  {
    const std::lock_guard lock(mutex_);
    error = copy_error_;
  }
  Put(stream, FakeGraph::Kind::kCopy, [to, from, bytes, error] {
    if (error.ok()) std::memcpy(to, from, static_cast<size_t>(bytes));
    return error;
  });
  return absl::OkStatus();
}

FakeCudaRuntime::FakeGraph* FakeCudaRuntime::CaptureOf(cuda::StreamHandle stream) {
  const std::lock_guard lock(mutex_);
  const auto found = captures_.find(stream);
  return found == captures_.end() ? nullptr : found->second.get();
}

void FakeCudaRuntime::Put(cuda::StreamHandle stream, FakeGraph::Kind kind,
                          std::function<absl::Status()> work) {
  FakeGraph* const capture = CaptureOf(stream);
  if (capture == nullptr) {
    StreamOf(stream).Submit(std::move(work));
  } else {
    capture->nodes.emplace_back(kind, std::move(work));
  }
}

absl::Status FakeCudaRuntime::RefuseInCapture(cuda::StreamHandle stream, const char* call) {
  FakeGraph* const capture = CaptureOf(stream);
  if (capture == nullptr) return absl::OkStatus();
  capture->is_invalid = true;
  return absl::InternalError(absl::StrCat(call, ": fake: the stream is being captured"));
}

absl::Status FakeCudaRuntime::Failing(const char* method) const {
  if (failing_method_ != method) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(method, ": fake: it fails"));
}

absl::Status FakeCudaRuntime::BeginCapture(cuda::StreamHandle stream) {
  const std::lock_guard lock(mutex_);
  STRATA_CHECK(streams_.count(stream) == 1, "a stream that is not there");
  STRATA_CHECK(captures_.emplace(stream, std::make_unique<FakeGraph>()).second, "captured already");
  return absl::OkStatus();
}

absl::StatusOr<cuda::GraphHandle> FakeCudaRuntime::EndCapture(cuda::StreamHandle stream) {
  const std::lock_guard lock(mutex_);
  const auto found = captures_.find(stream);
  STRATA_CHECK(found != captures_.end(), "the end of a capture that was not begun");
  std::unique_ptr<FakeGraph> graph = std::move(found->second);
  captures_.erase(found);
  STRATA_RETURN_IF_ERROR(Failing("EndCapture"));
  if (graph->is_invalid) return absl::InternalError("cudaStreamEndCapture: fake: invalidated");
  const auto handle = reinterpret_cast<cuda::GraphHandle>(graph.get());
  graphs_[handle] = std::move(graph);
  return handle;
}

absl::Status FakeCudaRuntime::DestroyGraph(cuda::GraphHandle graph) {
  const std::lock_guard lock(mutex_);
  STRATA_CHECK(graphs_.erase(graph) == 1, "a graph destroyed that is not there");
  return absl::OkStatus();
}

absl::StatusOr<cuda::GraphExecHandle> FakeCudaRuntime::Instantiate(cuda::GraphHandle graph) {
  const std::lock_guard lock(mutex_);
  STRATA_RETURN_IF_ERROR(Failing("Instantiate"));
  auto exec = std::make_unique<FakeGraph>(*graphs_.at(graph));
  const auto handle = reinterpret_cast<cuda::GraphExecHandle>(exec.get());
  execs_[handle] = std::move(exec);
  ++num_instantiated_;
  return handle;
}

absl::StatusOr<bool> FakeCudaRuntime::Update(cuda::GraphExecHandle exec, cuda::GraphHandle graph) {
  const std::lock_guard lock(mutex_);
  const FakeGraph& from = *graphs_.at(graph);
  FakeGraph& to = *execs_.at(exec);
  if (from.nodes.size() != to.nodes.size()) return false;
  for (size_t i = 0; i < from.nodes.size(); ++i) {
    if (from.nodes[i].first != to.nodes[i].first) return false;
  }
  to.nodes = from.nodes;
  ++num_updated_;
  return true;
}

absl::Status FakeCudaRuntime::DestroyGraphExec(cuda::GraphExecHandle exec) {
  const std::lock_guard lock(mutex_);
  STRATA_CHECK(execs_.erase(exec) == 1, "an executable graph destroyed that is not there");
  return absl::OkStatus();
}

absl::Status FakeCudaRuntime::LaunchGraph(cuda::GraphExecHandle exec, cuda::StreamHandle stream) {
  std::vector<std::pair<FakeGraph::Kind, std::function<absl::Status()>>> nodes;
  {
    const std::lock_guard lock(mutex_);
    STRATA_RETURN_IF_ERROR(Failing("LaunchGraph"));
    nodes = execs_.at(exec)->nodes;
    ++num_graph_launches_;
  }
  for (auto& [kind, work] : nodes) Put(stream, kind, std::move(work));
  return absl::OkStatus();
}

void FakeCudaRuntime::Submit(cuda::StreamHandle stream, std::function<absl::Status()> work) {
  Put(stream, FakeGraph::Kind::kKernel, std::move(work));
}

void FakeCudaRuntime::FailCopies(absl::Status status) {
  const std::lock_guard lock(mutex_);
  copy_error_ = std::move(status);
}

int64_t FakeCudaRuntime::num_allocations() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(allocations_.size());
}
int64_t FakeCudaRuntime::num_registrations() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(registrations_.size());
}
int64_t FakeCudaRuntime::num_streams() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(streams_.size());
}
int64_t FakeCudaRuntime::num_events() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(events_.size());
}
int64_t FakeCudaRuntime::num_events_created() const {
  const std::lock_guard lock(mutex_);
  return num_events_created_;
}

}  // namespace strata::testing
