#include "offload/plan/hidden_places.h"

#include <algorithm>
#include <cmath>

namespace strata {
namespace {

// Of the first n, those that a share takes, late ones rather than early ones.
int64_t TakenOf(double share, int64_t n) {
  return static_cast<int64_t>(std::floor(share * static_cast<double>(n) + 1e-6));
}

// Of the micro-batches in memory, those in host memory.
int64_t NumInHost(const TierShares& shares, int64_t num_in_memory) {
  const double memory = shares.gpu + shares.host;
  return memory > 0 ? TakenOf(shares.host / memory, num_in_memory) : 0;
}

// Whether another of `count` visitors has the place of visitor `index`.
bool PlaceIsShared(int64_t index, int64_t count) {
  return index >= kNumHiddenVisitors || index + kNumHiddenVisitors < count;
}

// Residents get places of their own behind those of the visitors.
template <typename IsVisitor>
std::vector<int32_t> Places(int64_t count, int64_t num_visitors, const IsVisitor& is_visitor) {
  std::vector<int32_t> places;
  int64_t visitors = 0;
  int64_t next = std::min(num_visitors, kNumHiddenVisitors);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t place = is_visitor(i) ? visitors++ % kNumHiddenVisitors : next++;
    places.push_back(static_cast<int32_t>(place));
  }
  return places;
}

}  // namespace

int64_t NumHiddenOnDisk(const TierShares& shares, int64_t count) {
  return TakenOf(shares.disk, count);
}

int64_t NumHiddenOnGpu(const TierShares& shares, int64_t count) {
  const int64_t in_memory = count - NumHiddenOnDisk(shares, count);
  return in_memory - NumInHost(shares, in_memory);
}

Tier HiddenHome(const TierShares& shares, int64_t index) {
  if (NumHiddenOnDisk(shares, index + 1) > NumHiddenOnDisk(shares, index)) return Tier::kDisk;
  const bool gpu = NumHiddenOnGpu(shares, index + 1) > NumHiddenOnGpu(shares, index);
  return gpu ? Tier::kGpu : Tier::kHost;
}

bool HiddenLeavesHost(const TierShares& shares, int64_t index, int64_t count) {
  return HiddenHome(shares, index) == Tier::kDisk &&
         PlaceIsShared(NumHiddenOnDisk(shares, index), NumHiddenOnDisk(shares, count));
}

bool HiddenLeavesGpu(const TierShares& shares, int64_t index, int64_t count) {
  return HiddenHome(shares, index) != Tier::kGpu &&
         PlaceIsShared(index - NumHiddenOnGpu(shares, index),
                       count - NumHiddenOnGpu(shares, count));
}

std::vector<int32_t> HiddenPlacesInHost(const TierShares& shares, int64_t count) {
  return Places(count, NumHiddenOnDisk(shares, count),
                [&shares](int64_t index) { return HiddenHome(shares, index) == Tier::kDisk; });
}

std::vector<int32_t> HiddenPlacesOnGpu(const TierShares& shares, int64_t count) {
  return Places(count, count - NumHiddenOnGpu(shares, count),
                [&shares](int64_t index) { return HiddenHome(shares, index) != Tier::kGpu; });
}

int64_t NumHiddenPlacesInHost(const TierShares& shares, int64_t count) {
  const int64_t visitors = NumHiddenOnDisk(shares, count);
  return count - visitors + std::min(visitors, kNumHiddenVisitors);
}

int64_t NumHiddenPlacesOnGpu(const TierShares& shares, int64_t count) {
  const int64_t residents = NumHiddenOnGpu(shares, count);
  return residents + std::min(count - residents, kNumHiddenVisitors);
}

std::vector<StageTurn> TurnsOf(const ModelShape& model) {
  const size_t count = model.stages.size();
  const auto attends = [&model](size_t i) { return model.stages[i].work == StageWork::kAttend; };
  std::vector<StageTurn> turns;
  for (size_t begin = 0; begin < count;) {
    size_t end = begin + 1;
    while (end < count && (attends(end) || attends(end - 1))) ++end;
    turns.push_back({begin, end});
    begin = end;
  }
  return turns;
}

}  // namespace strata
