#include "kernels/cuda/host/cuda_context.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/base/status.h"

namespace strata::cuda {
namespace {

constexpr int64_t kAlignment = 256;

int64_t RoundUp(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

absl::StatusOr<std::unique_ptr<CudaContext>> CudaContext::Create(
    CudaDevice& device, const CudaContextOptions& options) {
  std::unique_ptr<CudaContext> context(new CudaContext(device));
  STRATA_ASSIGN_OR_RETURN(context->queue_, CudaQueue::Create(device.runtime(), device.index()));
  context->pass_graph_ = std::make_unique<PassGraph>(device, *context->queue_);
  STRATA_ASSIGN_OR_RETURN(Buffer scratch, device.Allocate(RoundUp(options.scratch_bytes)));
  context->scratch_.push_back(std::move(scratch));
  STRATA_RETURN_IF_ERROR(context->MakeRings(2 * RoundUp((options.upload_bytes + 1) / 2)));
  return context;
}

absl::Status CudaContext::MakeRings(int64_t bytes) {
  STRATA_ASSIGN_OR_RETURN(Buffer pinned, device_.AllocateHost(bytes));
  STRATA_ASSIGN_OR_RETURN(Buffer on_device, device_.Allocate(bytes));
  old_rings_.push_back(std::exchange(pinned_ring_, std::move(pinned)));
  old_rings_.push_back(std::exchange(device_ring_, std::move(on_device)));
  ring_used_ = 0;
  half_free_ = {};
  return absl::OkStatus();
}

Event CudaContext::Record() {
  STRATA_CHECK(!pass_graph_->is_capturing(), "an event within a pass that is one graph");
  return queue_->Record();
}

absl::Status CudaContext::BeginPass() {
  STRATA_RETURN_IF_ERROR(BeginOperation());
  return pass_graph_->Begin();
}

absl::Status CudaContext::EndPass() { return pass_graph_->End(); }

absl::Status CudaContext::EndOperation(absl::Status status) {
  if (!pass_graph_->is_capturing() || !absl::IsInternal(status)) return status;
  return pass_graph_->GiveUp(std::move(status));
}

absl::Status CudaContext::BeginOperation() {
  STRATA_RETURN_IF_ERROR(device_.runtime().UseDevice(device_.index()));
  scratch_used_ = operation_scratch_ = operation_upload_ = 0;
  if (pass_graph_->is_capturing()) return absl::OkStatus();
  if (scratch_.size() == 1 && old_rings_.empty()) return absl::OkStatus();
  STRATA_RETURN_IF_ERROR(queue_->Synchronize());
  old_rings_.clear();
  if (scratch_.size() == 1) return absl::OkStatus();
  // It grew: from now on one block has room for what the largest operation so far took.
  scratch_.clear();
  STRATA_ASSIGN_OR_RETURN(Buffer block, device_.Allocate(scratch_needed_));
  scratch_.push_back(std::move(block));
  return absl::OkStatus();
}

absl::StatusOr<void*> CudaContext::Scratch(int64_t bytes) {
  bytes = RoundUp(bytes);
  if (scratch_.empty() || bytes > scratch_.back().bytes() - scratch_used_) {
    if (pass_graph_->is_capturing()) {
      return pass_graph_->Abort(absl::ResourceExhaustedError("scratch memory has to grow"));
    }
    STRATA_ASSIGN_OR_RETURN(Buffer block, device_.Allocate(std::max(bytes, kAlignment)));
    scratch_.push_back(std::move(block));
    scratch_used_ = 0;
  }
  void* const memory = scratch_.back().data() + scratch_used_;
  scratch_used_ += bytes;
  operation_scratch_ += bytes;
  scratch_needed_ = std::max(scratch_needed_, operation_scratch_);
  return memory;
}

absl::StatusOr<const void*> CudaContext::UploadBytes(const void* host, int64_t bytes) {
  if (pass_graph_->is_capturing()) return pass_graph_->Upload(host, bytes);
  if (bytes == 0) return device_ring_.data();
  const int64_t room = RoundUp(bytes);
  operation_upload_ += room;
  if (operation_upload_ > device_ring_.bytes() / 2) {
    STRATA_RETURN_IF_ERROR(MakeRings(4 * operation_upload_));
  }
  const int64_t half = device_ring_.bytes() / 2;
  const int64_t left_in_half = half - ring_used_ % half;
  if (ring_used_ % half != 0 && room > left_in_half) ring_used_ += left_in_half;
  if (ring_used_ % half == 0) {
    // Into the next half, out of the other one: whose copies end with what is on the stream now.
    const size_t next = ring_used_ / half % 2 == 0 ? 0 : 1;
    half_free_[1 - next] = queue_->Record();
    STRATA_RETURN_IF_ERROR(half_free_[next].Synchronize());
    ring_used_ %= device_ring_.bytes();
  }
  std::byte* const pinned = pinned_ring_.data() + ring_used_;
  std::byte* const to = device_ring_.data() + ring_used_;
  std::memcpy(pinned, host, static_cast<size_t>(bytes));
  STRATA_RETURN_IF_ERROR(device_.runtime().Copy(to, pinned, bytes, stream()));
  ring_used_ += room;
  return to;
}

}  // namespace strata::cuda
