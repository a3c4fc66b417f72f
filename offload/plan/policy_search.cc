#include "offload/plan/policy_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernels/base/status.h"
#include "offload/plan/placement_program.h"
#include "offload/plan/placement_terms.h"
#include "offload/plan/round_placement.h"
#include "offload/plan/schedule.h"
#include "offload/plan/workload_passes.h"

namespace strata {
namespace {

// Candidates of the linear program that are rounded and simulated: fewer of a model of many stages,
// whose simulation takes longer.
constexpr size_t kMostRestricted = 16;  // of the linear program's best, solved in all variants
constexpr size_t kMostSimulated = 24;
constexpr size_t kFewestSimulated = 5;
constexpr size_t kSimulatedStages = 7500;
constexpr int64_t kRingStages = 2;      // of a staging ring: one stage is used, the next arrives
constexpr int64_t kWideRingStages = 4;  // for streams between stages of very different sizes
constexpr size_t kMostRunnersUp = 5;
constexpr double kNoShare = 1e-6;  // what the solver's tolerance may leave of a zero

int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

struct Candidate {
  DiscreteChoices choices;
  size_t kv_format = 0;  // index in Search::shapes_
  Placement placement;
  double seconds_per_sequence = 0;  // of the linear program
  std::optional<PlanResult> plan;   // once rounded
};

// What a reader would call the choice; candidates of one name compete before runners-up are told.
std::string NameOf(const DiscreteChoices& choices) {
  std::string name;
  if (!choices.uses_gpu) {
    name = "computed on the cpu";
  } else if (choices.attend_device == ComputeDevice::kGpu) {
    name = "all attention on the gpu";
  } else if (choices.attend_device == ComputeDevice::kCpu) {
    name = "KV rows outside the gpu attended on the cpu";
  } else {
    name = "KV rows outside the gpu attended on both";
  }
  if (choices.prefill_attend_device == ComputeDevice::kGpu) name += ", prompts on the gpu";
  if (choices.uses_gpu && !choices.streams_to_gpu) name += ", no weights streamed to the gpu";
  return absl::StrCat(name, ", micro-batches of ", choices.micro_batch_rows, " rows, ",
                      choices.micro_batch_sequences, " sequences, ", choices.num_micro_batches,
                      " a pass", choices.ring_stages > kRingStages ? ", wide rings" : "");
}

class Search {
 public:
  Search(const ModelShape& model, const HardwareProfile& profile, const Workload& workload,
         const TierBytes& budgets, const SearchConstraints& constraints)
      : profile_(profile), workload_(workload), budgets_(budgets), constraints_(constraints) {
    if (!HasGpu()) budgets_.gpu = 0;
    shapes_.push_back(model);
    kv_dtypes_.push_back(constraints.kv_dtype);
    for (const KvFormat& format : constraints.other_kv_formats) {
      shapes_.push_back(model);
      shapes_.back().kv_bytes_per_token_layer = format.bytes_per_token_layer;
      kv_dtypes_.push_back(format.dtype);
    }
    classes_ = ClassesOf(model);
  }

  PlanResult Run() {
    for (size_t format = 0; format < shapes_.size(); ++format) {
      for (const DiscreteChoices& choices : EnumerateChoices()) Solve(choices, format);
    }
    SortCandidates();
    Restrict();
    SortCandidates();
    Refine();
    const Candidate* best = nullptr;
    for (const Candidate& candidate : candidates_) {
      if (candidate.plan.has_value() && (best == nullptr || IsBetter(candidate, *best))) {
        best = &candidate;
      }
    }
    if (best == nullptr) return SmallestPlan();
    PlanResult plan = *best->plan;
    plan.runners_up = RunnersUp(*best);
    return plan;
  }

 private:
  bool HasGpu() const { return profile_.gpu.has_value() && budgets_.gpu > 0; }

  double SecondsPerSequence(const PlanResult& plan) const {
    const double sequences = static_cast<double>(plan.workload.num_sequences);
    return workload_.objective == Objective::kLatency ? plan.estimate.total_seconds
                                                      : plan.estimate.total_seconds / sequences;
  }
  bool IsBetter(const Candidate& a, const Candidate& b) const {
    return SecondsPerSequence(*a.plan) < SecondsPerSequence(*b.plan);
  }

  std::vector<int64_t> SequenceCounts() const {
    std::vector<int64_t> counts = {workload_.num_sequences};
    if (constraints_.min_sequences <= 0) return counts;
    while (counts.size() < 6 && counts.back() / 2 >= constraints_.min_sequences) {
      counts.push_back(counts.back() / 2);
    }
    return counts;
  }

  // The devices that are used, with any share of attention on each.
  std::vector<DiscreteChoices> DeviceChoices() const {
    std::vector<DiscreteChoices> choices = {{}};
    if (!HasGpu()) return choices;
    choices.push_back({.uses_gpu = true});
    if (constraints_.prompts_may_attend_elsewhere) {
      choices.push_back({.uses_gpu = true, .prefill_attend_device = ComputeDevice::kGpu});
    }
    return choices;
  }

  std::vector<DiscreteChoices> EnumerateChoices() const {
    std::vector<DiscreteChoices> all;
    std::set<std::array<int64_t, 4>> cuts;
    for (const int64_t sequences : SequenceCounts()) {
      for (const int64_t wanted : {1, 2, 4, 8, 16}) {
        const int64_t per_micro_batch = DivideUp(sequences, std::min<int64_t>(wanted, sequences));
        for (const int64_t rows : {64, 256, 512, 1024, 4096, 16384}) {
          AddCuts(sequences, per_micro_batch,
                  constraints_.micro_batch_rows.value_or(std::clamp<int64_t>(
                      rows, per_micro_batch, per_micro_batch * workload_.prompt_tokens)),
                  cuts);
        }
      }
    }
    for (const auto& [sequences, per_micro_batch, rows, num_micro_batches] : cuts) {
      for (DiscreteChoices choices : DeviceChoices()) {
        choices.num_sequences = sequences;
        choices.micro_batch_sequences = per_micro_batch;
        choices.micro_batch_rows = rows;
        choices.num_micro_batches = num_micro_batches;
        choices.ring_stages = kRingStages;
        choices.kv_may_be_on_disk = constraints_.kv_may_be_on_disk && budgets_.disk > 0;
        choices.streams_to_gpu = choices.uses_gpu;
        choices.devices_overlap = choices.uses_gpu && num_micro_batches > 1;
        all.push_back(choices);
      }
    }
    return all;
  }

  // The same with fewer liberties: what the program finds without them is never better in its eyes,
  // and often in the simulator's.
  std::vector<DiscreteChoices> Restrictions(const DiscreteChoices& free) const {
    std::vector<DiscreteChoices> all;
    for (const bool kv_on_disk : {false, true}) {
      for (const bool streams : {false, true}) {
        for (const bool overlap : {false, true}) {
          if ((kv_on_disk && !free.kv_may_be_on_disk) || (streams && !free.streams_to_gpu) ||
              (overlap && !free.devices_overlap)) {
            continue;
          }
          DiscreteChoices restricted = free;
          restricted.kv_may_be_on_disk = kv_on_disk;
          restricted.streams_to_gpu = streams;
          restricted.devices_overlap = overlap;
          all.push_back(restricted);
          if (!free.uses_gpu) continue;
          for (const ComputeDevice attends : {ComputeDevice::kCpu, ComputeDevice::kGpu}) {
            all.push_back(restricted);
            all.back().attend_device = attends;
          }
        }
      }
    }
    return all;
  }

  // All prompts in one pass, or in a few when what waits between passes would be too much.
  void AddCuts(int64_t sequences, int64_t per_micro_batch, int64_t rows,
               std::set<std::array<int64_t, 4>>& cuts) const {
    const int64_t decode = DivideUp(sequences, std::min(per_micro_batch, rows));
    const int64_t prompt_rows = std::min(rows, per_micro_batch * workload_.prompt_tokens);
    const int64_t prefill = DivideUp(sequences * workload_.prompt_tokens, prompt_rows);
    for (const int64_t passes : {1, 4, 16}) {
      const int64_t count =
          constraints_.num_micro_batches.value_or(std::max(decode, DivideUp(prefill, passes)));
      cuts.insert({sequences, per_micro_batch, rows, count});
    }
  }

  void SortCandidates() {
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const Candidate& a, const Candidate& b) {
                       return a.seconds_per_sequence < b.seconds_per_sequence;
                     });
  }

  // Replaces the most promising candidates, and the best of each set of devices, by all their
  // restrictions; drops the others.
  void Restrict() {
    const std::vector<Candidate> free = std::move(candidates_);
    candidates_.clear();
    std::set<std::array<int, 2>> devices;
    for (size_t i = 0; i < free.size(); ++i) {
      const DiscreteChoices& choices = free[i].choices;
      const bool first =
          devices.insert({choices.uses_gpu, choices.prefill_attend_device.has_value()}).second;
      if (i >= kMostRestricted && !first) continue;
      for (const DiscreteChoices& restricted : Restrictions(choices)) {
        Solve(restricted, free[i].kv_format);
        if (!candidates_.empty() && IsRestricted(candidates_.back())) candidates_.pop_back();
      }
    }
  }

  // True for a placement that a narrower choice finds too.
  static bool IsRestricted(const Candidate& candidate) {
    const auto share = [&](PlaceMode mode) {
      return candidate.placement.kv[static_cast<size_t>(mode)];
    };
    const double on_disk = share(PlaceMode::kDiskToGpu) + share(PlaceMode::kDiskToCpu);
    const double travelling = share(PlaceMode::kHostToGpu) + share(PlaceMode::kDiskToGpu);
    const double on_cpu = share(PlaceMode::kHost) + share(PlaceMode::kDiskToCpu);
    const DiscreteChoices& choices = candidate.choices;
    return (choices.kv_may_be_on_disk && on_disk <= kNoShare) ||
           (choices.uses_gpu && !choices.attend_device.has_value() &&
            (travelling <= kNoShare || on_cpu <= kNoShare)) ||
           // All rows lie on the gpu.
           (choices.attend_device == ComputeDevice::kCpu && choices.uses_gpu && on_cpu <= kNoShare);
  }

  Workload BlockOf(const DiscreteChoices& choices) const {
    Workload block = workload_;
    block.num_sequences = choices.num_sequences;
    return block;
  }

  void Solve(const DiscreteChoices& choices, size_t format) {
    const CostModel cost_model(shapes_[format], profile_);
    const PlacementProblem problem =
        MakePlacementProblem(cost_model, classes_, workload_, choices, budgets_);
    std::optional<Placement> placement = SolvePlacement(problem);
    if (!placement.has_value()) return;
    const double sequences =
        workload_.objective == Objective::kLatency ? 1 : static_cast<double>(choices.num_sequences);
    candidates_.push_back({.choices = choices,
                           .kv_format = format,
                           .placement = *std::move(placement),
                           .seconds_per_sequence = 0});
    candidates_.back().seconds_per_sequence = candidates_.back().placement.seconds / sequences;
  }

  void Simulate(Candidate& candidate) const {
    const ModelShape& shape = shapes_[candidate.kv_format];
    const Workload block = BlockOf(candidate.choices);
    std::optional<Policy> policy =
        RoundPlacement(candidate.placement, {.model = shape,
                                             .classes = classes_,
                                             .workload = block,
                                             .choices = candidate.choices,
                                             .budgets = budgets_});
    if (!policy.has_value()) return;
    policy->kv_dtype = kv_dtypes_[candidate.kv_format];
    candidate.plan = PlanOf(CostModel(shape, profile_), *policy, block, budgets_);
  }

  // Rounds and simulates the most promising, and the first of each set of devices and tiers: the
  // linear program misjudges whole sets, not members of one. Its optimum is a bound of what
  // rounding can reach, so the search ends where that falls behind what the simulator has
  // confirmed.
  void Refine() {
    const size_t most = std::clamp<size_t>(kSimulatedStages / shapes_[0].stages.size(),
                                           kFewestSimulated, kMostSimulated);
    const auto device = [](const std::optional<ComputeDevice>& of) {
      return of.has_value() ? static_cast<int>(*of) : -1;
    };
    std::set<std::array<int, 6>> sets;
    size_t simulated = 0;
    size_t by_rank = 0;
    double confirmed = std::numeric_limits<double>::infinity();
    for (Candidate& candidate : candidates_) {
      if (simulated >= most || candidate.seconds_per_sequence >= confirmed) break;
      const DiscreteChoices& choices = candidate.choices;
      const bool first =
          sets.insert({choices.uses_gpu, choices.kv_may_be_on_disk, choices.devices_overlap,
                       choices.streams_to_gpu, device(choices.attend_device),
                       device(choices.prefill_attend_device)})
              .second;
      if (!first && by_rank >= most / 3) continue;
      Simulate(candidate);
      if (!candidate.plan.has_value()) continue;
      confirmed = std::min(confirmed, SecondsPerSequence(*candidate.plan));
      ++simulated;
      if (!first) ++by_rank;
    }
    // The best once more with wide rings, if anything streams.
    Candidate* best = nullptr;
    for (Candidate& candidate : candidates_) {
      if (candidate.plan.has_value() && (best == nullptr || IsBetter(candidate, *best))) {
        best = &candidate;
      }
    }
    if (best == nullptr || best->plan->use.staging == TierBytes{}) return;
    DiscreteChoices wide = best->choices;
    wide.ring_stages = kWideRingStages;
    const size_t count = candidates_.size();
    Solve(wide, best->kv_format);
    if (candidates_.size() > count) Simulate(candidates_.back());
  }

  std::vector<RunnerUp> RunnersUp(const Candidate& best) const {
    std::vector<const Candidate*> others;
    for (const Candidate& candidate : candidates_) {
      if (&candidate != &best && candidate.plan.has_value()) others.push_back(&candidate);
    }
    std::stable_sort(others.begin(), others.end(),
                     [this](const Candidate* a, const Candidate* b) { return IsBetter(*a, *b); });
    const Estimate& won = best.plan->estimate;
    std::vector<RunnerUp> runners_up;
    std::set<std::string> told = {NameOf(best.choices)};
    for (const Candidate* other : others) {
      if (runners_up.size() == kMostRunnersUp) break;
      if (!told.insert(NameOf(other->choices)).second) continue;
      const Estimate& lost = other->plan->estimate;
      const double decode_passes = static_cast<double>(workload_.output_tokens - 1);
      const bool by_decode = (lost.decode_pass_seconds - won.decode_pass_seconds) * decode_passes >
                             lost.prefill_seconds - won.prefill_seconds;
      const std::string reason =
          absl::StrFormat("%s %.4g s against %.4g s, bound by %s",
                          by_decode ? "a decode pass takes" : "prefill takes",
                          by_decode ? lost.decode_pass_seconds : lost.prefill_seconds,
                          by_decode ? won.decode_pass_seconds : won.prefill_seconds,
                          by_decode ? lost.decode_bound.resource : lost.prefill_bound.resource);
      runners_up.push_back({NameOf(other->choices), lost.tokens_per_s, reason});
    }
    return runners_up;
  }

  // As little memory as the engine can run with.
  PlanResult SmallestPlan() const {
    const ModelShape& shape = shapes_.back();
    const bool disk = profile_.disk_read.bytes_per_s > 0;
    DiscreteChoices choices = {.num_sequences = SequenceCounts().back(),
                               .micro_batch_sequences = 1};
    choices.micro_batch_rows =
        constraints_.micro_batch_rows.value_or(std::min<int64_t>(64, workload_.prompt_tokens));
    choices.num_micro_batches = constraints_.num_micro_batches.value_or(1);
    Policy policy = PolicyOf(choices, shape);
    policy.kv_dtype = kv_dtypes_.back();
    if (disk) {
      for (StagePolicy& stage : policy.stages) {
        std::fill(stage.tensor_homes.begin(), stage.tensor_homes.end(), Tier::kDisk);
      }
      policy.host_staging_bytes = SmallestStaging(shape, policy).host_bytes;
    }
    const bool kv_on_disk =
        constraints_.kv_may_be_on_disk && disk && KvBytes(shape, BlockOf(choices)) <= budgets_.disk;
    if (kv_on_disk) policy.kv = {.gpu = 0, .host = 0, .disk = 1};
    return PlanOf(CostModel(shape, profile_), policy, BlockOf(choices), budgets_);
  }

  const HardwareProfile& profile_;
  const Workload& workload_;
  TierBytes budgets_;
  const SearchConstraints& constraints_;
  std::vector<ModelShape> shapes_;  // one per KV format
  std::vector<DType> kv_dtypes_;
  std::vector<StageClass> classes_;
  std::vector<Candidate> candidates_;
};

absl::Status CheckInputs(const ModelShape& model, const HardwareProfile& profile,
                         const Workload& workload, const TierBytes& budgets,
                         const SearchConstraints& constraints) {
  const auto fault = [](absl::string_view sentence) {
    return absl::InvalidArgumentError(absl::StrCat("plan: ", sentence));
  };
  if (model.stages.empty()) return fault("the model has no stages");
  for (const StageShape& stage : model.stages) {
    if (stage.tensor_bytes.size() != stage.tensor_is_shared.size()) {
      return fault(absl::StrCat("stage '", stage.name, "' does not say which tensors are shared"));
    }
  }
  if (workload.num_sequences < 1 || workload.prompt_tokens < 1 || workload.output_tokens < 1 ||
      workload.shared_prefix_tokens < 0) {
    return fault("the workload has no sequences or no tokens");
  }
  if (budgets.gpu < 0 || budgets.host < 0 || budgets.disk < 0) return fault("a negative budget");
  if (profile.cpu.mat_mul.empty() || (profile.gpu.has_value() && profile.gpu->mat_mul.empty())) {
    return fault("the hardware profile has no matmul rates");
  }
  if (constraints.micro_batch_rows.value_or(1) < 1 ||
      constraints.num_micro_batches.value_or(1) < 1) {
    return fault("a micro-batch needs at least one row, a pass one micro-batch");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PlanResult> SearchPolicy(const ModelShape& model, const HardwareProfile& profile,
                                        const Workload& workload, const TierBytes& budgets,
                                        const SearchConstraints& constraints) {
  STRATA_RETURN_IF_ERROR(CheckInputs(model, profile, workload, budgets, constraints));
  return Search(model, profile, workload, budgets, constraints).Run();
}

}  // namespace strata
