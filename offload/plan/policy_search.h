// SearchPolicy: the policy that runs a workload soonest within the budgets.
//
// The few discrete choices (micro-batches, where attention runs, whether the gpu is used, sequences
// in flight) are enumerated; for each a small linear program places weights and KV rows; the best
// are rounded to tensors and simulated, and the simulator decides. docs/plan.md describes it. Pure,
// deterministic; under a second for 80 layers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/base/dtype.h"
#include "offload/plan/hardware_profile.h"
#include "offload/plan/model_shape.h"
#include "offload/plan/plan_result.h"
#include "offload/plan/workload.h"
#include "offload/tier.h"

namespace strata {

// A format in which KV rows may be kept.
struct KvFormat {
  DType dtype = DType::kBF16;
  int64_t bytes_per_token_layer = 0;

  friend bool operator==(const KvFormat&, const KvFormat&) = default;
};

// What the user has decided; the rest is searched.
struct SearchConstraints {
  std::optional<int64_t> micro_batch_rows;
  std::optional<int64_t> num_micro_batches;
  // Fewer sequences than the workload's may be in flight at a time, down to this many; 0: all are.
  int64_t min_sequences = 0;
  bool kv_may_be_on_disk = true;
  // Whether passes that read prompts may attend KV rows outside the gpu on another device than
  // passes that decode.
  bool prompts_may_attend_elsewhere = true;
  // The format that the model's kv_bytes_per_token_layer stands for, and others that may be chosen.
  DType kv_dtype = DType::kBF16;
  std::vector<KvFormat> other_kv_formats;

  friend bool operator==(const SearchConstraints&, const SearchConstraints&) = default;
};

// The best plan. When nothing fits, a result with fits == false that carries the smallest plan and
// what is missing per tier. InvalidArgument for a model without stages, a workload without tokens,
// a negative budget or a constraint out of range. A gpu is used if the profile and the budget have
// one; weights on disk need a disk that can be read, and no budget.
absl::StatusOr<PlanResult> SearchPolicy(const ModelShape& model, const HardwareProfile& profile,
                                        const Workload& workload, const TierBytes& budgets,
                                        const SearchConstraints& constraints);

}  // namespace strata
