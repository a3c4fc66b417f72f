// Where the hidden rows of a pass's micro-batches wait between their turns at the stages: the
// rounding of shares to micro-batches that planner, schedule and executor have in common.
//
// A micro-batch has a home on the gpu, in host memory or on disk. In memory that is not its home it
// is a visitor: visitors take kNumHiddenVisitors places in turn, one computed, one arriving, one
// leaving. In a pass where nobody else wants its place a visitor stays: nothing moves. Shares are
// spread evenly over the micro-batches, the faster tiers first, so that passes of few have them.
#pragma once

#include <cstdint>
#include <vector>

#include "offload/plan/model_shape.h"
#include "offload/plan/policy.h"
#include "offload/tier.h"

namespace strata {

inline constexpr int64_t kNumHiddenVisitors = 3;

// The home of micro-batch `index` of a pass.
Tier HiddenHome(const TierShares& activations, int64_t index);

// Of the first `count` micro-batches, those at home on disk, and on the gpu.
int64_t NumHiddenOnDisk(const TierShares& activations, int64_t count);
int64_t NumHiddenOnGpu(const TierShares& activations, int64_t count);

// Whether, in a pass of `count` micro-batches, the rows of micro-batch `index` leave host memory
// for the disk, and the gpu for host memory, after each of its turns.
bool HiddenLeavesHost(const TierShares& activations, int64_t index, int64_t count);
bool HiddenLeavesGpu(const TierShares& activations, int64_t index, int64_t count);

// For each of `count` micro-batches, the number of its place in memory, from 0 on without a gap.
std::vector<int32_t> HiddenPlacesInHost(const TierShares& activations, int64_t count);
std::vector<int32_t> HiddenPlacesOnGpu(const TierShares& activations, int64_t count);
int64_t NumHiddenPlacesInHost(const TierShares& activations, int64_t count);
int64_t NumHiddenPlacesOnGpu(const TierShares& activations, int64_t count);

// Stages [begin, end) that a micro-batch goes through in one turn: attend with its neighbours, so
// that its queries need not be kept for all micro-batches; every other stage alone.
struct StageTurn {
  size_t begin = 0;
  size_t end = 0;

  friend bool operator==(const StageTurn&, const StageTurn&) = default;
};
std::vector<StageTurn> TurnsOf(const ModelShape& model);

}  // namespace strata
