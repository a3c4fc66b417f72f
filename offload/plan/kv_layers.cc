#include "offload/plan/kv_layers.h"

#include <algorithm>
#include <cmath>

namespace strata {
namespace {

// Of the first n things, those that a share takes. The tiny addend forgives a share like 0.3 for
// not being a binary fraction.
int64_t TakenOf(double share, int64_t n) {
  return static_cast<int64_t>(std::floor(share * static_cast<double>(n) + 0.5 + 1e-6));
}

bool Takes(double share, int64_t index) {
  return TakenOf(share, index + 1) > TakenOf(share, index);
}

bool Attends(const StageShape& stage) { return stage.work == StageWork::kAttend; }

}  // namespace

bool KvLiesOnGpu(const TierShares& kv, int64_t layer_index) { return Takes(kv.gpu, layer_index); }

double KvDiskShare(const TierShares& kv) {
  const double outside = kv.host + kv.disk;
  return outside > 0 ? kv.disk / outside : 0;
}

int64_t NumAttends(const ModelShape& model) {
  return std::count_if(model.stages.begin(), model.stages.end(), &Attends);
}

int64_t NumAttendsAtHomeOnGpu(const ModelShape& model, const TierShares& kv) {
  return std::count_if(model.stages.begin(), model.stages.end(), [&](const StageShape& stage) {
    return Attends(stage) && KvLiesOnGpu(kv, stage.layer_index);
  });
}

bool KvTravels(const ModelShape& model, const Policy& policy, size_t stage) {
  return Attends(model.stages[stage]) && policy.stages[stage].device == ComputeDevice::kGpu &&
         !KvLiesOnGpu(policy.kv, model.stages[stage].layer_index);
}

bool AnyKvTravels(const ModelShape& model, const Policy& policy) {
  for (size_t i = 0; i < model.stages.size(); ++i) {
    if (KvTravels(model, policy, i)) return true;
  }
  return false;
}

void PlaceAttention(const ModelShape& model, double travelling, Policy& policy) {
  int64_t num_outside = 0;
  for (size_t i = 0; i < model.stages.size(); ++i) {
    if (!Attends(model.stages[i])) continue;
    const bool at_home = KvLiesOnGpu(policy.kv, model.stages[i].layer_index);
    const bool on_gpu = at_home || Takes(travelling, num_outside++);
    policy.stages[i].device = on_gpu ? ComputeDevice::kGpu : ComputeDevice::kCpu;
  }
}

Policy PrefillPolicy(const ModelShape& model, const Policy& policy) {
  Policy prefill = policy;
  if (policy.prefill_attend_device.has_value()) {
    PlaceAttention(model, *policy.prefill_attend_device == ComputeDevice::kGpu ? 1 : 0, prefill);
  }
  return prefill;
}

}  // namespace strata
