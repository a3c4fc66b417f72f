// KvTransfers: the KV pages of a pass, where they are and how they get to where they are attended.
//
// Owns the plans of the pass's micro-batches and knows the staging memory; the executor says when
// (a Step of the schedule) and on which lane. What a step moves is worked out when it is issued, on
// the thread that issues, for it may still be on its way when the next pass begins; compute steps
// end in their pass, and may ask from their lane.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/lane_move.h"
#include "kernels/device/device.h"
#include "models/decoder.h"
#include "offload/disk/disk_queue.h"
#include "offload/kv/kv_cache.h"
#include "offload/kv/kv_lease.h"
#include "offload/plan/schedule.h"

namespace strata {

class KvTransfers {
 public:
  // kNumKvSlots regions of memory, each of slot_bytes: in host memory for pages from disk, aligned
  // to kDiskAlignment; on the gpu for pages that travel there. Null where the schedule needs none.
  struct Slots {
    std::byte* memory = nullptr;
    int64_t slot_bytes = 0;
  };
  struct Parts {  // all outlive this
    const Decoder* decoder = nullptr;
    KvCache* kv_cache = nullptr;
    DiskQueue* disk_queue = nullptr;  // null when no step needs the disk
    Device* gpu = nullptr;            // null when no step needs one
    Slots host_slots;
    Slots gpu_slots;
  };

  explicit KvTransfers(const Parts& parts) : parts_(parts) {}

  // A new pass, and the rows of its micro-batches in order.
  void Begin() { micro_batches_.clear(); }
  void Add(absl::Span<const KvAppend> appends);

  // What a step moves that reads, copies or writes KV pages; nothing if it would read what an
  // earlier micro-batch of the pass writes: see IsLate.
  LaneMove MoveOf(const Step& step) const;

  // Submits it; the moment when all has arrived. From any thread.
  Event Submit(const LaneMove& move) const;

  // Whether pages that the compute step attends to could not be fetched ahead, because an earlier
  // micro-batch of this pass appends to them. When that has been taken home, MoveLate fetches them;
  // it blocks until they are there.
  bool IsLate(const Step& compute) const;
  int64_t LateDiskBytes(const Step& compute) const;
  absl::Status MoveLate(const Step& compute) const;

  // The pages of a compute step that attends.
  KvLease Acquire(const Step& compute) const;

 private:
  struct MicroBatch {
    KvPagePlan plan;
    KvPageOverlap late;
  };

  const MicroBatch& MicroBatchOf(const Step& step) const {
    return micro_batches_[static_cast<size_t>(step.micro_batch)];
  }
  int64_t LayerOf(const Step& step) const {
    return parts_.decoder->stages()[static_cast<size_t>(step.stage)].layer_index;
  }
  KvStaging StagingOf(const Step& step) const;
  bool IsPutOff(const Step& step) const;
  // Brings the pages of a step's micro-batch, from disk or to the gpu, or takes them back.
  LaneMove MoveOn(Lane lane, const Step& step) const;

  Parts parts_;
  std::vector<MicroBatch> micro_batches_;  // of the pass
};

}  // namespace strata
