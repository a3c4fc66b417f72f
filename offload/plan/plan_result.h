// PlanResult: a policy with everything that a person or a program wants to know about it before it
// runs. Plain values; printed by plan_table.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "offload/plan/cost_model.h"
#include "offload/plan/memory_use.h"
#include "offload/plan/policy.h"
#include "offload/plan/workload.h"

namespace strata {

// A class of tensors (stages with the same last word of their name: "mlp") by home.
struct ClassUse {
  std::string name;
  TierBytes bytes;
  int64_t num_stages = 0;
  int64_t num_gpu_stages = 0;  // computed on the gpu

  friend bool operator==(const ClassUse&, const ClassUse&) = default;
};

// Layers by where their KV rows are attended, in passes that decode.
struct KvLayerCounts {
  int64_t all = 0;
  int64_t on_gpu = 0;      // at home there
  int64_t travelling = 0;  // to it

  friend bool operator==(const KvLayerCounts&, const KvLayerCounts&) = default;
};

// What a workload costs under a policy.
struct Estimate {
  double prefill_seconds = 0;      // of all prompts
  double decode_pass_seconds = 0;  // one token for every sequence, at the mean context
  double total_seconds = 0;        // of the batch block
  double tokens_per_s = 0;         // generated, over the total
  // With every lane overlapped perfectly: what no order of steps beats under this policy.
  Bound prefill_bound;
  Bound decode_bound;
  double ceiling_tokens_per_s = 0;
  std::string bound_by;  // the resource that the larger part of the ceiling's time is bound by
  Work prefill_work;
  Work decode_work;
  bool sampled = false;  // too many steps: shorter passes were simulated and scaled

  friend bool operator==(const Estimate&, const Estimate&) = default;
};

struct RunnerUp {
  std::string choice;  // "KV rows attended on the gpu"
  double tokens_per_s = 0;
  std::string reason;  // why it lost

  friend bool operator==(const RunnerUp&, const RunnerUp&) = default;
};

struct PlanResult {
  bool fits = false;  // else the policy is the smallest there is
  Policy policy;
  Workload workload;  // as planned: fewer sequences than asked, if that was allowed
  MemoryUse use;
  TierBytes budgets;
  TierBytes missing;  // over the budgets
  std::vector<ClassUse> classes;
  KvLayerCounts kv_layers;
  Estimate estimate;
  std::vector<RunnerUp> runners_up;
  std::vector<std::string> warnings;

  friend bool operator==(const PlanResult&, const PlanResult&) = default;
};

// Prices a policy by the simulator; the policy has been checked (check_policy.h).
Estimate EstimatePolicy(const CostModel& cost_model, const Policy& policy,
                        const Workload& workload);

// The plan of a given policy: of --policy, --percent, or a person.
PlanResult PlanOf(const CostModel& cost_model, const Policy& policy, const Workload& workload,
                  const TierBytes& budgets);

}  // namespace strata
