// HiddenRows: where the hidden rows of a pass's micro-batches are while these wait for their turns,
// and what a step of the schedule moves of them (offload/plan/hidden_places.h).
//
// Everything is decided when a step is issued, on the thread that issues.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/lane_move.h"
#include "kernels/base/tensor_view.h"
#include "offload/disk/disk_file.h"
#include "offload/plan/policy.h"
#include "offload/plan/schedule.h"

namespace strata {

class HiddenRows {
 public:
  struct Parts {
    TierShares activations;           // the policy's
    const DiskFile* spill = nullptr;  // null when none ever go to disk; outlives this
    int64_t place_bytes = 0;          // of one micro-batch in it, aligned to kDiskAlignment
  };

  explicit HiddenRows(const Parts& parts) : parts_(parts) {}

  // A new pass.
  void Begin(int64_t num_micro_batches);

  bool is_on_gpu(int32_t micro_batch) const { return At(micro_batch).on_gpu; }
  void SetOnGpu(int32_t micro_batch, bool on_gpu) { At(micro_batch).on_gpu = on_gpu; }

  // Whether rows leave the gpu now that their turn there is over.
  bool LeaveGpu(int32_t micro_batch) const;

  // What a step that reads or writes hidden rows moves, `hidden` being the micro-batch's place in
  // host memory; nothing if they have stayed, or stay, where they are.
  LaneMove MoveOf(const Step& step, const MutableTensorView& hidden);

 private:
  struct State {
    bool on_gpu = false;
    bool on_disk = false;
  };
  State& At(int32_t micro_batch) { return states_[static_cast<size_t>(micro_batch)]; }
  const State& At(int32_t micro_batch) const { return states_[static_cast<size_t>(micro_batch)]; }

  Parts parts_;
  std::vector<State> states_;  // of the pass's micro-batches
};

// A place for the rows of `num_tokens` in host memory and in the spill file, in whole disk blocks.
int64_t HiddenPlaceBytes(int64_t num_tokens, int64_t hidden_dim);

}  // namespace strata
