// SlotRuns: which of many numbered slots are free, as runs of neighbours.
//
// Whoever moves the content of slots wants neighbours, which move in one piece; so a slot is taken
// behind one that its owner has already, and elsewhere from the longest run.
#pragma once

#include <cstdint>
#include <map>

namespace strata {

class SlotRuns {
 public:
  int64_t num_free() const { return num_free_; }

  // Adds slots [begin, begin + count), none of which is free.
  void Give(int64_t begin, int64_t count);

  // Takes `wanted` if it is free, else the first slot of the longest run; one is free.
  int64_t Take(int64_t wanted);

 private:
  std::map<int64_t, int64_t> runs_;  // begin -> length
  int64_t num_free_ = 0;
};

}  // namespace strata
