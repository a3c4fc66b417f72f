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
                           std::vector<Turn> turns)
    : activations_(activations),
      num_micro_batches_(num_micro_batches),
      turns_(std::move(turns)),
      visits_(turns_.size() * static_cast<size_t>(num_micro_batches)) {
  const bool uses_gpu = std::any_of(turns_.begin(), turns_.end(), [](const Turn& turn) {
    return turn.begins_on_gpu || turn.ends_on_gpu;
  });
  for (int32_t k = 0; k < num_micro_batches; ++k) {
    const Tier home = HiddenHome(activations, k);
    if (home == Tier::kDisk) in_host_.micro_batches.push_back(k);
    if (home != Tier::kGpu && uses_gpu) on_gpu_.micro_batches.push_back(k);
  }
  for (Visitors* visitors : {&in_host_, &on_gpu_}) {
    std::vector<int32_t>& all = visitors->micro_batches;
    if (static_cast<int64_t>(all.size()) <= kNumHiddenVisitors) all.clear();
    visitors->num_fetched = all.size();  // nothing waits before the first turn
  }
}

size_t HiddenVisits::Visitors::HolderBefore(size_t turn) const {
  const size_t count = micro_batches.size();
  const size_t index = turn % count;  // index % kNumHiddenVisitors is the place
  if (index >= kNumHiddenVisitors) return turn - kNumHiddenVisitors;
  size_t last = count - 1;
  while (last % kNumHiddenVisitors != index) --last;
  return turn - index - count + last;  // in the round before
}

bool HiddenVisits::Visitors::MayFetch() const {
  return num_over > std::min(HolderBefore(num_fetched) + 1, num_fetched - 1);
}

bool HiddenVisits::Visits(const Visitors& visitors) const {
  return std::binary_search(visitors.micro_batches.begin(), visitors.micro_batches.end(),
                            micro_batch());
}

void HiddenVisits::BeginTurn(const Push& push) {
  current_ = num_begun_++;
  if (Visits(on_gpu_)) EmitFetch(turn(), micro_batch(), push);
}

void HiddenVisits::Touch(int32_t step, bool in_host, bool on_gpu) {
  Visit& visit = current();
  Note(step, visit.first, visit.last);
  if (in_host) Note(step, visit.host_first, visit.host_last);
  if (on_gpu) Note(step, visit.gpu_first, visit.gpu_last);
}

void HiddenVisits::EndTurn(int32_t stage, const Push& push) {
  const bool is_last = turn() + 1 == turns_.size();
  Visit& visit = current();
  if (Visits(on_gpu_)) {
    if (!is_last && turns_[turn()].ends_on_gpu) {
      visit.park = push({.kind = StepKind::kParkHidden,
                         .lane = Lane::kDeviceToHost,
                         .stage = stage,
                         .micro_batch = micro_batch()});
      Note(visit.park, visit.host_first, visit.host_last);
      Note(visit.park, visit.gpu_first, visit.gpu_last);
    }
    ++on_gpu_.num_over;
  }
  if (Visits(in_host_)) {
    if (!is_last) {
      visit.write = push({.kind = StepKind::kWriteHidden,
                          .lane = Lane::kDiskWrite,
                          .stage = stage,
                          .micro_batch = micro_batch()});
      Note(visit.write, visit.host_first, visit.host_last);
    }
    ++in_host_.num_over;
  }
  EmitReads(push);
  EmitFetches(push);
}

void HiddenVisits::EmitReads(const Push& push) {
  const size_t count = in_host_.micro_batches.size();
  for (; in_host_.num_fetched < count * turns_.size() && in_host_.MayFetch();
       ++in_host_.num_fetched) {
    const size_t turn = in_host_.num_fetched / count;
    const int32_t micro_batch = in_host_.micro_batches[in_host_.num_fetched % count];
    Visit& visit = VisitOf(turn, micro_batch);
    visit.read = push({.kind = StepKind::kReadHidden,
                       .lane = Lane::kDiskRead,
                       .stage = turns_[turn].first_stage,
                       .micro_batch = micro_batch});
    Note(visit.read, visit.host_first, visit.host_last);
  }
}

void HiddenVisits::EmitFetches(const Push& push) {
  const size_t count = on_gpu_.micro_batches.size();
  for (; on_gpu_.num_fetched < count * turns_.size() && on_gpu_.MayFetch(); ++on_gpu_.num_fetched) {
    const size_t turn = on_gpu_.num_fetched / count;
    const int32_t micro_batch = on_gpu_.micro_batches[on_gpu_.num_fetched % count];
    const bool from_disk = std::binary_search(in_host_.micro_batches.begin(),
                                              in_host_.micro_batches.end(), micro_batch);
    if (from_disk && VisitOf(turn, micro_batch).read < 0) return;  // issued later, if not at all
    EmitFetch(turn, micro_batch, push);
  }
}

void HiddenVisits::EmitFetch(size_t turn, int32_t micro_batch, const Push& push) {
  Visit& visit = VisitOf(turn, micro_batch);
  const bool wanted = turn > 0 && turns_[turn].begins_on_gpu && turns_[turn - 1].ends_on_gpu;
  if (!wanted || visit.fetch >= 0) return;
  visit.fetch = push({.kind = StepKind::kCopyHidden,
                      .lane = Lane::kHostToDevice,
                      .stage = turns_[turn].first_stage,
                      .micro_batch = micro_batch});
  Note(visit.fetch, visit.host_first, visit.host_last);
  Note(visit.fetch, visit.gpu_first, visit.gpu_last);
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
  if (in_host_.micro_batches.empty() && on_gpu_.micro_batches.empty()) return;
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
