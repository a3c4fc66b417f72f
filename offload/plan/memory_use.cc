#include "offload/plan/memory_use.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/round_up.h"
#include "offload/plan/hidden_places.h"
#include "offload/plan/kv_layers.h"
#include "offload/plan/schedule.h"
#include "offload/plan/workload_passes.h"

namespace strata {
namespace {

constexpr int64_t kLogitBytes = 4;

int64_t Share(double share, int64_t bytes) {
  return static_cast<int64_t>(std::ceil(share * static_cast<double>(bytes)));
}

bool Uses(const ModelShape& model, const Policy& policy, ComputeDevice device) {
  const Policy prefill = PrefillPolicy(model, policy);
  for (size_t i = 0; i < model.stages.size(); ++i) {
    if (policy.stages[i].device == device || prefill.stages[i].device == device) return true;
  }
  return false;
}

}  // namespace

TierBytes MemoryUse::Total() const {
  TierBytes total;
  for (const Tier tier : kTiers) {
    total[tier] = weights[tier] + kv[tier] + activations[tier] + staging[tier];
  }
  return total;
}

int64_t KvBytes(const ModelShape& model, const Workload& workload) {
  const int64_t prefix = std::min(workload.shared_prefix_tokens, workload.prompt_tokens);
  const int64_t positions =
      RoundUp(prefix, model.kv_page_size) +
      workload.num_sequences * RoundUp(workload.total_tokens() - prefix, model.kv_page_size);
  return positions * model.kv_bytes_per_token_layer * NumAttends(model);
}

int64_t KvSlotBytes(const ModelShape& model, const Policy& policy, const Workload& workload) {
  int64_t sequences = std::min(workload.num_sequences, policy.micro_batch_rows);
  if (policy.micro_batch_sequences > 0) {
    sequences = std::min(sequences, policy.micro_batch_sequences);
  }
  return sequences * RoundUp(workload.total_tokens(), model.kv_page_size) *
         model.kv_bytes_per_token_layer;
}

int64_t KvGpuSlotBytes(const ModelShape& model, const Policy& policy, const Workload& workload,
                       bool in_decode, bool in_prefill) {
  if (in_decode) return kNumKvSlots * KvSlotBytes(model, policy, workload);
  if (!in_prefill) return 0;
  int64_t positions = 0;
  for (const PassShape& pass : PrefillPasses(workload, policy)) {
    for (const MicroBatchShape& micro_batch : pass.micro_batches) {
      positions = std::max(positions, micro_batch.context_positions +
                                          micro_batch.num_sequences * model.kv_page_size);
    }
  }
  return kNumKvSlots * positions * model.kv_bytes_per_token_layer;
}

TierBytes ActivationBytes(const ModelShape& model, const Policy& policy, const Workload& workload) {
  const RowCounts rows = MostRows(workload, policy);
  TierBytes bytes;
  const int64_t computed = rows.micro_batch_rows * model.activation_bytes_per_token;
  if (Uses(model, policy, ComputeDevice::kCpu)) bytes.host += computed;
  if (Uses(model, policy, ComputeDevice::kGpu)) bytes.gpu += computed;
  const int64_t logit_rows = std::min(rows.micro_batch_rows, workload.num_sequences);
  bytes.host += logit_rows * model.vocab_size * kLogitBytes;
  if (!policy.stages.empty() && policy.stages.back().device == ComputeDevice::kGpu) {
    bytes.gpu += logit_rows * model.vocab_size * kLogitBytes;
  }
  // Every place is as large as a micro-batch; one of them is counted above.
  const auto hidden = [&](int64_t num_places) {
    const int64_t most = std::min(rows.pass_rows, num_places * rows.micro_batch_rows);
    return std::max<int64_t>(most - rows.micro_batch_rows, 0) * model.hidden_bytes_per_token;
  };
  const TierShares& shares = policy.activations;
  bytes.host += hidden(NumHiddenPlacesInHost(shares, rows.micro_batches));
  if (Uses(model, policy, ComputeDevice::kGpu)) {
    bytes.gpu += hidden(NumHiddenPlacesOnGpu(shares, rows.micro_batches));
  }
  const int64_t on_disk = NumHiddenOnDisk(shares, rows.micro_batches);
  if (on_disk > kNumHiddenVisitors) {
    bytes.disk += on_disk * rows.micro_batch_rows * model.hidden_bytes_per_token;
  }
  return bytes;
}

MemoryUse BytesByTier(const ModelShape& model, const Policy& policy, const Workload& workload) {
  MemoryUse use;
  for (size_t i = 0; i < model.stages.size(); ++i) {
    const StageShape& stage = model.stages[i];
    for (size_t j = 0; j < stage.tensor_bytes.size(); ++j) {
      if (stage.tensor_is_shared[j]) continue;
      use.weights[policy.stages[i].tensor_homes[j]] += stage.tensor_bytes[j];
    }
  }
  const int64_t num_attends = std::max<int64_t>(NumAttends(model), 1);
  const int64_t layer = KvBytes(model, workload) / num_attends;
  const int64_t num_outside = NumAttends(model) - NumAttendsAtHomeOnGpu(model, policy.kv);
  const double disk = KvDiskShare(policy.kv);
  use.kv = {(NumAttends(model) - num_outside) * layer, Share(1 - disk, num_outside * layer),
            Share(disk, num_outside * layer)};
  use.activations = ActivationBytes(model, policy, workload);
  use.staging = {policy.gpu_staging_bytes, policy.host_staging_bytes, 0};
  // Room for pages that visit: one micro-batch attended, one on its way.
  const int64_t slot = KvSlotBytes(model, policy, workload);
  if (num_outside > 0) use.staging.host += kNumKvSlots * Share(disk, slot);
  use.staging.gpu += KvGpuSlotBytes(model, policy, workload, AnyKvTravels(model, policy),
                                    AnyKvTravels(model, PrefillPolicy(model, policy)));
  return use;
}

TierBytes MissingBytes(const MemoryUse& use, const TierBytes& budgets) {
  TierBytes missing;
  for (const Tier tier : kTiers) {
    int64_t needed = use.Total()[tier];
    if (tier == Tier::kDisk) needed -= use.weights.disk;
    missing[tier] = std::max<int64_t>(needed - budgets[tier], 0);
  }
  return missing;
}

std::optional<TensorPlace> OwnerOf(const ModelShape& model, const TensorPlace& place) {
  const StageShape& stage = model.stages[place.stage];
  if (!stage.tensor_is_shared[place.tensor]) return std::nullopt;
  for (size_t i = 0; i < place.stage; ++i) {
    const StageShape& earlier = model.stages[i];
    for (size_t j = 0; j < earlier.tensor_bytes.size(); ++j) {
      if (!earlier.tensor_is_shared[j] &&
          earlier.tensor_bytes[j] == stage.tensor_bytes[place.tensor]) {
        return TensorPlace{i, j};
      }
    }
  }
  return std::nullopt;
}

}  // namespace strata
