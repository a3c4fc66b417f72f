#include "offload/plan/schedule.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "offload/plan/hidden_places.h"
#include "offload/plan/hidden_visits.h"
#include "offload/plan/kv_visits.h"
#include "offload/plan/staging_ring.h"

namespace strata {
namespace {

bool StreamsFromDisk(Tier home) { return home == Tier::kDisk; }
bool StreamsToGpu(Tier home) { return home != Tier::kGpu; }

// Bytes of the stage's tensors whose home is one of those that `streams` names: as they are, or as
// they lie in a ring. Tables that are gathered from stay where they are.
int64_t StreamedBytes(const StageShape& stage, const StagePolicy& policy, bool (*streams)(Tier),
                      bool staged) {
  if (stage.work == StageWork::kGather) return 0;
  int64_t bytes = 0;
  for (size_t i = 0; i < stage.tensor_bytes.size(); ++i) {
    if (!streams(policy.tensor_homes[i])) continue;
    bytes += staged ? StagedBytes(stage.tensor_bytes[i]) : stage.tensor_bytes[i];
  }
  return bytes;
}

// The weights of the stages that pass through one ring, by stage.
struct RingPlan {
  StepKind kind = StepKind::kReadWeights;
  std::vector<int64_t> bytes;  // moved; 0: the stage has none here
  StagingRing ring;
  // When the step is issued: after compute step t of the pass it is for, or, if negative, after
  // step t + n of the pass before, where n is the number of compute steps.
  std::vector<int> moment;
  std::vector<int32_t> step;  // once emitted

  bool has(size_t stage) const { return bytes[stage] > 0; }
};

RingPlan PlanRing(StepKind kind, const ModelShape& model, const Policy& policy) {
  const bool disk = kind == StepKind::kReadWeights;
  RingPlan plan = {.kind = kind};
  std::vector<int64_t> staged;
  for (size_t i = 0; i < model.stages.size(); ++i) {
    const bool here = disk || policy.stages[i].device == ComputeDevice::kGpu;
    const auto streams = disk ? &StreamsFromDisk : &StreamsToGpu;
    const auto bytes = [&](bool in_ring) {
      return here ? StreamedBytes(model.stages[i], policy.stages[i], streams, in_ring) : 0;
    };
    plan.bytes.push_back(bytes(false));
    staged.push_back(bytes(true));
  }
  plan.ring = PlaceInRing(staged, disk ? policy.host_staging_bytes : policy.gpu_staging_bytes);
  plan.moment.assign(model.stages.size(), 0);
  plan.step.assign(model.stages.size(), -1);
  return plan;
}

// Emits the steps of one pass in order of issue.
class ScheduleBuilder {
 public:
  ScheduleBuilder(const ModelShape& model, const Policy& policy, int64_t num_micro_batches)
      : model_(model),
        policy_(policy),
        num_micro_batches_(static_cast<int32_t>(num_micro_batches)),
        turns_(TurnsOf(model)),
        kv_visits_(model, policy),
        hidden_visits_(policy.activations, num_micro_batches_, HiddenTurns()),
        reads_(PlanRing(StepKind::kReadWeights, model, policy)),
        copies_(PlanRing(StepKind::kCopyWeights, model, policy)) {
    OrderComputes();
    ChooseMoments();
  }

  Schedule Build() {
    const auto push = [this](Step step) { return Push(std::move(step)); };
    kv_visits_.EmitAhead(-1, push);
    for (int moment = 0; moment < num_computes_; ++moment) {
      EmitCompute(order_[static_cast<size_t>(moment)]);
      EmitTransfers(moment);
      kv_visits_.EmitAhead(moment, push);
    }
    AddDependencies();
    return {.steps = std::move(steps_), .num_micro_batches = num_micro_batches_};
  }

 private:
  struct Compute {
    int32_t stage = 0;
    int32_t micro_batch = 0;
    bool begins_turn = false;
    bool ends_turn = false;
  };
  size_t num_stages() const { return model_.stages.size(); }
  bool attends(size_t stage) const { return model_.stages[stage].work == StageWork::kAttend; }
  Lane ComputeLane(size_t stage) const {
    return policy_.stages[stage].device == ComputeDevice::kGpu ? Lane::kGpu : Lane::kCpu;
  }

  std::vector<HiddenVisits::Turn> HiddenTurns() const {
    std::vector<HiddenVisits::Turn> turns;
    for (const StageTurn& turn : turns_) {
      turns.push_back({.first_stage = static_cast<int32_t>(turn.begin),
                       .begins_on_gpu = ComputeLane(turn.begin) == Lane::kGpu,
                       .ends_on_gpu = ComputeLane(turn.end - 1) == Lane::kGpu});
    }
    return turns;
  }

  // Micro-batches take turns at groups of stages.
  void OrderComputes() {
    last_compute_.assign(num_stages(), 0);
    compute_steps_.assign(num_stages() * static_cast<size_t>(num_micro_batches_), -1);
    for (const StageTurn& turn : turns_) {
      for (int32_t k = 0; k < num_micro_batches_; ++k) {
        for (size_t stage = turn.begin; stage < turn.end; ++stage) {
          last_compute_[stage] = num_computes_++;
          order_.push_back({.stage = static_cast<int32_t>(stage),
                            .micro_batch = k,
                            .begins_turn = stage == turn.begin,
                            .ends_turn = stage + 1 == turn.end});
          kv_visits_.Add(static_cast<int32_t>(stage), k, last_compute_[stage]);
        }
      }
    }
  }

  // The moment at which stage's place in its ring is given up by the stage that holds it, seen from
  // the pass of `user`.
  int Released(const RingPlan& plan, int32_t holder, size_t user) const {
    const size_t stage = static_cast<size_t>(holder);
    const bool by_copy = plan.kind == StepKind::kReadWeights && copies_.has(stage);
    const int moment = by_copy ? copies_.moment[stage] : last_compute_[stage];
    return stage < user ? moment : moment - num_computes_;
  }

  // Every transfer is issued as soon as its place is free, in the order of the stages.
  void ChooseMoments() {
    const int earliest = -num_computes_;
    for (RingPlan* plan : {&reads_, &copies_}) {
      std::fill(plan->moment.begin(), plan->moment.end(), earliest);
    }
    for (bool changed = true; changed;) {
      changed = false;
      for (RingPlan* plan : {&reads_, &copies_}) {
        int last = earliest;  // of the stages before, else of the last stage one pass ago
        for (size_t stage = 0; stage < num_stages(); ++stage) {
          if (plan->has(stage)) last = std::max(earliest, plan->moment[stage] - num_computes_);
        }
        for (size_t stage = 0; stage < num_stages(); ++stage) {
          if (!plan->has(stage)) continue;
          int moment = std::max(last, plan->moment[stage]);
          for (const int32_t holder : plan->ring.overlaps[stage]) {
            moment = std::max(moment, Released(*plan, holder, stage));
          }
          if (plan == &copies_ && reads_.has(stage)) {
            moment = std::max(moment, reads_.moment[stage]);
          }
          changed = changed || moment != plan->moment[stage];
          last = plan->moment[stage] = moment;
        }
      }
    }
  }

  int32_t Push(Step step) {
    steps_.push_back(std::move(step));
    return static_cast<int32_t>(steps_.size()) - 1;
  }

  void EmitCompute(const Compute& compute) {
    const size_t stage = static_cast<size_t>(compute.stage);
    const Lane lane = ComputeLane(stage);
    const bool on_gpu = lane == Lane::kGpu;
    const Lane lane_before = stage > 0 ? ComputeLane(stage - 1) : lane;
    const auto push = [this](Step step) { return Push(std::move(step)); };
    if (compute.begins_turn) hidden_visits_.BeginTurn(push);
    if (lane_before != lane) {
      const int32_t copy = Push({.kind = StepKind::kCopyHidden,
                                 .lane = on_gpu ? Lane::kHostToDevice : Lane::kDeviceToHost,
                                 .stage = compute.stage,
                                 .micro_batch = compute.micro_batch});
      hidden_visits_.Touch(copy, true, true);
    }
    Step step = {.kind = StepKind::kCompute,
                 .lane = lane,
                 .stage = compute.stage,
                 .micro_batch = compute.micro_batch};
    kv_visits_.SetSlots(step);
    const int32_t index = Push(std::move(step));
    compute_steps_[ComputeIndex(compute)] = index;
    // Attend leaves the hidden rows alone.
    hidden_visits_.Touch(index, !on_gpu && !attends(stage), on_gpu && !attends(stage));
    kv_visits_.EmitBack(compute.stage, index, push);
    if (compute.ends_turn) hidden_visits_.EndTurn(compute.stage, push);
  }

  size_t ComputeIndex(const Compute& compute) const {
    return static_cast<size_t>(compute.stage * num_micro_batches_ + compute.micro_batch);
  }

  // Reads and copies whose moment has come, in the order in which they are needed.
  void EmitTransfers(int moment) {
    for (const bool for_next_pass : {false, true}) {
      for (size_t stage = 0; stage < num_stages(); ++stage) {
        for (RingPlan* plan : {&reads_, &copies_}) {
          const int wanted = for_next_pass ? moment - num_computes_ : moment;
          if (!plan->has(stage) || plan->moment[stage] != wanted) continue;
          const bool read = plan->kind == StepKind::kReadWeights;
          plan->step[stage] = Push({.kind = plan->kind,
                                    .lane = read ? Lane::kDiskRead : Lane::kHostToDevice,
                                    .stage = static_cast<int32_t>(stage),
                                    .for_next_pass = for_next_pass,
                                    .bytes = plan->bytes[stage],
                                    .staging_offset = plan->ring.offsets[stage]});
        }
      }
    }
  }

  // `step` comes after `before`, which is issued `passes_ago` passes earlier.
  void After(int32_t step, int32_t before, int passes_ago) {
    if (before < 0 || passes_ago > kMaxPassesAgo) return;
    steps_[static_cast<size_t>(step)].after.push_back({before, passes_ago});
  }

  void AddDependencies() {
    for (const RingPlan* plan : {&reads_, &copies_}) {
      for (size_t stage = 0; stage < num_stages(); ++stage) {
        if (plan->has(stage)) AddTransferDependencies(*plan, stage);
      }
    }
    for (size_t i = 0; i < steps_.size(); ++i) {
      if (steps_[i].kind == StepKind::kCompute) AddComputeDependencies(static_cast<int32_t>(i));
    }
    const auto after = [this](int32_t step, int32_t before, int passes_ago) {
      After(step, before, passes_ago);
    };
    kv_visits_.AddDependencies(after);
    hidden_visits_.AddDependencies(after);
    for (Step& step : steps_) {
      const auto key = [](const StepDependency& d) { return std::tuple(d.passes_ago, d.step); };
      std::sort(step.after.begin(), step.after.end(),
                [&](const StepDependency& a, const StepDependency& b) { return key(a) < key(b); });
      step.after.erase(std::unique(step.after.begin(), step.after.end()), step.after.end());
    }
  }

  // Passes between the issue of the transfer for `stage` and the pass that uses it.
  int Ahead(const RingPlan& plan, size_t stage) const { return plan.moment[stage] < 0 ? 1 : 0; }

  void AddTransferDependencies(const RingPlan& plan, size_t stage) {
    const int32_t step = plan.step[stage];
    const int ahead = Ahead(plan, stage);
    if (plan.kind == StepKind::kCopyWeights && reads_.has(stage)) {
      After(step, reads_.step[stage], Ahead(reads_, stage) - ahead);
    }
    for (const int32_t holder : plan.ring.overlaps[stage]) {
      const size_t other = static_cast<size_t>(holder);
      const int passes_before = other < stage ? 0 : 1;  // the holder's pass, seen from the user's
      if (plan.kind == StepKind::kReadWeights && copies_.has(other)) {
        After(step, copies_.step[other], passes_before + Ahead(copies_, other) - ahead);
      } else {
        const Compute last = {.stage = holder, .micro_batch = num_micro_batches_ - 1};
        After(step, compute_steps_[ComputeIndex(last)], passes_before - ahead);
      }
    }
  }

  void AddComputeDependencies(int32_t step) {
    const Compute compute = {.stage = steps_[static_cast<size_t>(step)].stage,
                             .micro_batch = steps_[static_cast<size_t>(step)].micro_batch};
    const size_t stage = static_cast<size_t>(compute.stage);
    const RingPlan& last = copies_.has(stage) ? copies_ : reads_;
    if (last.has(stage)) After(step, last.step[stage], Ahead(last, stage));
    if (stage > 0 && ComputeLane(stage - 1) != ComputeLane(stage)) {
      After(step, step - 1, 0);  // the copy of its activations
      After(step - 1, compute_steps_[ComputeIndex({compute.stage - 1, compute.micro_batch})], 0);
    }
    AddScratchDependencies(step, compute);
  }

  // Around attend, micro-batches use the same tensors in turn (queries, keys, values, attended): a
  // copy waits until the one before it was used where it goes, and a stage that writes what is
  // copied until the copy of the micro-batch before has left.
  void AddScratchDependencies(int32_t step, const Compute& compute) {
    const size_t stage = static_cast<size_t>(compute.stage);
    if (compute.micro_batch == 0) return;
    const auto copies_between = [this](size_t from) {
      return from + 1 < num_stages() && (attends(from) || attends(from + 1)) &&
             ComputeLane(from) != ComputeLane(from + 1);
    };
    const int32_t before = compute.micro_batch - 1;
    if (stage > 0 && copies_between(stage - 1)) {
      After(step - 1, compute_steps_[ComputeIndex({compute.stage, before})], 0);
    }
    if (copies_between(stage)) {
      After(step, compute_steps_[ComputeIndex({compute.stage + 1, before})] - 1, 0);
    }
  }

  const ModelShape& model_;
  const Policy& policy_;
  const int32_t num_micro_batches_;
  const std::vector<StageTurn> turns_;
  KvVisits kv_visits_;
  HiddenVisits hidden_visits_;
  RingPlan reads_;   // disk -> host
  RingPlan copies_;  // host -> gpu
  int num_computes_ = 0;
  std::vector<Compute> order_;
  std::vector<int> last_compute_;  // per stage: its last micro-batch's place in order_
  std::vector<int32_t> compute_steps_;
  std::vector<Step> steps_;
};

}  // namespace

absl::string_view LaneName(Lane lane) {
  constexpr std::array<absl::string_view, kNumLanes> kNames = {"disk read", "disk write", "h2d",
                                                               "d2h",       "gpu",        "cpu"};
  return kNames[static_cast<size_t>(lane)];
}

absl::string_view StepKindName(StepKind kind) {
  constexpr std::array<absl::string_view, 11> kNames = {
      "read weights", "copy weights", "read kv",  "copy kv in",  "read hidden", "copy hidden",
      "compute",      "copy kv out",  "write kv", "park hidden", "write hidden"};
  return kNames[static_cast<size_t>(kind)];
}

StagingNeeds SmallestStaging(const ModelShape& model, const Policy& policy) {
  StagingNeeds needs;
  for (size_t i = 0; i < model.stages.size(); ++i) {
    const StagePolicy& stage = policy.stages[i];
    needs.host_bytes =
        std::max(needs.host_bytes, StreamedBytes(model.stages[i], stage, &StreamsFromDisk, true));
    if (stage.device != ComputeDevice::kGpu) continue;
    needs.gpu_bytes =
        std::max(needs.gpu_bytes, StreamedBytes(model.stages[i], stage, &StreamsToGpu, true));
  }
  return needs;
}

Schedule MakeSchedule(const ModelShape& model, const Policy& policy, int64_t num_micro_batches) {
  STRATA_CHECK(policy.stages.size() == model.stages.size(), "a policy of another model");
  STRATA_CHECK(num_micro_batches >= 1, "a pass without micro-batches");
  return ScheduleBuilder(model, policy, num_micro_batches).Build();
}

std::string Schedule::ToString(const ModelShape& model) const {
  std::string text;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    absl::StrAppend(&text, i, " [", LaneName(step.lane), "] ", StepKindName(step.kind), " ",
                    model.stages[static_cast<size_t>(step.stage)].name);
    if (step.micro_batch >= 0) absl::StrAppend(&text, " #", step.micro_batch);
    if (step.for_next_pass) absl::StrAppend(&text, " of the next pass");
    if (step.bytes > 0) absl::StrAppend(&text, ", ", step.bytes, " B to ", step.staging_offset);
    for (size_t j = 0; j < step.after.size(); ++j) {
      absl::StrAppend(&text, j == 0 ? " after " : ", ", step.after[j].step);
      if (step.after[j].passes_ago > 0) absl::StrAppend(&text, "-", step.after[j].passes_ago);
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

}  // namespace strata
