#include "offload/plan/simulate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "offload/plan/kv_layers.h"
#include "offload/plan/workload_passes.h"
#include "tests/offload/plan/example_plans.h"

namespace strata {
namespace {

// A disk that is never in the way of the cpu, and no fixed costs: closed forms stay short.
HardwareProfile PlainMachine() {
  HardwareProfile machine = GpuMachine();
  machine.cpu_share_beside_disk = 1;
  machine.cpu.seconds_per_stage = 0;
  for (LinkRate* link : {&machine.disk_read, &machine.disk_write, &machine.host_to_device,
                         &machine.device_to_host}) {
    link->latency_s = 0;
  }
  return machine;
}

struct DecodeRun {
  Schedule schedule;
  std::vector<PassShape> passes;
  Simulation simulation;
};

DecodeRun RunDecode(const CostModel& cost, const Policy& policy, int64_t num_sequences,
                    int64_t num_passes) {
  const Workload workload = {.num_sequences = num_sequences, .prompt_tokens = 64};
  DecodeRun run;
  for (int64_t pass = 0; pass < num_passes; ++pass) {
    run.passes.push_back(DecodePasses(workload, policy, 65 + pass)[0]);
  }
  run.schedule = MakeSchedule(cost.model(), policy, policy.num_micro_batches);
  run.simulation = Simulate(run.schedule, policy, cost, run.passes);
  return run;
}

// Every promise of the schedule, on the simulated times.
void CheckRun(const DecodeRun& run) {
  const std::vector<SimulatedStep>& steps = run.simulation.steps;
  std::map<std::pair<int32_t, int32_t>, const SimulatedStep*> by_place;
  for (const SimulatedStep& step : steps) by_place[{step.pass, step.step}] = &step;
  std::array<double, kNumLanes> lane_start{};
  for (const SimulatedStep& step : steps) {
    const Step& what = run.schedule.steps[static_cast<size_t>(step.step)];
    EXPECT_LE(step.start_seconds, step.end_seconds);
    for (const StepDependency& dependency : what.after) {
      const auto before = by_place.find({step.pass - dependency.passes_ago, dependency.step});
      if (before == by_place.end()) continue;
      EXPECT_LE(before->second->end_seconds, step.start_seconds);
    }
    double& start = lane_start[static_cast<size_t>(what.lane)];
    EXPECT_GE(step.start_seconds, start) << "a lane out of order";
    start = step.start_seconds;
  }
  const auto& busy = run.simulation.busy_seconds;
  EXPECT_LE(*std::max_element(busy.begin(), busy.end()),
            run.simulation.makespan_seconds * (1 + 1e-9));
  EXPECT_GE(std::accumulate(busy.begin(), busy.end(), 0.0) * (1 + 1e-9),
            run.simulation.makespan_seconds);
}

TEST(Simulate, OneLaneIsTheSumOfItsSteps) {
  const ModelShape model = DenseModel({});
  const HardwareProfile machine = CpuMachine();
  const CostModel cost(model, machine);
  const Policy policy = UniformPolicy(model, Tier::kHost, ComputeDevice::kCpu);
  const DecodeRun run = RunDecode(cost, policy, 2, 3);
  CheckRun(run);
  double sum = 0;
  for (const PassShape& pass : run.passes) sum += cost.PassWork(policy, pass).seconds(Lane::kCpu);
  EXPECT_NEAR(run.simulation.makespan_seconds, sum, 1e-9 * sum);
  EXPECT_NEAR(run.simulation.pass_end_seconds.back(), sum, 1e-9 * sum);
}

TEST(Simulate, AStreamThatIsSlowerThanTheComputingSetsThePace) {
  const ModelShape model = DenseModel({});
  const HardwareProfile machine = PlainMachine();
  const CostModel cost(model, machine);
  Policy policy = UniformPolicy(model, Tier::kDisk, ComputeDevice::kCpu);
  const StagingNeeds needs = SmallestStaging(model, policy);
  policy.host_staging_bytes = 3 * needs.host_bytes;
  const DecodeRun run = RunDecode(cost, policy, 1, 9);
  CheckRun(run);
  double streamed = 0;
  for (const StageShape& stage : model.stages) {
    if (stage.work != StageWork::kGather) streamed += static_cast<double>(stage.weight_bytes());
  }
  const double pace = (run.simulation.pass_end_seconds[8] - run.simulation.pass_end_seconds[4]) / 4;
  // The gathered embedding row is read from the same disk.
  EXPECT_NEAR(pace, streamed / 2e9, 0.03 * streamed / 2e9);
}

TEST(Simulate, ARingOfOneStageCannotOverlap) {
  const ModelShape model = DenseModel({});
  const HardwareProfile machine = PlainMachine();
  const CostModel cost(model, machine);
  Policy policy = UniformPolicy(model, Tier::kDisk, ComputeDevice::kCpu);
  policy.host_staging_bytes = SmallestStaging(model, policy).host_bytes;
  const DecodeRun narrow = RunDecode(cost, policy, 8, 6);
  CheckRun(narrow);
  policy.host_staging_bytes *= 4;
  const DecodeRun wide = RunDecode(cost, policy, 8, 6);
  CheckRun(wide);
  EXPECT_LT(wide.simulation.makespan_seconds, narrow.simulation.makespan_seconds);
}

TEST(Simulate, TheCpuIsSlowedWhileTheDiskWorks) {
  const ModelShape model = DenseModel({});
  HardwareProfile machine = PlainMachine();
  machine.disk_read.bytes_per_s = 1e15;  // every read at an instant
  Policy policy = UniformPolicy(model, Tier::kDisk, ComputeDevice::kCpu);
  policy.host_staging_bytes = 3 * SmallestStaging(model, policy).host_bytes;
  machine.cpu_share_beside_disk = 0.5;
  const CostModel cost(model, machine);
  const double undisturbed = RunDecode(cost, policy, 1, 4).simulation.makespan_seconds;
  machine.disk_read.bytes_per_s = 2e9;  // the disk never rests
  machine.cpu.mat_mul = {{DType::kBF16, 1, 4e9}};
  const DecodeRun run = RunDecode(cost, policy, 1, 8);
  CheckRun(run);
  EXPECT_GT(run.simulation.busy_seconds[static_cast<size_t>(Lane::kCpu)],
            1.2 * run.simulation.work.seconds(Lane::kCpu));
  EXPECT_LT(undisturbed, run.simulation.makespan_seconds);
}

TEST(Simulate, TheDiskIsSlowedWhileTheCpuWorks) {
  const ModelShape model = DenseModel({});
  HardwareProfile machine = PlainMachine();
  machine.disk_read.bytes_per_s = 2e9;
  machine.cpu.mat_mul = {{DType::kBF16, 1, 2e9}};  // as long as reading what it uses
  Policy policy = UniformPolicy(model, Tier::kDisk, ComputeDevice::kCpu);
  policy.host_staging_bytes = 3 * SmallestStaging(model, policy).host_bytes;
  const CostModel alone(model, machine);
  const double undisturbed = RunDecode(alone, policy, 1, 8).simulation.makespan_seconds;
  machine.disk_share_beside_cpu = 0.5;
  const CostModel cost(model, machine);
  const DecodeRun run = RunDecode(cost, policy, 1, 8);
  CheckRun(run);
  const double disk = run.simulation.work.seconds(Lane::kDiskRead);
  EXPECT_GT(run.simulation.busy_seconds[static_cast<size_t>(Lane::kDiskRead)], 1.2 * disk);
  EXPECT_GT(run.simulation.makespan_seconds, undisturbed);
  EXPECT_GE(run.simulation.makespan_seconds, BoundOf(run.simulation.work, machine).seconds);
}

TEST(Simulate, RunsOfManyKindsKeepTheSchedulesPromises) {
  const ModelShape model = DenseModel({.num_layers = 3});
  const HardwareProfile machine = GpuMachine();
  const CostModel cost(model, machine);
  uint64_t state = 1;
  const auto draw = [&state](int64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int64_t>((state >> 33) % static_cast<uint64_t>(below));
  };
  for (int trial = 0; trial < 60; ++trial) {
    Policy policy = UniformPolicy(model, Tier::kHost, ComputeDevice::kCpu);
    for (StagePolicy& stage : policy.stages) {
      stage.device = draw(2) == 0 ? ComputeDevice::kCpu : ComputeDevice::kGpu;
      for (Tier& home : stage.tensor_homes) {
        const bool gpu = stage.device == ComputeDevice::kGpu;
        home =
            gpu ? kTiers[static_cast<size_t>(draw(3))] : kTiers[static_cast<size_t>(1 + draw(2))];
      }
    }
    const double disk = draw(2) == 0 ? 0 : 0.5;
    policy.kv = {.gpu = 0.25, .host = 0.75 - disk, .disk = disk};
    PlaceAttention(model, static_cast<double>(draw(3)) / 2, policy);
    policy.num_micro_batches = 1 + draw(3);
    policy.micro_batch_sequences = (6 + policy.num_micro_batches - 1) / policy.num_micro_batches;
    const StagingNeeds needs = SmallestStaging(model, policy);
    policy.host_staging_bytes = needs.host_bytes * (1 + draw(3));
    policy.gpu_staging_bytes = needs.gpu_bytes * (1 + draw(3));
    const DecodeRun run = RunDecode(cost, policy, 6, 4);
    CheckRun(run);
    EXPECT_EQ(run.simulation, RunDecode(cost, policy, 6, 4).simulation) << "not deterministic";
  }
}

TEST(Simulate, AWayThatTheMachineLacksTakesForever) {
  const ModelShape model = DenseModel({});
  HardwareProfile machine = CpuMachine();
  machine.disk_read = {};
  const CostModel cost(model, machine);
  Policy policy = UniformPolicy(model, Tier::kDisk, ComputeDevice::kCpu);
  policy.host_staging_bytes = 2 * SmallestStaging(model, policy).host_bytes;
  EXPECT_TRUE(std::isinf(RunDecode(cost, policy, 1, 2).simulation.makespan_seconds));
}

TEST(Simulate, NoPassesTakeNoTime) {
  const ModelShape model = DenseModel({});
  const HardwareProfile machine = CpuMachine();
  const CostModel cost(model, machine);
  const Policy policy = UniformPolicy(model, Tier::kHost, ComputeDevice::kCpu);
  EXPECT_EQ(Simulate(MakeSchedule(model, policy, 1), policy, cost, {}).makespan_seconds, 0);
}

}  // namespace
}  // namespace strata
