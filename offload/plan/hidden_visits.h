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

  // `first_stages`: of every turn.
  HiddenVisits(const TierShares& activations, int32_t num_micro_batches,
               std::vector<int32_t> first_stages);

  // A micro-batch begins its next turn: fetches its rows to the gpu if the turn begins there and
  // the one before ended there (else the copy between devices does it).
  void BeginTurn(int32_t micro_batch, bool on_gpu, bool was_on_gpu, const Push& push);
  // A step of the turn that computes, or copies between devices, and touches rows in host memory,
  // on the gpu, or both.
  void Touch(int32_t step, bool in_host, bool on_gpu);
  // The turn ends with `stage`: the rows leave, unless it is the last. Then reads rows for a turn
  // to come whose place has been free for a turn.
  void EndTurn(int32_t stage, bool on_gpu, const Push& push);

  void AddDependencies(const After& after) const;

 private:
  // Steps of one turn of one micro-batch; -1: none.
  struct Visit {
    int32_t read = -1, fetch = -1, first = -1, last = -1, park = -1, write = -1;
    // The first and the last that touch the rows in a memory.
    int32_t host_first = -1, host_last = -1, gpu_first = -1, gpu_last = -1;
  };

  Visit& VisitOf(size_t turn, int32_t micro_batch) {
    return visits_[turn * static_cast<size_t>(num_micro_batches_) +
                   static_cast<size_t>(micro_batch)];
  }
  Visit& current() { return visits_[current_]; }
  int32_t micro_batch() const { return static_cast<int32_t>(current_) % num_micro_batches_; }
  bool IsAtHome(Tier tier) const { return HiddenHome(activations_, micro_batch()) == tier; }
  // The turn of a micro-batch at home on disk that had the place of such a turn before it, both
  // counted from the first turn on.
  size_t HolderBefore(size_t disk_turn) const;
  void EmitReads(const Push& push);
  void AddPlaceDependencies(const std::vector<int32_t>& places, int32_t Visit::*first,
                            int32_t Visit::*last, const After& after) const;

  const TierShares activations_;
  const int32_t num_micro_batches_;
  const std::vector<int32_t> first_stages_;
  std::vector<int32_t> on_disk_;  // micro-batches at home there; none if none ever moves
  bool leaves_gpu_ = false;       // whether any ever does
  std::vector<Visit> visits_;     // in order of execution: of each turn, of all micro-batches
  size_t current_ = 0;
  size_t num_begun_ = 0;
  size_t num_disk_turns_over_ = 0;  // of micro-batches at home on disk
  size_t num_read_ = 0;             // of their turns, counted from the first turn
};

}  // namespace strata
