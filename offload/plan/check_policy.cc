#include "offload/plan/check_policy.h"

#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "offload/plan/hidden_places.h"
#include "offload/plan/kv_layers.h"
#include "offload/plan/memory_use.h"
#include "offload/plan/schedule.h"

namespace strata {
namespace {

absl::Status CheckShares(const TierShares& shares, absl::string_view what, bool has_gpu) {
  const bool in_range = shares.gpu >= 0 && shares.host >= 0 && shares.disk >= 0;
  const double sum = shares.gpu + shares.host + shares.disk;
  if (!in_range || !(std::abs(sum - 1) <= 1e-6)) {
    return absl::InvalidArgumentError(absl::StrCat("policy: the shares of ", what, " (", shares.gpu,
                                                   ", ", shares.host, ", ", shares.disk,
                                                   ") are no parts of 1"));
  }
  if (shares.gpu > 0 && !has_gpu) {
    return absl::InvalidArgumentError(
        absl::StrCat("policy: ", what, " in gpu memory on a machine without a gpu"));
  }
  return absl::OkStatus();
}

absl::Status CheckStage(const Policy& policy, const CheckPolicyArgs& args, size_t index) {
  const StageShape& shape = args.model.stages[index];
  const StagePolicy& stage = policy.stages[index];
  const auto fault = [&shape](absl::string_view sentence) {
    return absl::InvalidArgumentError(absl::StrCat("policy: stage '", shape.name, "': ", sentence));
  };
  if (stage.tensor_homes.size() != shape.tensor_bytes.size()) {
    return fault(absl::StrCat("has homes for ", stage.tensor_homes.size(), " tensors, the model's ",
                              "has ", shape.tensor_bytes.size()));
  }
  const bool on_gpu = stage.device == ComputeDevice::kGpu;
  if (on_gpu && !args.has_gpu) return fault("computed on a gpu that is not there");
  if (shape.work == StageWork::kAttend && !on_gpu && KvLiesOnGpu(policy.kv, shape.layer_index)) {
    return fault("its KV rows lie in gpu memory but the cpu attends");
  }
  for (size_t i = 0; i < stage.tensor_homes.size(); ++i) {
    const Tier home = stage.tensor_homes[i];
    if (home == Tier::kGpu && !on_gpu) {
      return fault(absl::StrCat("tensor ", i, " lies in gpu memory but the cpu computes"));
    }
    const std::optional<TensorPlace> owner = OwnerOf(args.model, {index, i});
    if (!owner.has_value()) continue;
    // Stages are checked in order: the owner's homes are complete.
    const Tier owners = policy.stages[owner->stage].tensor_homes[owner->tensor];
    if (owners != home) {
      return fault(absl::StrCat("tensor ", i, " lies on ", TierName(home),
                                ", but it is the one of stage '",
                                args.model.stages[owner->stage].name, "' on ", TierName(owners)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckPolicy(const Policy& policy, const CheckPolicyArgs& args) {
  if (policy.stages.size() != args.model.stages.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "policy: has ", policy.stages.size(), " stages, the model has ", args.model.stages.size()));
  }
  if (policy.micro_batch_rows < 1 || policy.num_micro_batches < 1 ||
      policy.micro_batch_sequences < 0) {
    return absl::InvalidArgumentError("policy: a micro-batch needs at least one row");
  }
  STRATA_RETURN_IF_ERROR(CheckShares(policy.kv, "kv", args.has_gpu));
  STRATA_RETURN_IF_ERROR(CheckShares(policy.activations, "activations", args.has_gpu));
  if (policy.prefill_attend_device == ComputeDevice::kGpu && !args.has_gpu) {
    return absl::InvalidArgumentError("policy: attention on a gpu that is not there");
  }
  for (size_t i = 0; i < policy.stages.size(); ++i) {
    STRATA_RETURN_IF_ERROR(CheckStage(policy, args, i));
  }
  const int64_t on_disk = NumHiddenOnDisk(policy.activations, policy.num_micro_batches);
  if (policy.activations.disk > 0 && on_disk <= kNumHiddenVisitors) {
    return absl::InvalidArgumentError(absl::StrCat(
        "policy: ", 100 * policy.activations.disk, " % of the activations on disk are those of ",
        on_disk, " of a pass's ", policy.num_micro_batches,
        " micro-batches, which would have no effect: ", kNumHiddenVisitors,
        " are in host memory at a time; expected a larger share, or more micro-batches"));
  }
  const StagingNeeds needs = SmallestStaging(args.model, policy);
  if (policy.host_staging_bytes < needs.host_bytes || policy.gpu_staging_bytes < needs.gpu_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("policy: the largest stage that streams needs staging of ", needs.host_bytes,
                     " bytes in host memory and ", needs.gpu_bytes, " on the gpu, the policy has ",
                     policy.host_staging_bytes, " and ", policy.gpu_staging_bytes));
  }
  return absl::OkStatus();
}

}  // namespace strata
