#include "offload/plan/hidden_visits.h"

#include <algorithm>
#include <utility>

namespace strata {
namespace {

void Note(int32_t step, int32_t& first, int32_t& last) {
  if (first < 0) first = step;
  last = step;
}

}  // namespace

HiddenVisits::HiddenVisits(const TierShares& activations, int32_t num_micro_batches,
                           std::vector<int32_t> first_stages)
    : activations_(activations),
      num_micro_batches_(num_micro_batches),
      first_stages_(std::move(first_stages)),
      visits_(first_stages_.size() * static_cast<size_t>(num_micro_batches)) {
  for (int32_t k = 0; k < num_micro_batches; ++k) {
    if (HiddenHome(activations, k) == Tier::kDisk) on_disk_.push_back(k);
    leaves_gpu_ = leaves_gpu_ || HiddenLeavesGpu(activations, k, num_micro_batches);
  }
  if (static_cast<int64_t>(on_disk_.size()) <= kNumHiddenVisitors) on_disk_.clear();
  num_read_ = on_disk_.size();  // nothing waits before the first turn
}

void HiddenVisits::BeginTurn(int32_t micro_batch, bool on_gpu, bool was_on_gpu, const Push& push) {
  current_ = num_begun_++;
  const size_t turn = current_ / static_cast<size_t>(num_micro_batches_);
  if (turn == 0 || !leaves_gpu_ || !on_gpu || !was_on_gpu || IsAtHome(Tier::kGpu)) return;
  Visit& visit = current();
  visit.fetch = push({.kind = StepKind::kCopyHidden,
                      .lane = Lane::kHostToDevice,
                      .stage = first_stages_[turn],
                      .micro_batch = micro_batch});
  Note(visit.fetch, visit.host_first, visit.host_last);
  Note(visit.fetch, visit.gpu_first, visit.gpu_last);
}

void HiddenVisits::Touch(int32_t step, bool in_host, bool on_gpu) {
  Visit& visit = current();
  Note(step, visit.first, visit.last);
  if (in_host) Note(step, visit.host_first, visit.host_last);
  if (on_gpu) Note(step, visit.gpu_first, visit.gpu_last);
}

void HiddenVisits::EndTurn(int32_t stage, bool on_gpu, const Push& push) {
  const size_t turn = current_ / static_cast<size_t>(num_micro_batches_);
  const bool is_last = turn + 1 == first_stages_.size();
  Visit& visit = current();
  if (!is_last && leaves_gpu_ && on_gpu && !IsAtHome(Tier::kGpu)) {
    visit.park = push({.kind = StepKind::kParkHidden,
                       .lane = Lane::kDeviceToHost,
                       .stage = stage,
                       .micro_batch = micro_batch()});
    Note(visit.park, visit.host_first, visit.host_last);
    Note(visit.park, visit.gpu_first, visit.gpu_last);
  }
  if (on_disk_.empty() || !IsAtHome(Tier::kDisk)) return;
  if (!is_last) {
    visit.write = push({.kind = StepKind::kWriteHidden,
                        .lane = Lane::kDiskWrite,
                        .stage = stage,
                        .micro_batch = micro_batch()});
    Note(visit.write, visit.host_first, visit.host_last);
  }
  ++num_disk_turns_over_;
  EmitReads(push);
}

size_t HiddenVisits::HolderBefore(size_t disk_turn) const {
  const size_t count = on_disk_.size();
  const size_t index = disk_turn % count;  // micro-batch index % kNumHiddenVisitors is the place
  if (index >= kNumHiddenVisitors) return disk_turn - kNumHiddenVisitors;
  size_t last = count - 1;
  while (last % kNumHiddenVisitors != index) --last;
  return disk_turn - index - count + last;  // of the turn before
}

void HiddenVisits::EmitReads(const Push& push) {
  for (; num_read_ < on_disk_.size() * first_stages_.size(); ++num_read_) {
    // One more turn has passed since the holder's, if there is time: then its rows have left.
    const size_t over = std::min(HolderBefore(num_read_) + 1, num_read_ - 1);
    if (num_disk_turns_over_ <= over) return;
    const size_t turn = num_read_ / on_disk_.size();
    const int32_t micro_batch = on_disk_[num_read_ % on_disk_.size()];
    Visit& visit = VisitOf(turn, micro_batch);
    visit.read = push({.kind = StepKind::kReadHidden,
                       .lane = Lane::kDiskRead,
                       .stage = first_stages_[turn],
                       .micro_batch = micro_batch});
    Note(visit.read, visit.host_first, visit.host_last);
  }
}

void HiddenVisits::AddPlaceDependencies(const std::vector<int32_t>& places, int32_t Visit::*first,
                                        int32_t Visit::*last, const After& after) const {
  // The last step that touched each place, and the micro-batch it was of.
  struct Holder {
    int32_t step = -1;
    int32_t micro_batch = -1;
  };
  std::vector<Holder> holders(static_cast<size_t>(num_micro_batches_));
  for (size_t i = 0; i < visits_.size(); ++i) {
    const Visit& visit = visits_[i];
    const int32_t micro_batch = static_cast<int32_t>(i) % num_micro_batches_;
    if (visit.*first < 0) continue;
    Holder& holder = holders[static_cast<size_t>(places[static_cast<size_t>(micro_batch)])];
    if (holder.step >= 0 && holder.micro_batch != micro_batch) {
      after(visit.*first, holder.step, 0);
    }
    holder = {visit.*last, micro_batch};
  }
}

void HiddenVisits::AddDependencies(const After& after) const {
  if (on_disk_.empty() && !leaves_gpu_) return;
  for (size_t i = 0; i < visits_.size(); ++i) {
    const Visit& visit = visits_[i];
    const int32_t begin = visit.fetch >= 0 ? visit.fetch : visit.first;
    if (visit.fetch >= 0) after(visit.first, visit.fetch, 0);
    if (visit.read >= 0) after(begin, visit.read, 0);
    if (i >= static_cast<size_t>(num_micro_batches_)) {
      const Visit& before = visits_[i - static_cast<size_t>(num_micro_batches_)];
      if (visit.read >= 0) after(visit.read, before.write, 0);
      if (before.park >= 0) after(begin, before.park, 0);
    }
    if (visit.park >= 0) after(visit.park, visit.last, 0);
    if (visit.write >= 0) after(visit.write, visit.park >= 0 ? visit.park : visit.last, 0);
  }
  // Nothing is left of a pass when it ends: the last turns keep no rows.
  AddPlaceDependencies(HiddenPlacesInHost(activations_, num_micro_batches_), &Visit::host_first,
                       &Visit::host_last, after);
  AddPlaceDependencies(HiddenPlacesOnGpu(activations_, num_micro_batches_), &Visit::gpu_first,
                       &Visit::gpu_last, after);
}

}  // namespace strata
