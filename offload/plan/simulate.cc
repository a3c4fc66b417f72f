#include "offload/plan/simulate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/base/status.h"

namespace strata {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int32_t kNone = -1;

class Simulator {
 public:
  Simulator(const Schedule& schedule, const Policy& policy, const CostModel& cost_model,
            absl::Span<const PassShape> passes)
      : schedule_(schedule),
        policy_(policy),
        cost_model_(cost_model),
        passes_(passes),
        num_steps_(schedule.steps.size()),
        ids_((passes.size() + 1) * num_steps_, kNone) {}

  Simulation Run() {
    Issue();
    while (num_done_ < result_.steps.size()) {
      while (StartWhatCanStart()) {
      }
      if (num_done_ == result_.steps.size()) break;
      if (!Advance()) {
        now_ = kInfinity;
        break;
      }
    }
    Conclude();
    return std::move(result_);
  }

 private:
  // What a lane is doing: its part of a step.
  struct Part {
    int32_t id = kNone;
    double left_seconds = 0;  // at full rate
  };

  void Issue() {
    const int32_t num_passes = static_cast<int32_t>(passes_.size());
    for (int32_t pass = num_passes > 0 ? -1 : 0; pass < num_passes; ++pass) {
      for (size_t index = 0; index < num_steps_; ++index) {
        const bool ahead = schedule_.steps[index].for_next_pass;
        if (pass < 0 ? !ahead : ahead && pass + 1 == num_passes) continue;
        const int32_t id = static_cast<int32_t>(result_.steps.size());
        ids_[static_cast<size_t>(pass + 1) * num_steps_ + index] = id;
        result_.steps.push_back({.pass = pass, .step = static_cast<int32_t>(index)});
        queues_[static_cast<size_t>(schedule_.steps[index].lane)].push_back(id);
      }
    }
    parts_left_.assign(result_.steps.size(), kNone);
  }

  const Step& StepOf(int32_t id) const {
    return schedule_.steps[static_cast<size_t>(result_.steps[static_cast<size_t>(id)].step)];
  }

  bool DependenciesDone(int32_t id) const {
    const int32_t pass = result_.steps[static_cast<size_t>(id)].pass;
    for (const StepDependency& dependency : StepOf(id).after) {
      const int32_t from = pass - dependency.passes_ago;
      if (from < -1) continue;
      const int32_t before =
          ids_[static_cast<size_t>(from + 1) * num_steps_ + static_cast<size_t>(dependency.step)];
      if (before != kNone && parts_left_[static_cast<size_t>(before)] != 0) return false;
    }
    return true;
  }

  // Starts the first step of each idle lane that may start; true if one did. Computing lanes come
  // first, and a step of theirs that waits for another lane keeps that lane for itself.
  bool StartWhatCanStart() {
    bool started = false;
    std::array<bool, kNumLanes> kept{};
    for (size_t lane = kNumLanes; lane-- > 0;) {
      if (next_[lane] >= queues_[lane].size() || running_[lane].id != kNone || kept[lane]) continue;
      const int32_t id = queues_[lane][next_[lane]];
      if (!DependenciesDone(id)) continue;
      const SimulatedStep& step = result_.steps[static_cast<size_t>(id)];
      // A step issued for the next pass does that pass's work.
      const int32_t pass = step.pass + (StepOf(id).for_next_pass ? 1 : 0);
      const Work work =
          cost_model_.StepWork(StepOf(id), policy_, passes_[static_cast<size_t>(pass)]);
      if (!LanesAreFree(work, kept)) continue;
      Start(id, work);
      ++next_[lane];
      started = true;
    }
    return started;
  }

  bool LanesAreFree(const Work& work, std::array<bool, kNumLanes>& kept) const {
    bool all_free = true;
    for (size_t lane = 0; lane < kNumLanes; ++lane) {
      if (work.lane_seconds[lane] <= 0) continue;
      all_free = all_free && running_[lane].id == kNone;
      kept[lane] = true;
    }
    return all_free;
  }

  void Start(int32_t id, const Work& work) {
    result_.steps[static_cast<size_t>(id)].start_seconds = now_;
    result_.work += work;
    int32_t parts = 0;
    for (size_t lane = 0; lane < kNumLanes; ++lane) {
      if (work.lane_seconds[lane] <= 0) continue;
      running_[lane] = {id, work.lane_seconds[lane]};
      ++parts;
    }
    parts_left_[static_cast<size_t>(id)] = parts;
    if (parts == 0) Finish(id);
  }

  void Finish(int32_t id) {
    result_.steps[static_cast<size_t>(id)].end_seconds = now_;
    ++num_done_;
  }

  bool IsBusy(Lane lane) const { return running_[static_cast<size_t>(lane)].id != kNone; }

  // The cpu and the disk take from each other.
  double RateOf(Lane lane) const {
    const HardwareProfile& profile = cost_model_.profile();
    if (IsDisk(lane)) return IsBusy(Lane::kCpu) ? profile.disk_share_beside_cpu : 1;
    if (lane != Lane::kCpu) return 1;
    const bool beside_disk = IsBusy(Lane::kDiskRead) || IsBusy(Lane::kDiskWrite);
    return beside_disk ? profile.cpu_share_beside_disk : 1;
  }

  // Moves the clock to the end of the next part; false if nothing will ever end.
  bool Advance() {
    double wait = kInfinity;
    std::array<double, kNumLanes> rates{};
    for (size_t lane = 0; lane < kNumLanes; ++lane) {
      rates[lane] = RateOf(static_cast<Lane>(lane));
      if (running_[lane].id == kNone) continue;
      wait = std::min(wait, running_[lane].left_seconds / rates[lane]);
    }
    if (std::isinf(wait)) return false;
    now_ += wait;
    for (size_t lane = 0; lane < kNumLanes; ++lane) {
      Part& part = running_[lane];
      if (part.id == kNone) continue;
      result_.busy_seconds[lane] += wait;
      // The part that set the pace ends exactly, whatever rounding says.
      const bool ends = part.left_seconds / rates[lane] <= wait;
      part.left_seconds -= wait * rates[lane];
      if (!ends) continue;
      const int32_t id = part.id;
      part = {};
      if (--parts_left_[static_cast<size_t>(id)] == 0) Finish(id);
    }
    return true;
  }

  void Conclude() {
    result_.makespan_seconds = now_;
    result_.pass_end_seconds.assign(passes_.size(), 0);
    for (const SimulatedStep& step : result_.steps) {
      if (step.pass < 0) continue;
      double& end = result_.pass_end_seconds[static_cast<size_t>(step.pass)];
      if (StepOf(static_cast<int32_t>(&step - result_.steps.data())).kind == StepKind::kCompute) {
        end = std::max(end, step.end_seconds);
      }
    }
  }

  const Schedule& schedule_;
  const Policy& policy_;
  const CostModel& cost_model_;
  const absl::Span<const PassShape> passes_;
  const size_t num_steps_;
  std::vector<int32_t> ids_;  // of (pass + 1, step): its place in result_.steps
  std::array<std::vector<int32_t>, kNumLanes> queues_;
  std::array<size_t, kNumLanes> next_{};
  std::array<Part, kNumLanes> running_{};
  std::vector<int32_t> parts_left_;  // kNone: not started, 0: done
  Simulation result_{.busy_seconds = {}};
  size_t num_done_ = 0;
  double now_ = 0;
};

}  // namespace

Simulation Simulate(const Schedule& schedule, const Policy& policy, const CostModel& cost_model,
                    absl::Span<const PassShape> passes) {
  for (const PassShape& pass : passes) {
    STRATA_CHECK(static_cast<int64_t>(pass.micro_batches.size()) <= schedule.num_micro_batches,
                 "a pass of more micro-batches than its schedule");
  }
  return Simulator(schedule, policy, cost_model, passes).Run();
}

}  // namespace strata
