#include "offload/plan/kv_visits.h"

#include <utility>

#include "offload/plan/kv_layers.h"

namespace strata {
namespace {

// A visit's pages are fetched when the visit that many turns before it is over.
constexpr size_t kVisitsAhead = kNumKvSlots - 1;

}  // namespace

bool KvVisits::IsVisited(int32_t stage) const {
  const StageShape& shape = model_.stages[static_cast<size_t>(stage)];
  return shape.work == StageWork::kAttend && !KvLiesOnGpu(policy_.kv, shape.layer_index) &&
         (policy_.kv.disk > 0 || KvTravels(model_, policy_, static_cast<size_t>(stage)));
}

void KvVisits::Add(int32_t stage, int32_t micro_batch, int moment) {
  if (!IsVisited(stage)) return;
  Visit visit = {.stage = stage, .micro_batch = micro_batch, .moment = moment};
  const auto take_turn = [&](std::vector<size_t>& turns) {
    turns.push_back(visits_.size());
    return static_cast<int32_t>((turns.size() - 1) % kNumKvSlots);
  };
  if (policy_.kv.disk > 0) visit.host_slot = take_turn(host_turns_);
  if (KvTravels(model_, policy_, static_cast<size_t>(stage)))
    visit.gpu_slot = take_turn(gpu_turns_);
  visits_.push_back(visit);
}

Step KvVisits::StepOf(const Visit& visit, StepKind kind, Lane lane) const {
  return {.kind = kind,
          .lane = lane,
          .stage = visit.stage,
          .micro_batch = visit.micro_batch,
          .host_slot = visit.host_slot,
          .gpu_slot = visit.gpu_slot};
}

bool KvVisits::IsFree(const std::vector<size_t>& turns, size_t turn, int moment) const {
  return turn < kVisitsAhead || visits_[turns[turn - kVisitsAhead]].moment <= moment;
}

void KvVisits::EmitAhead(int moment, const Push& push) {
  for (; num_read_ < host_turns_.size() && IsFree(host_turns_, num_read_, moment); ++num_read_) {
    Visit& visit = visits_[host_turns_[num_read_]];
    visit.read = push(StepOf(visit, StepKind::kReadKv, Lane::kDiskRead));
  }
  for (; num_copied_ < gpu_turns_.size() && IsFree(gpu_turns_, num_copied_, moment);
       ++num_copied_) {
    Visit& visit = visits_[gpu_turns_[num_copied_]];
    if (visit.host_slot >= 0 && visit.read < 0) return;
    visit.copy_in = push(StepOf(visit, StepKind::kCopyKvIn, Lane::kHostToDevice));
  }
}

void KvVisits::SetSlots(Step& compute) const {
  if (!IsVisited(compute.stage)) return;
  compute.host_slot = visits_[num_back_].host_slot;
  compute.gpu_slot = visits_[num_back_].gpu_slot;
}

void KvVisits::EmitBack(int32_t stage, int32_t compute, const Push& push) {
  if (!IsVisited(stage)) return;
  Visit& visit = visits_[num_back_++];  // they were listed in this order
  visit.compute = compute;
  if (visit.gpu_slot >= 0) {
    visit.copy_out = push(StepOf(visit, StepKind::kCopyKvOut, Lane::kDeviceToHost));
  }
  if (visit.host_slot >= 0) {
    visit.write = push(StepOf(visit, StepKind::kWriteKv, Lane::kDiskWrite));
  }
}

// The first use of a slot in a visit comes after the last one in the visit that held it before.
void KvVisits::AddSlotDependencies(const std::vector<size_t>& turns, int32_t Visit::*first,
                                   int32_t Visit::*last, const After& after) const {
  const size_t count = turns.size();
  for (size_t turn = 0; turn < count; ++turn) {
    const bool same_pass = turn >= kNumKvSlots;
    size_t holder = turn - kNumKvSlots;
    if (!same_pass) {  // the last of the pass before that had this slot
      holder = count - 1;
      while (holder % kNumKvSlots != turn) --holder;
    }
    after(visits_[turns[turn]].*first, visits_[turns[holder]].*last, same_pass ? 0 : 1);
  }
}

void KvVisits::AddDependencies(const After& after) const {
  AddSlotDependencies(host_turns_, &Visit::read, &Visit::write, after);
  AddSlotDependencies(gpu_turns_, &Visit::copy_in, &Visit::copy_out, after);
  size_t first = 0;  // of the visits of this stage
  for (size_t i = 0; i < visits_.size(); ++i) {
    const Visit& visit = visits_[i];
    if (visit.stage != visits_[first].stage) first = i;
    int32_t before = -1;  // each of these after the one before it, as far as there are such
    for (const int32_t step :
         {visit.read, visit.copy_in, visit.compute, visit.copy_out, visit.write}) {
      if (step < 0) continue;
      if (before >= 0) after(step, before, 0);
      before = step;
    }
    // The rows that the pass before appended to this layer: micro-batches may be cut differently.
    for (size_t k = first; k < visits_.size() && visits_[k].stage == visit.stage; ++k) {
      if (visit.read >= 0) after(visit.read, visits_[k].write, 1);
      if (visit.copy_in >= 0) after(visit.copy_in, visits_[k].copy_out, 1);
    }
  }
}

}  // namespace strata
