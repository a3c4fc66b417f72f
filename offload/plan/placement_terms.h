// From a model, a machine and the discrete choices of a policy to the placement's linear program.
//
// Stages of the same shape form a class, whose placement is one set of shares. A tied head owns the
// table that it shares with the embedding: the gather, which reads a few rows, goes where it lies.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "offload/plan/cost_model.h"
#include "offload/plan/model_shape.h"
#include "offload/plan/placement_program.h"
#include "offload/plan/policy.h"
#include "offload/plan/workload.h"

namespace strata {

// Stages of equal work, in order of execution. Attention has no weights and no class.
struct StageClass {
  std::vector<size_t> stages;
  bool follows_head = false;  // a gather whose table belongs to the tied head

  friend bool operator==(const StageClass&, const StageClass&) = default;
};

std::vector<StageClass> ClassesOf(const ModelShape& model);

// What is fixed before the linear program is solved.
struct DiscreteChoices {
  int64_t num_sequences = 1;
  int64_t micro_batch_rows = 512;
  int64_t micro_batch_sequences = 0;
  int64_t num_micro_batches = 1;
  bool uses_gpu = false;
  // What attends to KV rows outside the gpu. None: a share of the layers each.
  std::optional<ComputeDevice> attend_device;
  std::optional<ComputeDevice> prefill_attend_device;  // as in Policy
  int64_t ring_stages = 2;                             // that fit in a staging ring
  bool kv_may_be_on_disk = false;
  // Whether cpu and gpu are thought to work at the same time, on different micro-batches. They do
  // where every layer has stages of both, they do not where layers differ: the program is solved
  // for both beliefs, and the simulator knows.
  bool devices_overlap = false;
  // Whether weights may stream to the gpu, or only those in its memory are computed there: a stream
  // beside a busy cpu looks better in the program than on the lanes.
  bool streams_to_gpu = false;

  friend bool operator==(const DiscreteChoices&, const DiscreteChoices&) = default;
};

// A policy of these choices without homes yet.
Policy PolicyOf(const DiscreteChoices& choices, const ModelShape& model);

// The program for these choices. `budgets` as given by the user.
PlacementProblem MakePlacementProblem(const CostModel& cost_model,
                                      const std::vector<StageClass>& classes,
                                      const Workload& workload, const DiscreteChoices& choices,
                                      const TierBytes& budgets);

}  // namespace strata
