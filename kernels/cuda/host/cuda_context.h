// CudaContext: what launchers of one backend need of its device: the stream that all of them share,
// scratch memory, and a way for small host data (page addresses, row indices) to reach the device.
//
// Both memories are reused in stream order. Scratch belongs to one operation: BeginOperation gives
// all of it back, since what runs later on the stream cannot meet what ran before. Uploads go
// through a ring of pinned memory to a ring on the device, each in halves: a half is written again
// when the copies out of it have ended. An operation uploads half a ring at most, else the rings
// grow. A pass may be one graph instead (pass_graph.h): its uploads go through that, and it ends
// where memory would have to grow. Used by one thread at a time.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/cuda/host/cuda_device.h"
#include "kernels/cuda/host/cuda_queue.h"
#include "kernels/cuda/host/pass_graph.h"
#include "kernels/cuda/launch_context.h"

namespace strata::cuda {

struct CudaContextOptions {
  int64_t scratch_bytes = int64_t{32} << 20;  // at first; it grows
  int64_t upload_bytes = int64_t{8} << 20;    // of each ring, at first
};

class CudaContext final : public LaunchContext {
 public:
  // `device` outlives the context.
  static absl::StatusOr<std::unique_ptr<CudaContext>> Create(CudaDevice& device,
                                                             const CudaContextOptions& options);

  // Before each operation, on the thread that launches it, and after it with its status: what CUDA
  // refuses in a graph is Aborted.
  absl::Status BeginOperation();
  absl::Status EndOperation(absl::Status status);

  // Around the operations of a pass that may be one graph (kernels/ops/backend.h). No Record in
  // between.
  absl::Status BeginPass();
  absl::Status EndPass();

  StreamHandle stream() const override { return queue_->stream(); }
  int sm_version() const override { return device_.properties().sm_version; }
  int num_sms() const override { return device_.properties().num_sms; }
  absl::StatusOr<void*> Scratch(int64_t bytes) override;
  absl::StatusOr<const void*> UploadBytes(const void* host, int64_t bytes) override;

  // The moment when all operations so far have finished.
  Event Record();

 private:
  explicit CudaContext(CudaDevice& device) : device_(device) {}
  // Other rings, of `bytes` each; the operation in progress may still use the old ones.
  absl::Status MakeRings(int64_t bytes);

  CudaDevice& device_;
  std::vector<Buffer> scratch_;    // the last is being used; more than one while growing
  int64_t scratch_used_ = 0;       // of the last
  int64_t operation_scratch_ = 0;  // bytes of the operation in progress
  int64_t scratch_needed_ = 0;     // the most that an operation took
  Buffer pinned_ring_, device_ring_;
  int64_t ring_used_ = 0;                  // from the start of the rings
  int64_t operation_upload_ = 0;           // bytes of the operation in progress
  std::vector<Buffer> old_rings_;          // until it is over
  std::array<Event, 2> half_free_;         // when the copies out of each half have ended
  std::unique_ptr<CudaQueue> queue_;       // goes early: it finishes what uses the memory above
  std::unique_ptr<PassGraph> pass_graph_;  // goes first
};

}  // namespace strata::cuda
