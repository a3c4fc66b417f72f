#include "offload/plan/spread_tensors.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "offload/plan/kv_layers.h"
#include "offload/plan/memory_use.h"
#include "offload/plan/schedule.h"

namespace strata {
namespace {

constexpr int64_t kSmallPart = 64;  // of the largest tensor
constexpr int64_t kRingStages = 2;  // one is used while the next arrives

absl::StatusOr<TierShares> SharesOf(int gpu, int host, absl::string_view what, bool has_gpu) {
  if (gpu < 0 || host < 0 || gpu + host > 100) {
    return absl::InvalidArgumentError(absl::StrCat("per cent of ", what, ": ", gpu, " on the gpu, ",
                                                   host,
                                                   " on the host: expected two parts of 100"));
  }
  if (gpu > 0 && !has_gpu) {
    return absl::InvalidArgumentError(
        absl::StrCat("per cent of ", what, ": ", gpu, " on a gpu that is not there"));
  }
  return TierShares{gpu / 100.0, host / 100.0, (100 - gpu - host) / 100.0};
}

Tier FastestTier(const TierShares& shares) {
  if (shares.gpu > 0) return Tier::kGpu;
  return shares.host > 0 ? Tier::kHost : Tier::kDisk;
}

}  // namespace

Tier TensorSpreader::Next(int64_t bytes) {
  const double size = static_cast<double>(bytes);
  gpu_owed_ += shares_.gpu * size;
  if (shares_.gpu > 0 && gpu_owed_ >= size / 2) {
    gpu_owed_ -= size;
    return Tier::kGpu;
  }
  const double rest = shares_.host + shares_.disk;
  const double host_part = rest > 0 ? shares_.host / rest : 1;
  host_owed_ += host_part * size;
  if (host_part > 0 && host_owed_ >= size / 2) {
    host_owed_ -= size;
    return Tier::kHost;
  }
  return Tier::kDisk;
}

bool IsSmallTensor(const StageShape& stage, size_t tensor) {
  const int64_t largest = *std::max_element(stage.tensor_bytes.begin(), stage.tensor_bytes.end());
  return stage.tensor_bytes[tensor] < largest / kSmallPart;
}

absl::StatusOr<Policy> PolicyFromPercent(const ModelShape& model, const Percentages& percentages,
                                         bool has_gpu) {
  STRATA_ASSIGN_OR_RETURN(
      const TierShares weights,
      SharesOf(percentages.weights_gpu, percentages.weights_host, "weights", has_gpu));
  Policy policy;
  STRATA_ASSIGN_OR_RETURN(policy.kv,
                          SharesOf(percentages.kv_gpu, percentages.kv_host, "kv", has_gpu));
  STRATA_ASSIGN_OR_RETURN(
      policy.activations,
      SharesOf(percentages.activations_gpu, percentages.activations_host, "activations", has_gpu));
  const ComputeDevice device = has_gpu ? ComputeDevice::kGpu : ComputeDevice::kCpu;
  TensorSpreader spreader(weights);
  for (size_t i = 0; i < model.stages.size(); ++i) {
    const StageShape& stage = model.stages[i];
    StagePolicy stage_policy = {.device = device};
    for (size_t j = 0; j < stage.tensor_bytes.size(); ++j) {
      const std::optional<TensorPlace> owner = OwnerOf(model, {i, j});
      stage_policy.tensor_homes.push_back(
          owner.has_value()         ? policy.stages[owner->stage].tensor_homes[owner->tensor]
          : IsSmallTensor(stage, j) ? FastestTier(weights)
                                    : spreader.Next(stage.tensor_bytes[j]));
    }
    // Tables are gathered from where they lie; only a table in gpu memory is the gpu's to read.
    const bool all_on_gpu =
        std::all_of(stage_policy.tensor_homes.begin(), stage_policy.tensor_homes.end(),
                    [](Tier home) { return home == Tier::kGpu; });
    if (stage.work == StageWork::kGather && !all_on_gpu) {
      std::replace(stage_policy.tensor_homes.begin(), stage_policy.tensor_homes.end(), Tier::kGpu,
                   Tier::kHost);
      stage_policy.device = ComputeDevice::kCpu;
    }
    policy.stages.push_back(std::move(stage_policy));
  }
  PlaceAttention(model, /*travelling=*/0, policy);
  const StagingNeeds needs = SmallestStaging(model, policy);
  policy.host_staging_bytes = kRingStages * needs.host_bytes;
  policy.gpu_staging_bytes = kRingStages * needs.gpu_bytes;
  return policy;
}

}  // namespace strata
