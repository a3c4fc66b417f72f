// Executor: runs schedules. The only place where what is computed meets where its bytes are.
//
// It issues the steps of a schedule in order. Transfers from and to the disk go to the disk queue
// and end on their own; the calling thread is the cpu lane and runs its compute steps once the
// steps they come after have passed; with a gpu, its lane and the copies have a thread each, which
// hand their work to the device and go on while it is done. For each it takes the stage's
// WeightLease and, for attend, the layer's KvLease, runs the decoder and lets the leases go when
// the step has ended. Decode passes of which nothing moves are given to the gpu as a whole. The
// model never asks for bytes, the stores never compute.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/hidden_rows.h"
#include "engine/kv_transfers.h"
#include "kernels/device/device.h"
#include "kernels/device/stream.h"
#include "kernels/ops/backend.h"
#include "models/decoder.h"
#include "offload/disk/disk_queue.h"
#include "offload/kv/kv_cache.h"
#include "offload/plan/schedule.h"
#include "offload/weights/weight_store.h"

namespace strata {

// A micro-batch with the places of its sequences in the KV cache, in its order.
struct ScheduledBatch {
  MicroBatch batch;
  std::vector<KvAppend> appends;
  // [num_logit_rows], where the logits are made on a gpu: at which temperature the candidates of
  // the row are wanted on the host; nothing: the whole row. Empty: all rows whole.
  std::vector<std::optional<float>> candidate_temperatures;
};

// One step as it was run.
struct StepSpan {
  int32_t step = 0;   // in the schedule
  int64_t pass = 0;   // in which it was issued; -1: before the first
  int64_t bytes = 0;  // moved
  std::chrono::steady_clock::time_point begin, end;
};

// What the passes so far took.
struct ExecutorTotals {
  int64_t num_passes = 0;
  double seconds = 0;                               // in RunPass
  std::array<double, kNumLanes> busy_seconds = {};  // by Lane
  std::array<int64_t, kNumLanes> bytes = {};        // moved, by Lane
};

class Executor {
 public:
  // A device that computes beside the cpu.
  struct Gpu {
    Device* device = nullptr;
    Backend* backend = nullptr;
    Activations* activations = nullptr;  // of the extents of the cpu's
  };
  struct Parts {  // all outlive the executor
    const Decoder* decoder = nullptr;
    WeightStore* weights = nullptr;  // unit i is stage i of the decoder
    KvCache* kv_cache = nullptr;
    Backend* backend = nullptr;
    DiskQueue* disk_queue = nullptr;  // null when no step of the schedule needs the disk
    KvTransfers::Slots kv_host_slots;
    KvTransfers::Slots kv_gpu_slots;
    HiddenRows::Parts hidden;
    std::optional<Gpu> gpu;
  };

  Executor(const Parts& parts, Schedule schedule);
  ~Executor();  // waits for transfers in flight
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // One sweep over all stages for at most schedule().num_micro_batches micro-batches. Their logits
  // are in activations.Logits afterwards, or their candidates beside them.
  absl::Status RunPass(absl::Span<const ScheduledBatch> batches, Activations& activations);

  // True where head computes on the gpu: then candidates or whole rows are in `activations`, as
  // candidate_temperatures say; otherwise whole rows are.
  bool logits_are_on_gpu() const { return logits_are_on_gpu_; }

  // The whole row `row` of the last pass's logits, into `activations`, from the gpu.
  absl::Status FetchLogits(int64_t row, Activations& activations);

  const Schedule& schedule() const { return schedule_; }
  const ExecutorTotals& totals() const { return totals_; }

  // Called for every step that has ended, in the order in which that was noticed.
  void set_on_span(std::function<void(const StepSpan&)> on_span) { on_span_ = std::move(on_span); }

 private:
  // A step that was issued: what ends it, and the record of it.
  struct Issued {
    Event event;
    StepSpan span;
    bool ended = true;
    bool is_absent = false;  // of a micro-batch that the pass has not
  };
  using PassLog = std::vector<Issued>;  // by step

  // The rotary angles of a micro-batch, to the gpu.
  absl::Status CopyAngles(const MicroBatch& batch, const Activations& activations);
  absl::Status BeginPass(absl::Span<const ScheduledBatch> batches, Activations& activations);
  absl::Status RunSteps(absl::Span<const ScheduledBatch> batches, Activations& activations);
  // Whether the gpu can be given the pass as a whole: a pass of single tokens with nothing to move,
  // whose steps nobody wants to see.
  bool IsForGpuAtOnce(absl::Span<const ScheduledBatch> batches) const;
  absl::Status RunOnGpuAtOnce(absl::Span<const ScheduledBatch> batches, Activations& activations);
  // Queues all steps of such a pass; `leases` must be kept until they are done.
  absl::Status IssueToGpu(absl::Span<const ScheduledBatch> batches,
                          std::vector<WeightLease>& leases);
  // Computes a step on the gpu, and selects the candidates of its logits if it makes some.
  absl::StatusOr<WeightLease> ComputeWithCandidates(const Step& step, const ScheduledBatch& batch);
  bool GivesLogits(const Step& step, const ScheduledBatch& batch) const;
  absl::Status Issue(int32_t step, absl::Span<const ScheduledBatch> batches,
                     Activations& activations);
  absl::Status IssueHere(const Step& step, const ScheduledBatch* batch, Activations& activations,
                         Issued& issued);
  // With a gpu: submits the step to its lane's thread, which waits for what it comes after.
  void IssueToLane(const Step& step, const ScheduledBatch* batch, Activations& activations,
                   Issued& issued);
  // The step's work, on its lane's thread; when it has finished.
  Event RunInLane(const Step& step, const ScheduledBatch* batch, Activations& activations,
                  absl::Span<const MutableTensorView> copied);
  Event ReadWeights(const Step& step);
  Event CopyHidden(Lane lane, absl::Span<const MutableTensorView> copied);
  Event ComputeOnGpu(const Step& step, const ScheduledBatch& batch, Activations& activations);
  // What moves to the device of `step`, as it lies in host memory and on the gpu, in turn.
  std::vector<MutableTensorView> CopiedTensors(const Step& step, const ScheduledBatch& batch,
                                               Activations& activations);
  // Hands the stage to `backend`; what must be kept until that has finished.
  absl::StatusOr<WeightLease> Compute(const Step& step, const ScheduledBatch& batch,
                                      Activations& activations, Backend& backend);
  // What a step moves of KV pages or of hidden rows that wait.
  LaneMove MoveOf(const Step& step, const ScheduledBatch* batch, const Activations& activations);
  // What takes home the KV pages that `compute` could not fetch ahead.
  std::vector<int32_t> StepsBeforeLate(const Step& compute) const;
  // Blocks until what `step` comes after has passed.
  absl::Status WaitFor(const Step& step);
  absl::Status End(int32_t step, Issued& issued);
  PassLog& Log(int64_t passes_ago);

  Parts parts_;
  Schedule schedule_;
  bool logits_are_on_gpu_ = false;
  bool is_all_on_gpu_ = false;  // nothing of the schedule moves or runs elsewhere
  int64_t pass_ = -1;           // in progress
  KvTransfers kv_;
  std::array<Event, kNumKvSlots> kv_slot_written_;         // by host slot; without a gpu
  absl::flat_hash_map<std::byte*, Event> hidden_written_;  // by place; without a gpu
  HiddenRows hidden_;                                      // when the last step was issued
  std::array<PassLog, kMaxPassesAgo + 1> logs_;
  std::array<std::chrono::steady_clock::time_point, kNumLanes> lane_free_;
  ExecutorTotals totals_;
  std::function<void(const StepSpan&)> on_span_;
  std::array<std::unique_ptr<Stream>, kNumLanes> lanes_;  // with a gpu; last: they use the above
};

}  // namespace strata
