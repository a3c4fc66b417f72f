// CostModel: the price of a step, a pass, a run, in seconds of every resource it uses.
//
// A roofline: a step takes as long as the most loaded resource it uses; a pass at least as long as
// the most loaded lane (BoundOf). Resources are the six lanes and the host's memory, which copies
// and disk reads share with the cpu. Rates come from a measured HardwareProfile; the work from a
// ModelShape. docs/plan.md has the formulas. Pure; safe to call from several threads.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "offload/plan/hardware_profile.h"
#include "offload/plan/model_shape.h"
#include "offload/plan/policy.h"
#include "offload/plan/schedule.h"
#include "offload/plan/workload.h"

namespace strata {

// Load of each resource: of a step, a pass, a run.
struct Work {
  std::array<double, kNumLanes> lane_seconds{};
  std::array<double, kNumLanes> lane_bytes{};  // moved, or read by a computing lane
  double host_memory_seconds = 0;              // of all bytes that cross the host's memory bus

  double& seconds(Lane lane) { return lane_seconds[static_cast<size_t>(lane)]; }
  double seconds(Lane lane) const { return lane_seconds[static_cast<size_t>(lane)]; }
  double& bytes(Lane lane) { return lane_bytes[static_cast<size_t>(lane)]; }
  double bytes(Lane lane) const { return lane_bytes[static_cast<size_t>(lane)]; }

  Work& operator+=(const Work& other);
  Work& operator*=(double factor);
  friend bool operator==(const Work&, const Work&) = default;
};

// The least time some work can take with everything overlapped, and the resource that says so.
struct Bound {
  double seconds = 0;
  std::string resource;  // LaneName, or "host memory"

  friend bool operator==(const Bound&, const Bound&) = default;
};

// The largest of the lanes and the host memory. The cpu lane is lengthened by what the disk takes
// from it, cpu + (1 - cpu_share_beside_disk) * disk, and a disk lane by what the cpu takes, disk +
// (1 - disk_share_beside_cpu) * cpu.
Bound BoundOf(const Work& work, const HardwareProfile& profile);

// Experts that n tokens choose at least once, in expectation: E (1 - (1 - k/E)^n).
double ExpectedDistinctExperts(int64_t num_experts, int64_t experts_per_token, double num_tokens);

class CostModel {
 public:
  // `model` and `profile` are borrowed and outlive this.
  CostModel(const ModelShape& model, const HardwareProfile& profile)
      : model_(model), profile_(profile) {}

  const ModelShape& model() const { return model_; }
  const HardwareProfile& profile() const { return profile_; }

  // What a step of a schedule made from `policy` does in a pass of this shape; nothing if the pass
  // lacks the step's micro-batch.
  Work StepWork(const Step& step, const Policy& policy, const PassShape& pass) const;

  // The step's time alone: the largest of its lanes.
  double Seconds(const Step& step, const Policy& policy, const PassShape& pass) const;

  // All steps of a pass, without making its schedule. Copies of activations between devices are
  // counted where neighbouring stages differ in device.
  Work PassWork(const Policy& policy, const PassShape& pass) const;

  // --- the terms, for the search ---

  // One stage other than attend on `device`, its weights in that device's memory.
  Work ComputeWork(const StageShape& stage, ComputeDevice device,
                   const MicroBatchShape& micro_batch) const;
  // What a gather reads from disk for tables that lie there.
  Work GatherFromDiskWork(const StageShape& stage, const MicroBatchShape& micro_batch) const;
  // Attention of one layer on `device`.
  Work AttendWork(ComputeDevice device, const MicroBatchShape& micro_batch) const;
  // What a step of the kinds that move KV pages of one layer does, if `share` of them move.
  Work MoveKvWork(StepKind kind, double share, const MicroBatchShape& micro_batch) const;
  // Hidden rows that wait elsewhere than they are computed, over `lane`.
  Work MoveHiddenWork(Lane lane, const MicroBatchShape& micro_batch) const;
  // Streams `bytes` of a stage's weights over `lane` once for a pass of `pass_rows` rows; of
  // experts, those that are chosen.
  Work StreamWork(const StageShape& stage, Lane lane, double bytes, int64_t pass_rows) const;
  // A micro-batch's activations on their way to the device that computes `stage`.
  Work CopyHiddenWork(const StageShape& stage, Lane lane, const MicroBatchShape& micro_batch) const;

  // The rate of products with a matrix of the model's weight format; between measured row counts
  // the time of a product is interpolated linearly, below the first it is constant, beyond the last
  // the rate is.
  double MatMulFlopsPerSecond(ComputeDevice device, double num_rows) const;

 private:
  const DeviceRates& Rates(ComputeDevice device) const;
  // Whether a step that moves waiting rows of micro-batch `index` of `count` does anything. It
  // belongs to the end of the turn that `last_stage` ends, or to the beginning of the next.
  bool HiddenMoves(StepKind kind, const Policy& policy, size_t last_stage, int64_t index,
                   int64_t count) const;
  void AddTransfer(Work& work, Lane lane, double bytes) const;

  const ModelShape& model_;
  const HardwareProfile& profile_;
};

}  // namespace strata
