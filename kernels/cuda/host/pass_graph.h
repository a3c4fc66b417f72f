// PassGraph: the kernels of a pass, started as one CUDA graph.
//
// Begin captures the stream: what launchers put on it from then on is noted. End brings the
// executable graph of the pass before up to date (the same kernels, other parameters and grids) or
// makes another where the kernels are others, and starts it with one launch. Small host data stays
// out of the graph: it is gathered in a block of pinned memory that one copy before the graph takes
// to the device. Two blocks take turns; each is written again when the pass that used it is over.
//
// Nothing of a pass that cannot be started has run: Aborted. It may be that room was too small,
// which the next pass then has; after a failure of CUDA's no more graphs are tried. The first pass
// is never captured, so that what is set up at a kernel's first launch is not part of a graph. Used
// by one thread at a time.
#pragma once

#include <array>
#include <cstdint>

#include "absl/status/statusor.h"
#include "kernels/cuda/host/cuda_device.h"
#include "kernels/cuda/host/cuda_queue.h"

namespace strata::cuda {

class PassGraph {
 public:
  // Of the work on `queue`; both outlive it.
  PassGraph(CudaDevice& device, CudaQueue& queue) : device_(device), queue_(queue) {}
  ~PassGraph();
  PassGraph(const PassGraph&) = delete;
  PassGraph& operator=(const PassGraph&) = delete;

  // Begins to capture, or leaves the stream as it is: is_capturing says.
  absl::Status Begin();
  bool is_capturing() const { return is_capturing_; }

  // Starts what was captured. Aborted; nothing to do if nothing was captured.
  absl::Status End();

  // While capturing: device memory, aligned to 256, that holds a copy of these bytes when the graph
  // runs. Aborted: the block is full.
  absl::StatusOr<const void*> Upload(const void* host, int64_t bytes);

  // While capturing: the pass cannot be a graph. Aborted, with the reason.
  absl::Status Abort(absl::Status reason);
  // Likewise, and no later one either.
  absl::Status GiveUp(absl::Status reason);

 private:
  struct Block {
    Buffer pinned, on_device;
    Event free;  // the pass that used it last is over
  };

  absl::Status Start(GraphHandle graph);
  absl::Status DestroyExec();

  CudaDevice& device_;
  CudaQueue& queue_;
  GraphExecHandle exec_ = nullptr;  // of the last captured pass
  std::array<Block, 2> blocks_;
  size_t block_ = 0;         // of the pass in progress
  int64_t used_ = 0;         // of its bytes; may be more than it has
  int64_t block_bytes_ = 0;  // that a block shall have
  int64_t num_begun_ = 0;    // passes
  bool is_capturing_ = false;
  bool has_given_up_ = false;
  absl::Status aborted_;  // why the pass in progress is
};

}  // namespace strata::cuda
