#include "kernels/cuda/host/pass_graph.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/round_up.h"
#include "kernels/base/status.h"

namespace strata::cuda {
namespace {

constexpr int64_t kAlignment = 256;
// Of a block, at first.
constexpr int64_t kBlockBytes = int64_t{1} << 20;

}  // namespace

PassGraph::~PassGraph() { DestroyExec().IgnoreError(); }

absl::Status PassGraph::DestroyExec() {
  if (exec_ == nullptr) return absl::OkStatus();
  // Not while it runs.
  for (const Block& block : blocks_) block.free.Synchronize().IgnoreError();
  return device_.runtime().DestroyGraphExec(std::exchange(exec_, nullptr));
}

absl::Status PassGraph::Begin() {
  if (num_begun_++ == 0 || has_given_up_) return absl::OkStatus();
  block_ = 1 - block_;
  Block& block = blocks_[block_];
  STRATA_RETURN_IF_ERROR(block.free.Synchronize());
  block_bytes_ = std::max({block_bytes_, kBlockBytes, 2 * used_});
  used_ = 0;
  if (block.on_device.bytes() < block_bytes_) {
    block = {};
    STRATA_ASSIGN_OR_RETURN(block.pinned, device_.AllocateHost(block_bytes_));
    STRATA_ASSIGN_OR_RETURN(block.on_device, device_.Allocate(block_bytes_));
  }
  STRATA_RETURN_IF_ERROR(device_.runtime().BeginCapture(queue_.stream()));
  is_capturing_ = true;
  aborted_ = absl::OkStatus();
  return absl::OkStatus();
}

absl::StatusOr<const void*> PassGraph::Upload(const void* host, int64_t bytes) {
  Block& block = blocks_[block_];
  const int64_t offset = used_;
  used_ += RoundUp(bytes, kAlignment);
  if (used_ > block.on_device.bytes()) {
    return Abort(absl::ResourceExhaustedError(
        absl::StrCat("more host data than ", block.on_device.bytes(), " bytes")));
  }
  if (bytes > 0) std::memcpy(block.pinned.data() + offset, host, static_cast<size_t>(bytes));
  return block.on_device.data() + offset;
}

absl::Status PassGraph::Abort(absl::Status reason) {
  if (aborted_.ok()) {
    aborted_ = absl::AbortedError(absl::StrCat("a pass that is no graph: ", reason.message()));
  }
  return aborted_;
}

absl::Status PassGraph::GiveUp(absl::Status reason) {
  has_given_up_ = true;
  return Abort(std::move(reason));
}

absl::Status PassGraph::Start(GraphHandle graph) {
  CudaRuntime& runtime = device_.runtime();
  if (exec_ != nullptr) {
    STRATA_ASSIGN_OR_RETURN(const bool updated, runtime.Update(exec_, graph));
    if (!updated) STRATA_RETURN_IF_ERROR(DestroyExec());
  }
  if (exec_ == nullptr) {
    STRATA_ASSIGN_OR_RETURN(exec_, runtime.Instantiate(graph));
  }
  Block& block = blocks_[block_];
  if (used_ > 0) {
    STRATA_RETURN_IF_ERROR(
        runtime.Copy(block.on_device.data(), block.pinned.data(), used_, queue_.stream()));
  }
  STRATA_RETURN_IF_ERROR(runtime.LaunchGraph(exec_, queue_.stream()));
  block.free = queue_.Record();
  return absl::OkStatus();
}

absl::Status PassGraph::End() {
  if (!is_capturing_) return absl::OkStatus();
  is_capturing_ = false;
  const absl::StatusOr<GraphHandle> graph = device_.runtime().EndCapture(queue_.stream());
  if (!graph.ok()) return aborted_.ok() ? GiveUp(graph.status()) : aborted_;
  absl::Status started = aborted_.ok() ? Start(*graph) : absl::OkStatus();
  started.Update(device_.runtime().DestroyGraph(*graph));
  if (!started.ok()) return GiveUp(started);
  return aborted_;
}

}  // namespace strata::cuda
