#include "offload/plan/round_placement.h"

#include <algorithm>
#include <cmath>

#include "offload/plan/hidden_places.h"
#include "offload/plan/kv_layers.h"
#include "offload/plan/memory_use.h"
#include "offload/plan/schedule.h"
#include "offload/plan/spread_tensors.h"
#include "offload/plan/staging_ring.h"

namespace strata {
namespace {

constexpr double kNoShare = 1e-6;  // what the solver's tolerance may leave of a zero

TierShares Cleaned(const TierShares& shares) {
  const auto clean = [](double share) { return share < kNoShare ? 0.0 : share; };
  TierShares cleaned = {clean(shares.gpu), clean(shares.host), clean(shares.disk)};
  const double sum = cleaned.gpu + cleaned.host + cleaned.disk;
  if (sum <= 0) return {};
  return {cleaned.gpu / sum, cleaned.host / sum, cleaned.disk / sum};
}

class Rounder {
 public:
  Rounder(const Placement& placement, const RoundPlacementArgs& args)
      : args_(args), model_(args.model), policy_(PolicyOf(args.choices, args.model)) {
    for (size_t i = 0; i < args.classes.size(); ++i) {
      if (!args.classes[i].follows_head) PlaceClass(args.classes[i], placement.class_shares[i]);
    }
    for (size_t i = 0; i < model_.stages.size(); ++i) {
      for (size_t j = 0; j < model_.stages[i].tensor_bytes.size(); ++j) FollowOwner({i, j});
    }
    PlaceKv(placement.kv);
    PlaceActivations(placement.activations);
    use_ = BytesByTier(model_, policy_, args.workload);
    fixed_staging_ = use_.staging;
    CountRings();
  }

  std::optional<Policy> Run() {
    // Every move takes a tensor one tier down: the loop ends.
    for (TierBytes missing = Missing(); missing != TierBytes{}; missing = Missing()) {
      if (missing.disk > 0) return std::nullopt;
      const Tier tier = missing.gpu > 0 ? Tier::kGpu : Tier::kHost;
      if (!Demote(tier, missing[tier]) && !DemoteKv(tier, missing[tier])) return std::nullopt;
    }
    for (const Tier tier : {Tier::kHost, Tier::kGpu}) {
      while (Promote(tier)) {
      }
    }
    return policy_;
  }

 private:
  TierBytes Missing() const { return MissingBytes(use_, args_.budgets); }

  // Devices by error diffusion over the stages, then homes over the tensors of each device.
  void PlaceClass(const StageClass& stage_class, const std::array<double, kNumPlaceModes>& shares) {
    const auto share = [&shares](PlaceMode mode) { return shares[static_cast<size_t>(mode)]; };
    const double on_gpu =
        share(PlaceMode::kGpu) + share(PlaceMode::kHostToGpu) + share(PlaceMode::kDiskToGpu);
    TensorSpreader gpu_tensors(Cleaned(
        {share(PlaceMode::kGpu), share(PlaceMode::kHostToGpu), share(PlaceMode::kDiskToGpu)}));
    TensorSpreader cpu_tensors(Cleaned({0, share(PlaceMode::kHost), share(PlaceMode::kDiskToCpu)}));
    double owed = 0;  // stages that the gpu should compute and does not yet
    for (const size_t index : stage_class.stages) {
      const StageShape& stage = model_.stages[index];
      StagePolicy& policy = policy_.stages[index];
      owed += on_gpu;
      const bool gpu = owed >= 0.5;
      if (gpu) owed -= 1;
      policy.device = gpu ? ComputeDevice::kGpu : ComputeDevice::kCpu;
      for (size_t j = 0; j < stage.tensor_bytes.size(); ++j) {
        policy.tensor_homes[j] =
            IsSmallTensor(stage, j) ? (gpu ? Tier::kGpu : Tier::kHost)
                                    : (gpu ? gpu_tensors : cpu_tensors).Next(stage.tensor_bytes[j]);
      }
    }
  }

  // KV rows to layers. Those that the gpu has no room for go down one by one (DemoteKv).
  void PlaceKv(const Placement::Shares& shares) {
    const auto share = [&shares](PlaceMode mode) { return shares[static_cast<size_t>(mode)]; };
    const TierShares kv =
        Cleaned({share(PlaceMode::kGpu), share(PlaceMode::kHostToGpu) + share(PlaceMode::kHost),
                 share(PlaceMode::kDiskToGpu) + share(PlaceMode::kDiskToCpu)});
    disk_share_ = KvDiskShare(kv);
    const double travelling = share(PlaceMode::kHostToGpu) + share(PlaceMode::kDiskToGpu);
    const double outside = kv.host + kv.disk;
    if (outside > 0) {
      travelling_ = std::clamp(travelling / outside, 0.0, 1.0);
    } else if (args_.choices.attend_device == ComputeDevice::kGpu) {
      travelling_ = 1;
    }
    SetKv(NumAttendsAtHomeOnGpu(model_, kv));
  }

  void PlaceActivations(const TierShares& shares) {
    policy_.activations = Cleaned(shares);
    const int64_t on_disk = NumHiddenOnDisk(policy_.activations, policy_.num_micro_batches);
    if (on_disk > kNumHiddenVisitors) return;
    policy_.activations.host += policy_.activations.disk;  // it would have no effect
    policy_.activations.disk = 0;
  }

  void SetKv(int64_t num_layers_on_gpu) {
    const double layers = static_cast<double>(std::max<int64_t>(NumAttends(model_), 1));
    const double gpu = static_cast<double>(num_layers_on_gpu) / layers;
    policy_.kv = {gpu, (1 - gpu) * (1 - disk_share_), (1 - gpu) * disk_share_};
    PlaceAttention(model_, travelling_, policy_);
  }

  // The gather's table lies where the tied head has it.
  void FollowOwner(const TensorPlace& place) {
    const std::optional<TensorPlace> owner = OwnerOf(model_, place);
    if (!owner.has_value()) return;
    const Tier home = policy_.stages[place.stage].tensor_homes[place.tensor];
    StagePolicy& gather = policy_.stages[owner->stage];
    gather.tensor_homes.assign(gather.tensor_homes.size(), home);
    gather.device = home == Tier::kGpu ? ComputeDevice::kGpu : ComputeDevice::kCpu;
  }

  // Streamed bytes of each stage, as they lie in its rings, and the rings that hold them.
  void CountRings() {
    const StagingNeeds needs = SmallestStaging(model_, policy_);
    policy_.host_staging_bytes = args_.choices.ring_stages * needs.host_bytes;
    policy_.gpu_staging_bytes = args_.choices.ring_stages * needs.gpu_bytes;
    use_.staging.host = fixed_staging_.host + policy_.host_staging_bytes;
    use_.staging.gpu = fixed_staging_.gpu + policy_.gpu_staging_bytes;
  }

  // Bytes that `stage` streams out of `tier` and the tiers below.
  int64_t StreamedFrom(size_t stage, Tier tier) const {
    int64_t bytes = 0;
    for (size_t j = 0; j < model_.stages[stage].tensor_bytes.size(); ++j) {
      if (policy_.stages[stage].tensor_homes[j] >= tier) {
        bytes += StagedBytes(model_.stages[stage].tensor_bytes[j]);
      }
    }
    return bytes;
  }

  void Move(const TensorPlace& place, Tier to) {
    Tier& home = policy_.stages[place.stage].tensor_homes[place.tensor];
    const int64_t bytes = model_.stages[place.stage].tensor_bytes[place.tensor];
    use_.weights[home] -= bytes;
    use_.weights[to] += bytes;
    home = to;
    FollowOwner(place);
    if (model_.stages[place.stage].work == StageWork::kGather) {
      policy_.stages[place.stage].device = ComputeDevice::kCpu;
    }
    CountRings();
  }

  bool MayMove(const TensorPlace& place, Tier from) const {
    const StageShape& stage = model_.stages[place.stage];
    if (policy_.stages[place.stage].tensor_homes[place.tensor] != from) return false;
    if (IsSmallTensor(stage, place.tensor)) return false;
    // A table that a tied head shares moves with the head.
    return stage.work != StageWork::kGather || !FollowsHead(place.stage);
  }

  bool FollowsHead(size_t stage) const {
    return std::any_of(args_.classes.begin(), args_.classes.end(), [stage](const StageClass& c) {
      return c.follows_head && c.stages.front() == stage;
    });
  }

  // Moves the tensor whose stage then streams least; among equals one that is just large enough.
  bool Demote(Tier from, int64_t missing) {
    const Tier to = from == Tier::kGpu ? Tier::kHost : Tier::kDisk;
    std::optional<TensorPlace> best;
    std::pair<int64_t, int64_t> best_rank;
    for (size_t i = 0; i < model_.stages.size(); ++i) {
      const StageShape& stage = model_.stages[i];
      const bool gathers = stage.work == StageWork::kGather;
      const int64_t streamed = gathers || stage.tensor_bytes.empty() ? 0 : StreamedFrom(i, to);
      for (size_t j = 0; j < stage.tensor_bytes.size(); ++j) {
        if (!MayMove({i, j}, from)) continue;
        const int64_t bytes = stage.tensor_bytes[j];
        const int64_t excess = bytes >= missing ? bytes - missing : missing;
        const std::pair rank(gathers ? 0 : streamed + bytes, excess);
        if (best.has_value() && best_rank <= rank) continue;
        best = {i, j};
        best_rank = rank;
      }
    }
    if (best.has_value()) Move(*best, to);
    return best.has_value();
  }

  bool DemoteKv(Tier from, int64_t missing) {
    const int64_t on_gpu = NumAttendsAtHomeOnGpu(model_, policy_.kv);
    if (from == Tier::kGpu) {
      if (on_gpu == 0) return false;
      SetKv(on_gpu - 1);
    } else {
      const int64_t outside = use_.kv.host + use_.kv.disk;
      if (!args_.choices.kv_may_be_on_disk || disk_share_ >= 1 || outside == 0) return false;
      disk_share_ = std::min(
          1.0, disk_share_ + static_cast<double>(missing) / static_cast<double>(outside) + 1e-3);
      SetKv(on_gpu);
    }
    use_ = BytesByTier(model_, policy_, args_.workload);
    fixed_staging_ = {use_.staging.gpu - policy_.gpu_staging_bytes,
                      use_.staging.host - policy_.host_staging_bytes, 0};
    return true;
  }

  // Moves a tensor up to `to` if one fits: from the stage that streams most, the largest.
  bool Promote(Tier to) {
    const Tier from = to == Tier::kGpu ? Tier::kHost : Tier::kDisk;
    const int64_t free = args_.budgets[to] - use_.Total()[to];
    std::optional<TensorPlace> best;
    std::pair<int64_t, int64_t> best_rank;
    for (size_t i = 0; i < model_.stages.size(); ++i) {
      const StageShape& stage = model_.stages[i];
      if (stage.work == StageWork::kGather || stage.tensor_bytes.empty()) continue;
      if (to == Tier::kGpu && policy_.stages[i].device != ComputeDevice::kGpu) continue;
      const int64_t streamed = StreamedFrom(i, from);
      for (size_t j = 0; j < stage.tensor_bytes.size(); ++j) {
        const int64_t bytes = stage.tensor_bytes[j];
        if (bytes > free || !MayMove({i, j}, from)) continue;
        const std::pair rank(streamed, bytes);
        if (best.has_value() && best_rank >= rank) continue;
        best = {i, j};
        best_rank = rank;
      }
    }
    if (best.has_value()) Move(*best, to);
    return best.has_value();
  }

  const RoundPlacementArgs& args_;
  const ModelShape& model_;
  Policy policy_;
  MemoryUse use_;
  TierBytes fixed_staging_;  // of KV pages that visit
  double disk_share_ = 0;    // of the KV rows outside the gpu
  double travelling_ = 0;    // of the layers whose KV rows lie there
};

}  // namespace

std::optional<Policy> RoundPlacement(const Placement& placement, const RoundPlacementArgs& args) {
  return Rounder(placement, args).Run();
}

}  // namespace strata
