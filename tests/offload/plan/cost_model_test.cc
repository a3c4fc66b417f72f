#include "offload/plan/cost_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "offload/plan/kv_layers.h"
#include "offload/plan/workload_passes.h"
#include "tests/offload/plan/example_plans.h"

namespace strata {
namespace {

constexpr MicroBatchShape kOneRow = {1, 1, 1, 100, 100};

TEST(CostModel, TheTimeOfAProductIsInterpolatedBetweenMeasuredRows) {
  const ModelShape model = DenseModel({});
  const HardwareProfile machine = CpuMachine();
  const CostModel cost(model, machine);
  const auto time = [&](double rows) {
    return rows / cost.MatMulFlopsPerSecond(ComputeDevice::kCpu, rows);
  };
  EXPECT_DOUBLE_EQ(time(1), 1 / 20e9);
  EXPECT_DOUBLE_EQ(time(64), 64 / 400e9);
  EXPECT_DOUBLE_EQ(time(32.5), (1 / 20e9 + 64 / 400e9) / 2);
  EXPECT_DOUBLE_EQ(time(0.5), time(1));  // a product of less than a row is none cheaper
  EXPECT_DOUBLE_EQ(time(6400), 6400 / 400e9);
  double before = 0;
  for (int rows = 1; rows < 300; ++rows) {
    EXPECT_GE(time(rows), before);
    before = time(rows);
  }
}

TEST(CostModel, AStageCostsTheLargerOfItsFlopsAndItsBytes) {
  const ModelShape model = DenseModel({});
  HardwareProfile machine = CpuMachine();
  const StageShape& mlp = model.stages[4];
  ASSERT_EQ(mlp.name, "layer 0 mlp");
  const double weights = static_cast<double>(mlp.matmul_weights);
  const CostModel cost(model, machine);
  const MicroBatchShape rows64 = {.num_rows = 64, .num_sequences = 64};
  EXPECT_DOUBLE_EQ(cost.ComputeWork(mlp, ComputeDevice::kCpu, rows64).seconds(Lane::kCpu),
                   2 * 64 * weights / 400e9 + 1e-6);
  machine.cpu.memory_bytes_per_s = 1e9;  // one row now waits for the weights' bytes
  EXPECT_DOUBLE_EQ(cost.ComputeWork(mlp, ComputeDevice::kCpu, kOneRow).seconds(Lane::kCpu),
                   2 * weights / 1e9 + 1e-6);
}

TEST(CostModel, TheHeadWorksForTheWantedRowsOnly) {
  const ModelShape model = DenseModel({});
  const HardwareProfile machine = CpuMachine();
  const CostModel cost(model, machine);
  const StageShape& head = model.stages.back();
  const MicroBatchShape none = {.num_rows = 500, .num_sequences = 1};
  const MicroBatchShape one = {.num_rows = 500, .num_sequences = 1, .num_logit_rows = 1};
  EXPECT_EQ(cost.ComputeWork(head, ComputeDevice::kCpu, none).seconds(Lane::kCpu), 0);
  EXPECT_DOUBLE_EQ(cost.ComputeWork(head, ComputeDevice::kCpu, one).seconds(Lane::kCpu),
                   2 * static_cast<double>(head.matmul_weights) / 20e9 + 1e-6);
}

TEST(CostModel, ExpectedDistinctExperts) {
  EXPECT_DOUBLE_EQ(ExpectedDistinctExperts(8, 2, 1), 2);
  EXPECT_DOUBLE_EQ(ExpectedDistinctExperts(8, 2, 2), 8 * (1 - 0.75 * 0.75));
  EXPECT_DOUBLE_EQ(ExpectedDistinctExperts(8, 8, 1), 8);
  EXPECT_NEAR(ExpectedDistinctExperts(256, 8, 1e6), 256, 1e-9);
  EXPECT_EQ(ExpectedDistinctExperts(0, 0, 10), 0);
}

TEST(CostModel, ExpertsCostTheOnesThatAreChosen) {
  ModelShape model = DenseModel({});
  const HardwareProfile machine = CpuMachine();
  StageShape experts = {.name = "experts",
                        .work = StageWork::kExperts,
                        .tensor_bytes = std::vector<int64_t>(8, 1000000),
                        .tensor_is_shared = std::vector<bool>(8, false),
                        .matmul_weights = 500000,
                        .num_experts = 8,
                        .experts_per_token = 2};
  const CostModel cost(model, machine);
  const Work one = cost.ComputeWork(experts, ComputeDevice::kCpu, kOneRow);
  EXPECT_DOUBLE_EQ(one.bytes(Lane::kCpu), 2e6);
  EXPECT_DOUBLE_EQ(one.seconds(Lane::kCpu), 2 * 2 * 500000 / 20e9 + 1e-6);
  EXPECT_DOUBLE_EQ(cost.StreamWork(experts, Lane::kDiskRead, 8e6, 1).bytes(Lane::kDiskRead), 2e6);
  EXPECT_NEAR(cost.StreamWork(experts, Lane::kDiskRead, 8e6, 1000).bytes(Lane::kDiskRead), 8e6, 1);
}

TEST(CostModel, AttentionIsPricedByBytesWhenItDecodesAndByFlopsWhenItReads) {
  const ModelShape model = DenseModel({});
  const HardwareProfile machine = CpuMachine();
  const CostModel cost(model, machine);
  const double row = static_cast<double>(model.kv_bytes_per_token_layer);
  const MicroBatchShape decode = {2, 2, 2, 2000, 2000};
  EXPECT_DOUBLE_EQ(cost.AttendWork(ComputeDevice::kCpu, decode).seconds(Lane::kCpu),
                   2000 * row / 15e9 + 1e-6);
  const MicroBatchShape prompt = {1000, 1, 1, 500500, 1000};
  EXPECT_DOUBLE_EQ(cost.AttendWork(ComputeDevice::kCpu, prompt).seconds(Lane::kCpu),
                   4.0 * 64 * 4 * 500500 / 200e9 + 1e-6);
}

TEST(CostModel, KvOnDiskTravelsBothWays) {
  const ModelShape model = DenseModel({});
  const HardwareProfile machine = CpuMachine();
  const CostModel cost(model, machine);
  Policy policy = UniformPolicy(model, Tier::kHost, ComputeDevice::kCpu);
  policy.kv = {.gpu = 0, .host = 0.25, .disk = 0.75};
  const double row = static_cast<double>(model.kv_bytes_per_token_layer);
  const MicroBatchShape decode = {3, 3, 3, 303, 303};
  const PassShape pass = {{decode}};
  Work sum;
  for (const Step& step : MakeSchedule(model, policy, 1).steps) {
    if (step.kind != StepKind::kCompute) sum += cost.StepWork(step, policy, pass);
  }
  EXPECT_DOUBLE_EQ(sum.bytes(Lane::kDiskRead), 4 * 0.75 * 300 * row);
  // A row makes its whole page be written again.
  EXPECT_DOUBLE_EQ(sum.bytes(Lane::kDiskWrite), 4 * 0.75 * 3 * 16 * row);
}

TEST(CostModel, AttentionOnTheGpuFetchesTheContextAndSendsPagesWithNewRowsHome) {
  const ModelShape model = DenseModel({});  // of four layers
  const HardwareProfile machine = GpuMachine();
  const CostModel cost(model, machine);
  Policy policy = UniformPolicy(model, Tier::kGpu, ComputeDevice::kGpu);
  policy.kv = {.gpu = 0.5, .host = 0.5, .disk = 0};
  const double row = static_cast<double>(model.kv_bytes_per_token_layer);
  const PassShape decode = {{{2, 2, 2, 2002, 2002}}};
  const auto attention = [&] {
    Work sum;
    for (const Step& step : MakeSchedule(model, policy, 1).steps) {
      const bool attends = model.stages[static_cast<size_t>(step.stage)].work == StageWork::kAttend;
      if (attends && step.kind != StepKind::kCopyHidden) {
        sum += cost.StepWork(step, policy, decode);
      }
    }
    return sum;
  };
  PlaceAttention(model, 1, policy);
  const Work all_travel = attention();
  EXPECT_DOUBLE_EQ(all_travel.bytes(Lane::kHostToDevice), 2 * 2000 * row);
  EXPECT_DOUBLE_EQ(all_travel.bytes(Lane::kDeviceToHost), 2 * 2 * 16 * row);
  EXPECT_EQ(all_travel.seconds(Lane::kCpu), 0);
  EXPECT_DOUBLE_EQ(all_travel.bytes(Lane::kGpu), 4 * 2002 * row);
  PlaceAttention(model, 0.5, policy);
  const Work half_travel = attention();
  EXPECT_DOUBLE_EQ(half_travel.bytes(Lane::kHostToDevice), 2000 * row);
  EXPECT_DOUBLE_EQ(half_travel.bytes(Lane::kCpu), 2002 * row);
  EXPECT_DOUBLE_EQ(half_travel.bytes(Lane::kGpu), 3 * 2002 * row);
  PlaceAttention(model, 0, policy);
  const Work in_place = attention();
  EXPECT_EQ(in_place.bytes(Lane::kHostToDevice), 0);
  EXPECT_DOUBLE_EQ(in_place.bytes(Lane::kCpu), 2 * 2002 * row);
}

TEST(CostModel, AWayThatTheMachineLacksTakesForever) {
  const ModelShape model = DenseModel({});
  HardwareProfile machine = CpuMachine();
  machine.disk_read = {};
  const CostModel cost(model, machine);
  EXPECT_TRUE(
      std::isinf(cost.StreamWork(model.stages[1], Lane::kDiskRead, 1, 1).seconds(Lane::kDiskRead)));
}

TEST(BoundOf, NamesTheMostLoadedResource) {
  HardwareProfile machine = CpuMachine();
  Work work;
  work.seconds(Lane::kCpu) = 5;
  work.seconds(Lane::kDiskRead) = 4;
  Bound bound = BoundOf(work, machine);
  EXPECT_EQ(bound.resource, "cpu");
  EXPECT_DOUBLE_EQ(bound.seconds, 5 + 0.1 * 4);
  work.seconds(Lane::kDiskRead) = 9;
  bound = BoundOf(work, machine);
  EXPECT_EQ(bound.resource, "disk read");
  EXPECT_DOUBLE_EQ(bound.seconds, 9);
  machine.disk_share_beside_cpu = 0.8;
  EXPECT_DOUBLE_EQ(BoundOf(work, machine).seconds, 9 + 0.2 * 5);
  work.host_memory_seconds = 11;
  EXPECT_EQ(BoundOf(work, machine).resource, "host memory");
}

// The sum over a schedule's steps and the sum without one are the same work.
TEST(CostModel, PassWorkIsTheSumOfTheSchedulesSteps) {
  const ModelShape model = DenseModel({});
  const HardwareProfile machine = GpuMachine();
  const CostModel cost(model, machine);
  const Workload workload = {.num_sequences = 6, .prompt_tokens = 40, .output_tokens = 4};
  for (const double travelling : {0.0, 0.5, 1.0}) {
    Policy policy = UniformPolicy(model, Tier::kHost, ComputeDevice::kGpu);
    policy.stages[0].device = ComputeDevice::kCpu;
    policy.stages[0].tensor_homes[0] = Tier::kDisk;
    policy.stages[4].tensor_homes[2] = Tier::kDisk;
    policy.stages[8].tensor_homes[1] = Tier::kGpu;
    policy.stages[12].device = ComputeDevice::kCpu;
    policy.kv = {.gpu = 0.25, .host = 0.5, .disk = 0.25};
    PlaceAttention(model, travelling, policy);
    policy.activations = {.gpu = 0, .host = 0.25, .disk = 0.75};
    policy.num_micro_batches = 6;
    policy.micro_batch_sequences = 1;
    policy.host_staging_bytes = policy.gpu_staging_bytes = 8 << 20;
    const PassShape pass = DecodePasses(workload, policy, 41)[0];
    ASSERT_EQ(pass.micro_batches.size(), 6u);
    Work sum;
    for (const Step& step : MakeSchedule(model, policy, 6).steps) {
      sum += cost.StepWork(step, policy, pass);
    }
    const Work work = cost.PassWork(policy, pass);
    for (int lane = 0; lane < kNumLanes; ++lane) {
      EXPECT_NEAR(work.lane_bytes[lane], sum.lane_bytes[lane], 1e-6 * sum.lane_bytes[lane])
          << LaneName(static_cast<Lane>(lane));
      EXPECT_NEAR(work.lane_seconds[lane], sum.lane_seconds[lane], 1e-9 * sum.lane_seconds[lane]);
    }
    EXPECT_GT(work.bytes(Lane::kDiskRead), 0);
    EXPECT_GT(work.bytes(Lane::kDiskWrite), 0);
    EXPECT_GT(work.bytes(Lane::kHostToDevice), 0);
  }
}

}  // namespace
}  // namespace strata
