// HiddenVisits: the part of a schedule that moves hidden rows which wait between their
// micro-batch's turns (offload/plan/hidden_places.h).
//
// After a turn rows leave the gpu (park) and host memory (write) if their home is elsewhere, before
// the next they come back (read, fetch). A place is used by one micro-batch after the other: the
// first step that touches it in a turn comes after the last that did in its holder's turn before.
// MakeSchedule alone uses this.
#pragma once

#include <cstdint>
#include <vector>

#include "offload/plan/hidden_places.h"
#include "offload/plan/kv_visits.h"
#include "offload/plan/policy.h"

namespace strata {

class HiddenVisits {
 public:
  using Push = KvVisits::Push;
  using After = KvVisits::After;

  // A turn of a micro-batch: its first stage, and whether its first and its last stage are computed
  // on the gpu.
  struct Turn {
    int32_t first_stage = 0;
    bool begins_on_gpu = false;
    bool ends_on_gpu = false;
  };

  HiddenVisits(const TierShares& activations, int32_t num_micro_batches, std::vector<Turn> turns);

  // A micro-batch begins its next turn. If the turn before ended on the gpu and this one begins
  // there its rows are fetched, if not already ahead; else the copy between devices does it.
  void BeginTurn(const Push& push);
  // A step of the turn that computes, or copies between devices, and touches rows in host memory,
  // on the gpu, or both.
  void Touch(int32_t step, bool in_host, bool on_gpu);
  // The turn ends with `stage`: the rows leave, unless it is the last. Then reads and fetches rows
  // for turns to come whose places have been free for a turn.
  void EndTurn(int32_t stage, const Push& push);

  void AddDependencies(const After& after) const;

 private:
  // Steps of one turn of one micro-batch; -1: none.
  struct Visit {
    int32_t read = -1, fetch = -1, first = -1, last = -1, park = -1, write = -1;
    // The first and the last that touch the rows in a memory.
    int32_t host_first = -1, host_last = -1, gpu_first = -1, gpu_last = -1;
  };
  // The micro-batches that visit a memory, and their turns, counted from the first turn on.
  struct Visitors {
    std::vector<int32_t> micro_batches;  // none if none ever leaves
    size_t num_over = 0;                 // turns
    size_t num_fetched = 0;              // turns whose rows have been sent for

    // The turn of a visitor that had the place of this one before.
    size_t HolderBefore(size_t turn) const;
    // Whether rows may be sent for: the holder's had a turn to leave, if there is time for that.
    bool MayFetch() const;
  };

  Visit& VisitOf(size_t turn, int32_t micro_batch) {
    return visits_[turn * static_cast<size_t>(num_micro_batches_) +
                   static_cast<size_t>(micro_batch)];
  }
  Visit& current() { return visits_[current_]; }
  size_t turn() const { return current_ / static_cast<size_t>(num_micro_batches_); }
  int32_t micro_batch() const { return static_cast<int32_t>(current_) % num_micro_batches_; }
  bool Visits(const Visitors& visitors) const;
  void EmitReads(const Push& push);
  void EmitFetches(const Push& push);
  void EmitFetch(size_t turn, int32_t micro_batch, const Push& push);
  void AddPlaceDependencies(const std::vector<int32_t>& places, int32_t Visit::*first,
                            int32_t Visit::*last, const After& after) const;

  const TierShares activations_;
  const int32_t num_micro_batches_;
  const std::vector<Turn> turns_;
  Visitors in_host_;           // at home on disk
  Visitors on_gpu_;            // at home elsewhere
  std::vector<Visit> visits_;  // in order of execution: of each turn, of all micro-batches
  size_t current_ = 0;
  size_t num_begun_ = 0;
};

}  // namespace strata
