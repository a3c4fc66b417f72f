#include "offload/plan/plan_result.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "offload/plan/kv_layers.h"
#include "offload/plan/schedule.h"
#include "offload/plan/simulate.h"
#include "offload/plan/workload_passes.h"

namespace strata {
namespace {

// A plan must be made within a second. Beyond so many steps, and beyond so many visits of KV
// pages (making their schedule takes the square), a pass of fewer micro-batches stands for the
// whole.
constexpr int64_t kMostSimulatedSteps = 8000;
constexpr int64_t kMostSimulatedVisits = 200;
constexpr int64_t kSampledMicroBatches = 4;
constexpr size_t kRounds = 3;  // one to fill the lanes, one measured, one that is still followed

int64_t MostMicroBatches(const std::vector<PassShape>& passes) {
  size_t most = 1;
  for (const PassShape& pass : passes) most = std::max(most, pass.micro_batches.size());
  return static_cast<int64_t>(most);
}

bool MaySimulate(const ModelShape& model, const Policy& policy,
                 const std::vector<PassShape>& passes, size_t rounds) {
  const int64_t computes = static_cast<int64_t>(model.stages.size()) * MostMicroBatches(passes);
  if (computes * static_cast<int64_t>(passes.size()) * static_cast<int64_t>(rounds) >
      kMostSimulatedSteps)
    return false;
  const bool visits = policy.kv.disk > 0 || AnyKvTravels(model, policy);
  return !visits || model.num_layers * MostMicroBatches(passes) <= kMostSimulatedVisits;
}

Work WorkOf(const CostModel& cost_model, const Policy& policy,
            const std::vector<PassShape>& passes) {
  Work work;
  const PassShape* before = nullptr;
  Work pass_work;
  for (const PassShape& pass : passes) {
    if (before == nullptr || !(*before == pass)) pass_work = cost_model.PassWork(policy, pass);
    before = &pass;
    work += pass_work;
  }
  return work;
}

// Seconds of `passes` in a steady run of them.
double SteadySeconds(const Schedule& schedule, const CostModel& cost_model, const Policy& policy,
                     const std::vector<PassShape>& passes) {
  std::vector<PassShape> rounds;
  for (size_t i = 0; i < kRounds; ++i) rounds.insert(rounds.end(), passes.begin(), passes.end());
  const Simulation simulation = Simulate(schedule, policy, cost_model, rounds);
  if (std::isinf(simulation.makespan_seconds)) return simulation.makespan_seconds;
  return simulation.pass_end_seconds[2 * passes.size() - 1] -
         simulation.pass_end_seconds[passes.size() - 1];
}

// A few micro-batches of a pass, with as much less to stream: how much longer than its bound such a
// pass takes, the whole does too.
double WaitingFactor(const CostModel& cost_model, const Policy& policy, const PassShape& pass) {
  const int64_t all = static_cast<int64_t>(pass.micro_batches.size());
  const int64_t count = std::min(all, kSampledMicroBatches);
  PassShape sample;
  for (int64_t i = 0; i < count; ++i) {
    sample.micro_batches.push_back(pass.micro_batches[static_cast<size_t>(i * all / count)]);
  }
  Schedule schedule = MakeSchedule(cost_model.model(), policy, count);
  const double part = static_cast<double>(count) / static_cast<double>(all);
  Work work;
  for (Step& step : schedule.steps) {
    if (step.kind == StepKind::kReadWeights || step.kind == StepKind::kCopyWeights) {
      const double whole = cost_model.StepWork(step, policy, pass).bytes(step.lane);
      const double sampled = cost_model.StepWork(step, policy, sample).bytes(step.lane);
      if (sampled > 0) {
        step.bytes = static_cast<int64_t>(static_cast<double>(step.bytes) * part * whole / sampled);
      }
    }
    work += cost_model.StepWork(step, policy, sample);
  }
  const double bound = BoundOf(work, cost_model.profile()).seconds;
  const double seconds = SteadySeconds(schedule, cost_model, policy, {sample});
  return bound > 0 ? std::max(seconds / bound, 1.0) : 1.0;
}

absl::string_view LastWord(absl::string_view name) {
  const size_t space = name.rfind(' ');
  return space == absl::string_view::npos ? name : name.substr(space + 1);
}

}  // namespace

Estimate EstimatePolicy(const CostModel& cost_model, const Policy& policy,
                        const Workload& workload) {
  const ModelShape& model = cost_model.model();
  const Policy prefill_policy = PrefillPolicy(model, policy);
  const std::vector<PassShape> prefill = PrefillPasses(workload, policy);
  const std::vector<PassShape> decode = DecodePasses(workload, policy, MeanDecodeContext(workload));
  const double decode_passes =
      static_cast<double>(std::max<int64_t>(workload.output_tokens - 1, 0));
  Estimate estimate;
  estimate.prefill_work = WorkOf(cost_model, prefill_policy, prefill);
  estimate.decode_work = WorkOf(cost_model, policy, decode);
  estimate.prefill_bound = BoundOf(estimate.prefill_work, cost_model.profile());
  estimate.decode_bound = BoundOf(estimate.decode_work, cost_model.profile());
  estimate.prefill_seconds = estimate.prefill_bound.seconds;
  estimate.decode_pass_seconds = estimate.decode_bound.seconds;
  if (MaySimulate(model, prefill_policy, prefill, 1)) {
    const Schedule schedule = MakeSchedule(model, prefill_policy, MostMicroBatches(prefill));
    estimate.prefill_seconds =
        Simulate(schedule, prefill_policy, cost_model, prefill).makespan_seconds;
  } else {
    estimate.sampled = true;
    estimate.prefill_seconds *= WaitingFactor(cost_model, prefill_policy, prefill.front());
  }
  if (MaySimulate(model, policy, decode, kRounds)) {
    const Schedule schedule = MakeSchedule(model, policy, MostMicroBatches(decode));
    estimate.decode_pass_seconds = SteadySeconds(schedule, cost_model, policy, decode);
  } else {
    estimate.sampled = true;
    estimate.decode_pass_seconds *= WaitingFactor(cost_model, policy, decode.front());
  }
  estimate.total_seconds = estimate.prefill_seconds + decode_passes * estimate.decode_pass_seconds;
  const double tokens = static_cast<double>(workload.num_sequences * workload.output_tokens);
  const double prefill_least = estimate.prefill_bound.seconds;
  const double decode_least = decode_passes * estimate.decode_bound.seconds;
  if (estimate.total_seconds > 0) estimate.tokens_per_s = tokens / estimate.total_seconds;
  if (prefill_least + decode_least > 0) {
    estimate.ceiling_tokens_per_s = tokens / (prefill_least + decode_least);
  }
  estimate.bound_by =
      (decode_least > prefill_least ? estimate.decode_bound : estimate.prefill_bound).resource;
  return estimate;
}

PlanResult PlanOf(const CostModel& cost_model, const Policy& policy, const Workload& workload,
                  const TierBytes& budgets) {
  const ModelShape& model = cost_model.model();
  PlanResult plan = {.policy = policy,
                     .workload = workload,
                     .use = BytesByTier(model, policy, workload),
                     .budgets = budgets,
                     .estimate = EstimatePolicy(cost_model, policy, workload)};
  plan.missing = MissingBytes(plan.use, budgets);
  plan.fits = plan.missing == TierBytes{};
  plan.kv_layers = {.all = NumAttends(model), .on_gpu = NumAttendsAtHomeOnGpu(model, policy.kv)};
  int64_t weights = 0;
  bool streams = false;
  for (size_t i = 0; i < model.stages.size(); ++i) {
    const StageShape& stage = model.stages[i];
    if (KvTravels(model, policy, i)) ++plan.kv_layers.travelling;
    if (stage.tensor_bytes.empty()) continue;
    const std::string name(LastWord(stage.name));
    auto found = std::find_if(plan.classes.begin(), plan.classes.end(),
                              [&name](const ClassUse& use) { return use.name == name; });
    if (found == plan.classes.end()) found = plan.classes.insert(found, {.name = name});
    found->num_stages += 1;
    const bool gpu = policy.stages[i].device == ComputeDevice::kGpu;
    if (gpu) found->num_gpu_stages += 1;
    for (size_t j = 0; j < stage.tensor_bytes.size(); ++j) {
      if (stage.tensor_is_shared[j]) continue;
      const Tier home = policy.stages[i].tensor_homes[j];
      found->bytes[home] += stage.tensor_bytes[j];
      weights += stage.tensor_bytes[j];
      streams = streams || home == Tier::kDisk || (home == Tier::kHost && gpu);
    }
  }
  const int64_t everything = weights + KvBytes(model, workload) + plan.use.activations.host;
  const bool has_gpu = cost_model.profile().gpu.has_value();
  const Tier computing = has_gpu ? Tier::kGpu : Tier::kHost;
  const bool offloads = streams || policy.kv.disk > 0 || (has_gpu && policy.kv.gpu < 1);
  if (offloads && everything <= budgets[computing]) {
    plan.warnings.push_back(absl::StrCat(
        "offloading is pointless: weights, KV rows and activations (", everything,
        " bytes) fit in the ", TierName(computing), " budget of ", budgets[computing], " bytes"));
  }
  return plan;
}

}  // namespace strata
