#include "offload/kv/slot_runs.h"

#include <algorithm>
#include <iterator>

#include "kernels/base/status.h"

namespace strata {

void SlotRuns::Give(int64_t begin, int64_t count) {
  num_free_ += count;
  int64_t end = begin + count;
  auto next = runs_.lower_bound(begin);
  if (next != runs_.begin()) {
    const auto previous = std::prev(next);
    if (previous->first + previous->second == begin) {
      begin = previous->first;
      runs_.erase(previous);
    }
  }
  if (next != runs_.end() && next->first == end) {
    end += next->second;
    runs_.erase(next);
  }
  runs_[begin] = end - begin;
}

int64_t SlotRuns::Take(int64_t wanted) {
  STRATA_CHECK(!runs_.empty(), "a slot taken where none is free");
  auto run = runs_.upper_bound(wanted);
  if (run != runs_.begin()) --run;
  if (wanted < run->first || wanted >= run->first + run->second) {
    run = std::max_element(runs_.begin(), runs_.end(),
                           [](const auto& a, const auto& b) { return a.second < b.second; });
    wanted = run->first;
  }
  const int64_t begin = run->first;
  const int64_t end = begin + run->second;
  runs_.erase(run);
  if (wanted > begin) runs_[begin] = wanted - begin;
  if (wanted + 1 < end) runs_[wanted + 1] = end - wanted - 1;
  --num_free_;
  return wanted;
}

}  // namespace strata
