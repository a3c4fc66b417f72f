#include "offload/plan/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "absl/strings/str_cat.h"
#include "offload/plan/hidden_places.h"
#include "offload/plan/kv_layers.h"
#include "offload/plan/staging_ring.h"

namespace strata {
namespace {

// embed, then layers of project, attend, output, mlp, then head; mlp has two tensors.
ModelShape SmallModel(int num_layers) {
  ModelShape model = {.name = "small", .num_layers = num_layers};
  const auto add = [&](std::string name, StageWork work, std::vector<int64_t> bytes, int layer) {
    model.stages.push_back({.name = std::move(name),
                            .work = work,
                            .layer_index = layer,
                            .tensor_bytes = bytes,
                            .tensor_is_shared = std::vector<bool>(bytes.size(), false)});
  };
  add("embed", StageWork::kGather, {50000}, -1);
  for (int layer = 0; layer < num_layers; ++layer) {
    add(absl::StrCat("project ", layer), StageWork::kMatMul, {12000}, layer);
    add(absl::StrCat("attend ", layer), StageWork::kAttend, {}, layer);
    add(absl::StrCat("output ", layer), StageWork::kMatMul, {8000}, layer);
    add(absl::StrCat("mlp ", layer), StageWork::kMatMul, {20000, 30000}, layer);
  }
  add("head", StageWork::kHead, {50000}, -1);
  return model;
}

Policy PolicyOf(const ModelShape& model, Tier home) {
  Policy policy;
  for (const StageShape& stage : model.stages) {
    policy.stages.push_back({.tensor_homes = std::vector<Tier>(stage.tensor_bytes.size(), home)});
  }
  return policy;
}

// Runs passes in order of issue and checks that whoever computes finds its weights: the content of
// every byte range of the rings is followed, and a transfer may only overwrite what was used.
void CheckRings(const ModelShape& model, const Policy& policy, const Schedule& schedule) {
  struct Content {
    int64_t begin, end;
    int32_t stage;
    int pass;  // that uses it
    int uses_left;
  };
  std::vector<Content> rings[2];
  constexpr int kPasses = 4;
  for (int pass = -1; pass < kPasses; ++pass) {
    for (const Step& step : schedule.steps) {
      if (pass < 0 && !step.for_next_pass) continue;
      const StageShape& stage = model.stages[static_cast<size_t>(step.stage)];
      const StagePolicy& stage_policy = policy.stages[static_cast<size_t>(step.stage)];
      const bool gpu = stage_policy.device == ComputeDevice::kGpu;
      if (step.kind == StepKind::kReadWeights || step.kind == StepKind::kCopyWeights) {
        const bool copy = step.kind == StepKind::kCopyWeights;
        int64_t bytes = 0;
        for (size_t i = 0; i < stage.tensor_bytes.size(); ++i) {
          const Tier home = stage_policy.tensor_homes[i];
          if (home == Tier::kDisk || (copy && home == Tier::kHost)) {
            bytes += StagedBytes(stage.tensor_bytes[i]);
          }
        }
        std::vector<Content>& ring = rings[copy];
        const int64_t end = step.staging_offset + bytes;
        ASSERT_LE(end, copy ? policy.gpu_staging_bytes : policy.host_staging_bytes);
        std::erase_if(ring, [&](const Content& content) {
          if (content.begin >= end || step.staging_offset >= content.end) return false;
          EXPECT_EQ(content.uses_left, 0) << schedule.ToString(model) << "step overwrites "
                                          << model.stages[size_t(content.stage)].name;
          return true;
        });
        const int uses = !copy && gpu ? 1 : static_cast<int>(schedule.num_micro_batches);
        ring.push_back({step.staging_offset, end, step.stage, pass + step.for_next_pass, uses});
        if (!copy) continue;
      }
      const auto use = [&](std::vector<Content>& ring, int of_pass) {
        for (Content& content : ring) {
          if (content.stage == step.stage && content.pass == of_pass) {
            --content.uses_left;
            return true;
          }
        }
        return false;
      };
      bool on_disk = false, off_gpu = false;
      for (const Tier home : stage_policy.tensor_homes) {
        on_disk |= home == Tier::kDisk;
        off_gpu |= home != Tier::kGpu;
      }
      if (stage.work == StageWork::kGather) continue;
      if (step.kind == StepKind::kCopyWeights && on_disk) {
        EXPECT_TRUE(use(rings[0], pass + step.for_next_pass)) << stage.name << " not read";
      }
      if (step.kind == StepKind::kCompute && (gpu ? off_gpu : on_disk)) {
        EXPECT_TRUE(use(rings[gpu], pass))
            << schedule.ToString(model) << stage.name << " has no weights in pass " << pass;
      }
    }
  }
}

// Every dependency is issued earlier, in this pass or an earlier one.
void CheckOrder(const Schedule& schedule) {
  for (size_t i = 0; i < schedule.steps.size(); ++i) {
    for (const StepDependency& before : schedule.steps[i].after) {
      ASSERT_GE(before.passes_ago, 0);
      ASSERT_LE(before.passes_ago, kMaxPassesAgo);
      if (before.passes_ago == 0) {
        EXPECT_LT(before.step, static_cast<int32_t>(i));
      }
    }
  }
}

TEST(ScheduleTest, EverythingInHostMemoryIsComputeStepsOnly) {
  const ModelShape model = SmallModel(1);
  const Schedule schedule = MakeSchedule(model, PolicyOf(model, Tier::kHost), 2);
  EXPECT_EQ(schedule.ToString(model),
            "0 [cpu] compute embed #0\n"
            "1 [cpu] compute embed #1\n"
            "2 [cpu] compute project 0 #0\n"
            "3 [cpu] compute attend 0 #0\n"
            "4 [cpu] compute output 0 #0\n"
            "5 [cpu] compute project 0 #1\n"
            "6 [cpu] compute attend 0 #1\n"
            "7 [cpu] compute output 0 #1\n"
            "8 [cpu] compute mlp 0 #0\n"
            "9 [cpu] compute mlp 0 #1\n"
            "10 [cpu] compute head #0\n"
            "11 [cpu] compute head #1\n");
}

TEST(ScheduleTest, WeightsFromDiskAreReadAsSoonAsTheirPlaceIsFree) {
  const ModelShape model = SmallModel(1);
  Policy policy = PolicyOf(model, Tier::kHost);
  policy.stages[1].tensor_homes = {Tier::kDisk};               // project
  policy.stages[4].tensor_homes = {Tier::kHost, Tier::kDisk};  // mlp
  policy.host_staging_bytes = 64 << 10;                        // both at once: nothing waits long
  EXPECT_EQ(MakeSchedule(model, policy, 1).ToString(model),
            "0 [cpu] compute embed #0\n"
            "1 [cpu] compute project 0 #0 after 2-1\n"
            "2 [disk read] read weights project 0 of the next pass, 12000 B to 0 after 1\n"
            "3 [cpu] compute attend 0 #0\n"
            "4 [cpu] compute output 0 #0\n"
            "5 [cpu] compute mlp 0 #0 after 6-1\n"
            "6 [disk read] read weights mlp 0 of the next pass, 30000 B to 16384 after 5\n"
            "7 [cpu] compute head #0\n");
  policy.host_staging_bytes = 40 << 10;  // one after the other
  EXPECT_EQ(MakeSchedule(model, policy, 1).ToString(model),
            "0 [cpu] compute embed #0\n"
            "1 [cpu] compute project 0 #0 after 6-1\n"
            "2 [disk read] read weights mlp 0, 30000 B to 0 after 1, 5-1\n"
            "3 [cpu] compute attend 0 #0\n"
            "4 [cpu] compute output 0 #0\n"
            "5 [cpu] compute mlp 0 #0 after 2\n"
            "6 [disk read] read weights project 0 of the next pass, 12000 B to 0 after 1, 5\n"
            "7 [cpu] compute head #0\n");
}

TEST(ScheduleTest, KvOnDiskIsReadTwoVisitsAheadAndWrittenBack) {
  const ModelShape model = SmallModel(3);
  Policy policy = PolicyOf(model, Tier::kHost);
  policy.kv = {.gpu = 0, .host = 0.5, .disk = 0.5};
  const Schedule schedule = MakeSchedule(model, policy, 1);
  CheckOrder(schedule);
  int reads = 0, writes = 0;
  for (const Step& step : schedule.steps) {
    reads += step.kind == StepKind::kReadKv;
    writes += step.kind == StepKind::kWriteKv;
  }
  EXPECT_EQ(reads, 3);
  EXPECT_EQ(writes, 3);
  EXPECT_EQ(schedule.steps[0].kind, StepKind::kReadKv);
  EXPECT_EQ(schedule.steps[1].kind, StepKind::kReadKv);
}

// Disk, host memory, gpu and back, one visit ahead: slots of both kinds are taken in turn.
TEST(ScheduleTest, KvPagesTravelThroughSlotsOfHostAndGpu) {
  const ModelShape model = SmallModel(3);
  Policy policy = PolicyOf(model, Tier::kHost);
  policy.kv = {.gpu = 1.0 / 3, .host = 1.0 / 3, .disk = 1.0 / 3};  // the middle layer
  for (StagePolicy& stage : policy.stages) stage.device = ComputeDevice::kGpu;
  policy.gpu_staging_bytes = 400 << 10;
  const Schedule schedule = MakeSchedule(model, policy, 1);
  CheckOrder(schedule);
  std::string steps;
  for (const Step& step : schedule.steps) {
    if (model.stages[static_cast<size_t>(step.stage)].work != StageWork::kAttend) continue;
    absl::StrAppend(&steps, StepKindName(step.kind), " ", step.stage, " [", LaneName(step.lane),
                    "] ", step.host_slot, " ", step.gpu_slot, "\n");
  }
  EXPECT_EQ(steps,
            "read kv 2 [disk read] 0 0\n"
            "read kv 10 [disk read] 1 1\n"
            "copy kv in 2 [h2d] 0 0\n"
            "copy kv in 10 [h2d] 1 1\n"
            "compute 2 [gpu] 0 0\n"
            "copy kv out 2 [d2h] 0 0\n"
            "write kv 2 [disk write] 0 0\n"
            "compute 6 [gpu] -1 -1\n"
            "compute 10 [gpu] 1 1\n"
            "copy kv out 10 [d2h] 1 1\n"
            "write kv 10 [disk write] 1 1\n");
}

// With any number of visits, a slot is taken over from the visit that had it last.
TEST(ScheduleTest, ASlotIsFilledOnlyWhenWhatItHeldHasLeft) {
  for (const int num_layers : {1, 2, 3, 5}) {
    for (const int64_t num_micro_batches : {1, 2, 3}) {
      const ModelShape model = SmallModel(num_layers);
      Policy policy = PolicyOf(model, Tier::kHost);
      policy.kv = {.gpu = 0, .host = 0.5, .disk = 0.5};
      PlaceAttention(model, 1, policy);
      const Schedule schedule = MakeSchedule(model, policy, num_micro_batches);
      CheckOrder(schedule);
      for (const auto& [comes, leaves] : {std::pair(StepKind::kReadKv, StepKind::kWriteKv),
                                          {StepKind::kCopyKvIn, StepKind::kCopyKvOut}}) {
        const bool host = comes == StepKind::kReadKv;
        std::vector<std::pair<int32_t, int>> left(kNumKvSlots, {-1, 0});  // step and pass
        for (int pass = 0; pass < 3; ++pass) {
          for (size_t i = 0; i < schedule.steps.size(); ++i) {
            const Step& step = schedule.steps[i];
            auto& last = left[static_cast<size_t>(host ? std::max(0, step.host_slot)
                                                       : std::max(0, step.gpu_slot))];
            if (step.kind == leaves) last = {static_cast<int32_t>(i), pass};
            if (step.kind != comes || last.first < 0) continue;
            const StepDependency wanted = {last.first, pass - last.second};
            EXPECT_NE(std::find(step.after.begin(), step.after.end(), wanted), step.after.end())
                << num_layers << " layers, " << num_micro_batches << " micro-batches, step " << i
                << " of pass " << pass << "\n"
                << schedule.ToString(model);
          }
        }
      }
    }
  }
}

TEST(ScheduleTest, WaitingRowsGoToDiskAndComeBackATurnAhead) {
  ModelShape model = SmallModel(1);
  Policy policy = PolicyOf(model, Tier::kHost);
  policy.activations = {.gpu = 0, .host = 0, .disk = 1};
  const Schedule schedule = MakeSchedule(model, policy, 6);
  CheckOrder(schedule);
  const std::string text = schedule.ToString(model);
  const std::string begin =
      "0 [cpu] compute embed #0\n"
      "1 [disk write] write hidden embed #0 after 0\n"
      "2 [cpu] compute embed #1\n"
      "3 [disk write] write hidden embed #1 after 2\n"
      "4 [cpu] compute embed #2\n"
      "5 [disk write] write hidden embed #2 after 4\n"
      "6 [cpu] compute embed #3 after 1\n"
      "7 [disk write] write hidden embed #3 after 6\n"
      "8 [cpu] compute embed #4 after 3\n"
      "9 [disk write] write hidden embed #4 after 8\n"
      "10 [disk read] read hidden project 0 #0 after 1, 7\n"
      "11 [cpu] compute embed #5 after 5\n"
      "12 [disk write] write hidden embed #5 after 11\n"
      "13 [disk read] read hidden project 0 #1 after 3, 9\n"
      "14 [cpu] compute project 0 #0 after 10\n"
      "15 [cpu] compute attend 0 #0\n"
      "16 [cpu] compute output 0 #0\n"
      "17 [disk write] write hidden output 0 #0 after 16\n"
      "18 [disk read] read hidden project 0 #2 after 5, 12\n";
  EXPECT_EQ(text.substr(0, begin.size()), begin);
  // The head's turn is the last: nothing waits after it.
  EXPECT_EQ(text.find("write hidden head"), std::string::npos);
}

// On a virtual machine that does the steps in order of issue: every turn finds the rows of its own
// micro-batch, in the memory where it is computed.
TEST(ScheduleTest, EveryTurnFindsItsHiddenRows) {
  std::mt19937 random(3);
  for (int trial = 0; trial < 200; ++trial) {
    const ModelShape model = SmallModel(1 + trial % 3);
    Policy policy = PolicyOf(model, Tier::kHost);
    const bool gpu = trial % 2 == 0;
    for (StagePolicy& stage : policy.stages) {
      if (gpu && random() % 3 != 0) stage.device = ComputeDevice::kGpu;
    }
    const TierShares choices[] = {
        {0, 1, 0}, {0, 0.5, 0.5}, {0, 0, 1}, {0.5, 0.5, 0}, {0.3, 0.3, 0.4}};
    policy.activations = choices[gpu ? random() % 5 : random() % 3];
    policy.gpu_staging_bytes = 1 << 20;
    const int64_t count = 1 + static_cast<int64_t>(random() % 9);
    const int64_t present = 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(count));
    const Schedule schedule = MakeSchedule(model, policy, count);
    CheckOrder(schedule);
    const TierShares& shares = policy.activations;
    std::vector<int32_t> places[2] = {HiddenPlacesInHost(shares, count),
                                      HiddenPlacesOnGpu(shares, count)};
    // Whose rows lie in each place, after how many stages; and on disk.
    std::vector<std::pair<int32_t, int32_t>> memory[2], disk(static_cast<size_t>(count));
    for (auto& one : memory) one.assign(static_cast<size_t>(count), {-1, -1});
    std::vector<int> where(static_cast<size_t>(count), 0);
    std::vector<bool> on_disk(static_cast<size_t>(count), false);
    for (const Step& step : schedule.steps) {
      if (step.micro_batch < 0 || step.micro_batch >= present) continue;
      const size_t k = static_cast<size_t>(step.micro_batch);
      const auto place = [&](int device) -> auto& {
        return memory[device][static_cast<size_t>(places[device][k])];
      };
      const bool attends = model.stages[static_cast<size_t>(step.stage)].work == StageWork::kAttend;
      switch (step.kind) {
        case StepKind::kCompute: {
          if (attends) break;
          const int device = step.lane == Lane::kGpu;
          const int32_t wanted = attends ? step.stage : step.stage - 1;
          if (step.stage > 0) {
            EXPECT_EQ(where[k], device) << schedule.ToString(model);
            EXPECT_EQ(place(device).first, step.micro_batch) << schedule.ToString(model);
            EXPECT_LE(place(device).second, wanted);
            EXPECT_GE(place(device).second, wanted - 1);  // attend leaves them alone
          }
          place(device) = {step.micro_batch, step.stage};
          where[k] = device;
          break;
        }
        case StepKind::kCopyHidden: {
          const int device = step.lane == Lane::kHostToDevice;
          if (where[k] == device) break;
          place(device) = place(1 - device);
          where[k] = device;
          break;
        }
        case StepKind::kParkHidden:
          if (!HiddenLeavesGpu(shares, step.micro_batch, present)) break;
          place(0) = place(1);
          where[k] = 0;
          break;
        case StepKind::kWriteHidden:
          on_disk[k] = where[k] == 0 && HiddenLeavesHost(shares, step.micro_batch, present);
          if (on_disk[k]) disk[k] = place(0);
          break;
        case StepKind::kReadHidden:
          if (on_disk[k]) place(0) = disk[k];
          on_disk[k] = false;
          break;
        default:
          break;
      }
    }
    if (HasFailure()) FAIL() << "trial " << trial;
  }
}

TEST(ScheduleTest, AnyPlacementFindsItsWeights) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 300; ++trial) {
    const ModelShape model = SmallModel(1 + trial % 5);
    Policy policy = PolicyOf(model, Tier::kHost);
    const bool gpu = trial % 3 == 0;
    for (size_t i = 0; i < policy.stages.size(); ++i) {
      StagePolicy& stage = policy.stages[i];
      if (gpu && i > 0 && random() % 4 != 0) stage.device = ComputeDevice::kGpu;
      for (Tier& home : stage.tensor_homes) {
        home = kTiers[random() % 3];
        if (home == Tier::kGpu && stage.device == ComputeDevice::kCpu) home = Tier::kDisk;
      }
    }
    if (trial % 2 == 0) policy.kv = {.gpu = 0, .host = 0.5, .disk = 0.5};
    PlaceAttention(model, gpu && trial % 4 == 0 ? 1 : 0, policy);
    const StagingNeeds needs = SmallestStaging(model, policy);
    policy.host_staging_bytes = needs.host_bytes + static_cast<int64_t>(random() % 100000);
    policy.gpu_staging_bytes = needs.gpu_bytes + static_cast<int64_t>(random() % 100000);
    const Schedule schedule = MakeSchedule(model, policy, 1 + trial % 4);
    CheckOrder(schedule);
    CheckRings(model, policy, schedule);
    if (HasFailure()) FAIL() << "trial " << trial;
  }
}

}  // namespace
}  // namespace strata
