// KvVisits: the part of a schedule that moves KV pages.
//
// A layer whose pages are on disk, or outside the gpu while it is attended there, is visited once
// per micro-batch: its pages come (disk -> host slot -> gpu slot), attend appends and reads, what
// got rows goes back the same way. Visits take the slots in turn; the pages of a visit are fetched
// while the one before it is attended, so that those of the one before that have time to leave.
// MakeSchedule alone uses this.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "offload/plan/model_shape.h"
#include "offload/plan/policy.h"
#include "offload/plan/schedule.h"

namespace strata {

class KvVisits {
 public:
  using Push = std::function<int32_t(Step)>;  // issues a step; its index
  // `step` comes after `before`, which is issued `passes_ago` passes earlier.
  using After = std::function<void(int32_t step, int32_t before, int passes_ago)>;

  // Both are borrowed and outlive this.
  KvVisits(const ModelShape& model, const Policy& policy) : model_(model), policy_(policy) {}

  // Lists a compute step, in order of execution; `moment` is its place in that order. Nothing
  // happens unless it attends to pages that are not where it is computed.
  void Add(int32_t stage, int32_t micro_batch, int moment);

  // Issues the transfers whose slot is free once the compute step of `moment` is over; -1: from the
  // beginning of the pass.
  void EmitAhead(int moment, const Push& push);

  // Sets the slots of the next compute step, of `stage`.
  void SetSlots(Step& compute) const;
  // That step was issued as `compute`: issues what takes its pages back.
  void EmitBack(int32_t stage, int32_t compute, const Push& push);

  void AddDependencies(const After& after) const;

 private:
  struct Visit {
    int32_t stage = 0;
    int32_t micro_batch = 0;
    int moment = 0;
    int32_t host_slot = -1;
    int32_t gpu_slot = -1;
    int32_t read = -1, copy_in = -1, compute = -1, copy_out = -1, write = -1;  // steps
  };

  bool IsVisited(int32_t stage) const;
  Step StepOf(const Visit& visit, StepKind kind, Lane lane) const;
  bool IsFree(const std::vector<size_t>& turns, size_t turn, int moment) const;
  void AddSlotDependencies(const std::vector<size_t>& turns, int32_t Visit::*first,
                           int32_t Visit::*last, const After& after) const;

  const ModelShape& model_;
  const Policy& policy_;
  std::vector<Visit> visits_;
  std::vector<size_t> host_turns_;  // visits that need a slot of host memory
  std::vector<size_t> gpu_turns_;   // and of the gpu
  size_t num_read_ = 0;
  size_t num_copied_ = 0;
  size_t num_back_ = 0;
};

}  // namespace strata
