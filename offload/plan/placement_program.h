// The linear program inside the policy search: which share of each class of stages lies and is
// computed where, which share of the layers' KV rows lies and is attended where, and where hidden
// rows wait, for fixed discrete choices.
//
// FlexGen's program (ICML 2023, section 4.3) with other terms: the computing device is a variable
// too, and every lane, the host's memory and the chain of a micro-batch bound the time of a pass.
//   minimise   T_prefill + decode_passes * T_decode
//   such that  T >= load of each lane, each a sum of share * load of the whole class
//              T >= cpu + (1 - cpu_share_beside_disk) * disk read
//              T >= disk read + (1 - disk_share_beside_cpu) * cpu
//              T >= (cpu + gpu + copies between them) / micro-batches
//              weights + KV + activations + rings <= budget, per tier
//              ring >= slots * what any stage streams through it
// Solved by Clp. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "offload/plan/cost_model.h"
#include "offload/plan/policy.h"
#include "offload/tier.h"

namespace strata {

// Where the tensors of a stage lie and what computes it; or where a layer's KV rows lie and what
// attends to them: rows that are attended on the gpu and lie elsewhere travel.
enum class PlaceMode : uint8_t { kGpu, kHostToGpu, kDiskToGpu, kHost, kDiskToCpu };
inline constexpr size_t kNumPlaceModes = 5;

ComputeDevice DeviceOf(PlaceMode mode);
Tier HomeOf(PlaceMode mode);

// What one choice costs if all of it is taken.
struct ChoiceTerms {
  bool allowed = false;
  Work prefill;  // of all prefill passes
  Work decode;   // of the passes that give every sequence one token
  TierBytes memory;
  int64_t host_ring_bytes = 0;  // of the ring, for one stage at a time
  int64_t gpu_ring_bytes = 0;
};

using ModeTerms = std::array<ChoiceTerms, kNumPlaceModes>;

struct PlacementProblem {
  std::vector<ModeTerms> classes;
  ModeTerms kv;
  std::array<ChoiceTerms, kNumTiers> activations;  // that wait, by their home
  TierBytes fixed_memory;
  TierBytes budgets;
  double decode_passes = 0;
  double prefill_micro_batches = 1;  // of a pass, if cpu and gpu overlap on them
  double decode_micro_batches = 1;
  double cpu_share_beside_disk = 1;
  double disk_share_beside_cpu = 1;
};

struct Placement {
  using Shares = std::array<double, kNumPlaceModes>;  // by PlaceMode
  std::vector<Shares> class_shares;
  Shares kv{};
  TierShares activations;
  double seconds = 0;  // T_prefill + decode_passes * T_decode

  friend bool operator==(const Placement&, const Placement&) = default;
};

// None when nothing fits the budgets.
std::optional<Placement> SolvePlacement(const PlacementProblem& problem);

}  // namespace strata
