// The searched policy against the best of an exhaustive grid, priced by the same simulator.
#include <gtest/gtest.h>

#include <algorithm>

#include "offload/plan/kv_layers.h"
#include "offload/plan/policy_search.h"
#include "offload/plan/schedule.h"
#include "offload/plan/spread_tensors.h"
#include "tests/offload/plan/example_plans.h"

namespace strata {
namespace {

struct GridCase {
  std::string name;
  DenseModelArgs model;
  bool has_gpu = false;
  Workload workload;
  TierBytes budgets;
};

enum class Devices { kAllGpu, kAllCpu, kMlpOnCpu, kHalfOfTheLayersOnCpu };

// Moves stages to the cpu; what they had in gpu memory goes to the host.
Policy WithDevices(Policy policy, const ModelShape& model, Devices devices) {
  for (size_t i = 0; i < model.stages.size(); ++i) {
    const StageShape& stage = model.stages[i];
    const bool cpu =
        devices == Devices::kAllCpu ||
        (devices == Devices::kMlpOnCpu && stage.name.ends_with("mlp")) ||
        (devices == Devices::kHalfOfTheLayersOnCpu && 2 * stage.layer_index >= model.num_layers);
    if (!cpu) continue;
    policy.stages[i].device = ComputeDevice::kCpu;
    std::replace(policy.stages[i].tensor_homes.begin(), policy.stages[i].tensor_homes.end(),
                 Tier::kGpu, Tier::kHost);
  }
  const StagingNeeds needs = SmallestStaging(model, policy);
  policy.host_staging_bytes = 2 * needs.host_bytes;
  policy.gpu_staging_bytes = 2 * needs.gpu_bytes;
  return policy;
}

double BestCut(const GridCase& grid, const CostModel& cost, Policy policy) {
  double best = 0;
  for (const int64_t rows : {64, 512}) {
    for (const int64_t count : {1, 2, 8}) {
      policy.micro_batch_rows = rows;
      policy.num_micro_batches = count;
      policy.micro_batch_sequences = (grid.workload.num_sequences + count - 1) / count;
      const MemoryUse use = BytesByTier(cost.model(), policy, grid.workload);
      if (MissingBytes(use, grid.budgets) != TierBytes{}) continue;
      best = std::max(best, EstimatePolicy(cost, policy, grid.workload).tokens_per_s);
    }
  }
  return best;
}

// Every split of weights by steps of 10 per cent and of KV rows by halves, each with several cuts
// of the batch, sets of stages on the cpu and both places of attention; what does not fit is left
// out.
double BestOfGrid(const GridCase& grid, const ModelShape& model, const HardwareProfile& machine) {
  const CostModel cost(model, machine);
  double best = 0;
  constexpr int kStep = 10;
  const int most_gpu = grid.has_gpu ? 100 : 0;
  for (int gpu = 0; gpu <= most_gpu; gpu += kStep) {
    for (int host = 0; gpu + host <= 100; host += kStep) {
      for (const int kv_gpu : {0, 50, 100}) {
        if (kv_gpu > most_gpu) continue;
        const Policy split = *PolicyFromPercent(
            model,
            {.weights_gpu = gpu, .weights_host = host, .kv_gpu = kv_gpu, .kv_host = 100 - kv_gpu},
            grid.has_gpu);
        if (!grid.has_gpu) {
          best = std::max(best, BestCut(grid, cost, split));
          continue;
        }
        for (const Devices devices : {Devices::kAllGpu, Devices::kAllCpu, Devices::kMlpOnCpu,
                                      Devices::kHalfOfTheLayersOnCpu}) {
          if (devices == Devices::kAllCpu && gpu + kv_gpu > 0) continue;
          Policy policy = WithDevices(split, model, devices);
          for (const double travelling : {0.0, 0.5, 1.0}) {
            PlaceAttention(model, travelling, policy);
            best = std::max(best, BestCut(grid, cost, policy));
          }
        }
      }
    }
  }
  return best;
}

TEST(ExhaustiveGrid, TheSearchedPolicyIsWithinTenPerCentOfTheBest) {
  const DenseModelArgs small = {.num_layers = 3,
                                .hidden_dim = 512,
                                .ffn_dim = 2048,
                                .num_q_heads = 8,
                                .num_kv_heads = 4,
                                .vocab_size = 4000};
  constexpr int64_t kMega = 1000000;
  const std::vector<GridCase> cases = {
      {"cpu, one sequence", small, false, {1, 64, 16}, {0, 18 * kMega, 0}},
      {"cpu, many sequences", small, false, {32, 64, 16}, {0, 40 * kMega, 0}},
      {"gpu, one sequence", small, true, {1, 64, 16}, {14 * kMega, 60 * kMega, 0}},
      {"gpu, many sequences", small, true, {32, 64, 16}, {22 * kMega, 60 * kMega, 0}},
      {"gpu, three tiers", small, true, {16, 64, 16}, {16 * kMega, 24 * kMega, 0}},
  };
  for (const GridCase& grid : cases) {
    SCOPED_TRACE(grid.name);
    const ModelShape model = DenseModel(grid.model);
    const HardwareProfile machine = grid.has_gpu ? GpuMachine() : CpuMachine();
    const double best = BestOfGrid(grid, model, machine);
    ASSERT_GT(best, 0);
    const absl::StatusOr<PlanResult> plan =
        SearchPolicy(model, machine, grid.workload, grid.budgets, {});
    ASSERT_TRUE(plan.ok()) << plan.status();
    ASSERT_TRUE(plan->fits);
    EXPECT_GE(plan->estimate.tokens_per_s, 0.9 * best);
    RecordProperty(grid.name, std::to_string(plan->estimate.tokens_per_s / best));
  }
}

}  // namespace
}  // namespace strata
