// The same tokens whatever the placement: greedy ids and the bits of their logits over many homes
// of weights and KV, staging rings, micro-batches and shares of prefixes, against all in host
// memory.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "engine/session.h"
#include "offload/plan/kv_layers.h"
#include "offload/plan/memory_use.h"
#include "offload/plan/schedule.h"
#include "offload/plan/spread_tensors.h"
#include "tests/support/fake_gpu.h"
#include "tests/support/golden_case.h"

namespace strata {
namespace {

struct Placement {
  std::string name;
  std::function<void(const ModelShape&, Policy&)> apply;  // to a policy of all in host memory
  bool loaded = false;                                    // under a budget: into the arena
  bool gpu = false;
  int64_t batch_size = 4;
  int64_t pass_tokens = 64;
  int64_t micro_batch_tokens = 64;
  PrefixSharing prefix_sharing = PrefixSharing::kOn;
};

void AllOn(Tier home, Policy& policy) {
  for (StagePolicy& stage : policy.stages) {
    std::fill(stage.tensor_homes.begin(), stage.tensor_homes.end(), home);
  }
}

// A tied head and its table are one tensor: both on disk if either is.
void JoinShared(const ModelShape& model, Policy& policy) {
  for (size_t stage = 0; stage < model.stages.size(); ++stage) {
    for (size_t tensor = 0; tensor < model.stages[stage].tensor_bytes.size(); ++tensor) {
      const std::optional<TensorPlace> owner = OwnerOf(model, {stage, tensor});
      if (!owner.has_value()) continue;
      Tier& mine = policy.stages[stage].tensor_homes[tensor];
      Tier& its = policy.stages[owner->stage].tensor_homes[owner->tensor];
      mine = its = std::max(mine, its);
    }
  }
}

// The smallest ring that works, times `factor`.
void GiveStaging(const ModelShape& model, Policy& policy, int factor) {
  policy.host_staging_bytes = factor * SmallestStaging(model, policy).host_bytes;
}

void Share(const ModelShape& model, Policy& policy, int host_percent) {
  policy = *PolicyFromPercent(model, {.weights_host = host_percent}, /*has_gpu=*/false);
}

std::vector<Placement> Placements() {
  const auto keep = [](const ModelShape&, Policy&) {};
  const auto disk = [](int factor) {
    return [factor](const ModelShape& model, Policy& policy) {
      AllOn(Tier::kDisk, policy);
      GiveStaging(model, policy, factor);
    };
  };
  const auto share = [](int host_percent) {
    return [host_percent](const ModelShape& model, Policy& policy) {
      Share(model, policy, host_percent);
    };
  };
  const auto random = [](const ModelShape& model, Policy& policy) {
    std::mt19937 generator(11);
    for (StagePolicy& stage : policy.stages) {
      for (Tier& home : stage.tensor_homes) {
        home = generator() % 2 == 0 ? Tier::kDisk : Tier::kHost;
      }
    }
    JoinShared(model, policy);
    GiveStaging(model, policy, 2);
  };
  const auto kv_disk = [](double disk_share) {
    return [disk_share](const ModelShape&, Policy& policy) {
      policy.kv = {.gpu = 0, .host = 1 - disk_share, .disk = disk_share};
    };
  };
  const auto gpu_percent = [](int gpu, int host) {
    return [gpu, host](const ModelShape& model, Policy& policy) {
      policy = *PolicyFromPercent(model, {.weights_gpu = gpu, .weights_host = host}, true);
    };
  };
  const auto gpu_kv = [](int gpu, int host) {
    return [gpu, host](const ModelShape& model, Policy& policy) {
      policy = *PolicyFromPercent(
          model, {.weights_gpu = gpu, .weights_host = host, .kv_gpu = 100, .kv_host = 0}, true);
    };
  };
  // Weights streamed to the gpu, KV rows on the tiers by per cent; of the layers whose rows lie
  // outside the gpu, `travelling` are attended there all the same.
  const auto kv_percent = [](int gpu, int host, double travelling) {
    return [=](const ModelShape& model, Policy& policy) {
      policy = *PolicyFromPercent(
          model, {.weights_gpu = 20, .weights_host = 60, .kv_gpu = gpu, .kv_host = host}, true);
      PlaceAttention(model, travelling, policy);
    };
  };
  // Hidden rows of micro-batches that wait, on the tiers by per cent.
  const auto waiting = [](int gpu, int host, bool has_gpu) {
    return [=](const ModelShape& model, Policy& policy) {
      policy = *PolicyFromPercent(model,
                                  {.weights_host = 60,
                                   .kv_gpu = has_gpu ? 50 : 0,
                                   .kv_host = has_gpu ? 50 : 60,
                                   .activations_gpu = gpu,
                                   .activations_host = host},
                                  has_gpu);
      policy.num_micro_batches = 22;
    };
  };
  // The stages whose name ends in `kind` on the gpu, their weights in host memory.
  const auto gpu_stages = [](const char* kind) {
    return [kind](const ModelShape& model, Policy& policy) {
      for (size_t i = 0; i < model.stages.size(); ++i) {
        if (!absl::EndsWith(model.stages[i].name, kind)) continue;
        policy.stages[i].device = ComputeDevice::kGpu;
      }
      policy.gpu_staging_bytes = 2 * SmallestStaging(model, policy).gpu_bytes;
    };
  };
  const auto gpu_mlp = gpu_stages("mlp");
  const auto gpu_project = gpu_stages("project");
  const auto one_kind = [](StageWork work) {
    return [work](const ModelShape& model, Policy& policy) {
      for (size_t i = 0; i < model.stages.size(); ++i) {
        if (model.stages[i].work != work) continue;
        for (Tier& home : policy.stages[i].tensor_homes) home = Tier::kDisk;
      }
      JoinShared(model, policy);
      GiveStaging(model, policy, 1);
    };
  };
  return {
      {.name = "loaded", .apply = keep, .loaded = true},
      {.name = "alone", .apply = keep, .batch_size = 1},
      {.name = "micro-batches", .apply = keep, .micro_batch_tokens = 5},
      {.name = "chunks", .apply = keep, .pass_tokens = 9, .micro_batch_tokens = 4},
      {.name = "no sharing", .apply = keep, .prefix_sharing = PrefixSharing::kOff},
      {.name = "disk, one at a time", .apply = disk(1)},
      {.name = "disk, wide ring", .apply = disk(3), .loaded = true},
      {.name = "disk, micro-batches", .apply = disk(2), .micro_batch_tokens = 3},
      {.name = "disk, alone", .apply = disk(2), .batch_size = 1},
      {.name = "disk, no sharing",
       .apply = disk(2),
       .micro_batch_tokens = 7,
       .prefix_sharing = PrefixSharing::kOff},
      {.name = "25 per cent in memory", .apply = share(25), .loaded = true},
      {.name = "50 per cent in memory", .apply = share(50), .micro_batch_tokens = 16},
      {.name = "90 per cent in memory", .apply = share(90), .loaded = true, .batch_size = 2},
      {.name = "any", .apply = random, .loaded = true, .micro_batch_tokens = 6},
      {.name = "KV on disk", .apply = kv_disk(1.0), .loaded = true},
      {.name = "KV half on disk", .apply = kv_disk(0.5), .micro_batch_tokens = 11},
      {.name = "KV on disk, no sharing",
       .apply = kv_disk(1.0),
       .micro_batch_tokens = 5,
       .prefix_sharing = PrefixSharing::kOff},
      {.name = "KV on disk, chunks",
       .apply = kv_disk(0.75),
       .pass_tokens = 13,
       .micro_batch_tokens = 4},
      {.name = "all on disk",
       .apply =
           [disk, kv_disk](const ModelShape& model, Policy& policy) {
             disk(2)(model, policy);
             kv_disk(1.0)(model, policy);
           },
       .loaded = true,
       .micro_batch_tokens = 8},
      {.name = "gpu streams all", .apply = gpu_percent(0, 100), .gpu = true},
      {.name = "gpu holds all", .apply = gpu_percent(100, 0), .gpu = true, .micro_batch_tokens = 9},
      {.name = "three tiers",
       .apply = gpu_percent(30, 30),
       .loaded = true,
       .gpu = true,
       .micro_batch_tokens = 11},
      {.name = "gpu, all on disk",
       .apply = gpu_percent(0, 0),
       .gpu = true,
       .micro_batch_tokens = 7},
      {.name = "gpu has all and KV", .apply = gpu_kv(100, 0), .gpu = true},
      {.name = "gpu has KV, streams weights",
       .apply = gpu_kv(10, 50),
       .gpu = true,
       .micro_batch_tokens = 12},
      {.name = "gpu and cpu in turn", .apply = gpu_mlp, .gpu = true, .micro_batch_tokens = 10},
      {.name = "gpu projects, cpu the rest", .apply = gpu_project, .gpu = true},
      {.name = "gpu, KV on disk",
       .apply =
           [gpu_percent](const ModelShape& model, Policy& policy) {
             gpu_percent(20, 40)(model, policy);
             policy.kv = {.gpu = 0, .host = 0.5, .disk = 0.5};
           },
       .gpu = true,
       .micro_batch_tokens = 6},
      {.name = "KV of half the layers on the gpu", .apply = kv_percent(50, 50, 0), .gpu = true},
      {.name = "KV on three tiers",
       .apply = kv_percent(34, 33, 0),
       .gpu = true,
       .micro_batch_tokens = 9},
      {.name = "KV on the gpu and on disk",
       .apply = kv_percent(50, 0, 0),
       .gpu = true,
       .pass_tokens = 13,
       .micro_batch_tokens = 5},
      {.name = "KV travels", .apply = kv_percent(0, 100, 1), .gpu = true},
      {.name = "KV travels, micro-batches",
       .apply = kv_percent(0, 100, 1),
       .loaded = true,
       .gpu = true,
       .micro_batch_tokens = 6},
      {.name = "KV travels, chunks, no sharing",
       .apply = kv_percent(0, 100, 1),
       .gpu = true,
       .pass_tokens = 9,
       .micro_batch_tokens = 4,
       .prefix_sharing = PrefixSharing::kOff},
      {.name = "KV travels, alone", .apply = kv_percent(0, 100, 1), .gpu = true, .batch_size = 1},
      {.name = "KV travels from disk",
       .apply = kv_percent(0, 0, 1),
       .gpu = true,
       .micro_batch_tokens = 7},
      {.name = "KV travels from disk, alone",
       .apply = kv_percent(0, 0, 1),
       .gpu = true,
       .batch_size = 1,
       .micro_batch_tokens = 16},
      {.name = "half of the layers' KV travels",
       .apply = kv_percent(0, 60, 0.5),
       .gpu = true,
       .micro_batch_tokens = 11},
      {.name = "KV on all tiers, at home, travelling and in place",
       .apply = kv_percent(34, 33, 0.5),
       .loaded = true,
       .gpu = true,
       .micro_batch_tokens = 8},
      {.name = "KV travels from a computing cpu",
       .apply =
           [](const ModelShape& model, Policy& policy) {
             policy.kv = {.gpu = 0, .host = 0.5, .disk = 0.5};
             PlaceAttention(model, 1, policy);
           },
       .gpu = true,
       .micro_batch_tokens = 10},
      {.name = "rows wait on disk", .apply = waiting(0, 0, false), .micro_batch_tokens = 3},
      {.name = "half of the rows wait on disk",
       .apply = waiting(0, 50, false),
       .loaded = true,
       .micro_batch_tokens = 5},
      {.name = "rows wait on disk, no sharing",
       .apply = waiting(0, 0, false),
       .pass_tokens = 29,
       .micro_batch_tokens = 4,
       .prefix_sharing = PrefixSharing::kOff},
      {.name = "rows wait on disk, few micro-batches",
       .apply = waiting(0, 0, false),
       .micro_batch_tokens = 16},
      {.name = "gpu, rows wait in host memory",
       .apply = waiting(0, 100, true),
       .gpu = true,
       .micro_batch_tokens = 5},
      {.name = "gpu, rows wait on the gpu",
       .apply = waiting(100, 0, true),
       .gpu = true,
       .micro_batch_tokens = 7},
      {.name = "gpu, rows wait on disk",
       .apply = waiting(0, 0, true),
       .gpu = true,
       .micro_batch_tokens = 3},
      {.name = "gpu, rows wait on all tiers",
       .apply = waiting(30, 30, true),
       .loaded = true,
       .gpu = true,
       .micro_batch_tokens = 4},
      {.name = "gpu and cpu in turn, rows wait on all tiers",
       .apply =
           [gpu_mlp](const ModelShape& model, Policy& policy) {
             gpu_mlp(model, policy);
             policy.activations = {.gpu = 0.2, .host = 0.2, .disk = 0.6};
             policy.num_micro_batches = 22;
           },
       .gpu = true,
       .micro_batch_tokens = 3},
      {.name = "gpu projects, rows wait on disk",
       .apply =
           [gpu_project](const ModelShape& model, Policy& policy) {
             gpu_project(model, policy);
             policy.activations = {.gpu = 0, .host = 0, .disk = 1};
             policy.num_micro_batches = 22;
           },
       .gpu = true,
       .pass_tokens = 31,
       .micro_batch_tokens = 3},
      {.name = "tables on disk", .apply = one_kind(StageWork::kGather), .loaded = true},
      {.name = "head on disk", .apply = one_kind(StageWork::kHead), .loaded = true},
  };
}

class PlacementTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    spill_ = absl::StrCat(::testing::TempDir(), "placement_",
                          absl::StrReplaceAll(GetParam(), {{"/", "_"}, {".", "_"}}));
    std::filesystem::create_directories(spill_);
  }
  void TearDown() override {
    EXPECT_TRUE(std::filesystem::is_empty(spill_)) << "spill files were left behind";
    std::filesystem::remove_all(spill_);
  }

  static std::string Model() {
    if (GetParam() == "stories260K") return STRATA_SOURCE_DIR "/../shared/models/stories260K";
    return testing::LoadGoldenCase(GetParam())->directory;
  }

  // Two prompts alike, one that begins like them, one of its own.
  static std::vector<Request> Requests(int64_t vocab_size) {
    std::vector<Request> requests;
    for (const int salt : {0, 0, 1, 2}) {
      Request request = {.max_new_tokens = 6, .keep_logits = true};
      for (int32_t i = 0; i < 40 + salt; ++i) {
        const int32_t own = salt == 2 || i > 35 ? 31 * salt : 0;
        request.prompt_ids.push_back((7 * i + own + 3) % static_cast<int32_t>(vocab_size));
      }
      requests.push_back(std::move(request));
    }
    return requests;
  }

  // Requests that keep no logits and are sampled in several ways, beside one that keeps them: of
  // most, a gpu gives candidates alone, and not all of these decide.
  static std::vector<Request> SampledRequests(int64_t vocab_size) {
    std::vector<Request> requests = Requests(vocab_size);
    const SamplingParams sampling[] = {
        {},
        {.temperature = 0.8, .top_k = 20, .frequency_penalty = 0.3, .seed = 5},
        {.temperature = 1.5, .seed = 6},
        {.temperature = 1.0, .top_p = 0.9, .seed = 7}};
    for (size_t i = 0; i < requests.size(); ++i) {
      requests[i].sampling = sampling[i];
      requests[i].keep_logits = i == 3;
      requests[i].max_new_tokens = 12;
    }
    return requests;
  }

  std::vector<Completion> Run(
      const std::string& model, const Placement& placement,
      std::vector<Request> (*requests_of)(int64_t vocab_size) = &Requests) const {
    EngineOptions options = {.model = model,
                             .kv_dtype = DType::kF32,
                             .placement = {.disk_directory = spill_},
                             .num_threads = 2};
    absl::StatusOr<std::unique_ptr<Engine>> engine = Engine::Create(options);
    EXPECT_TRUE(engine.ok()) << engine.status();
    if (!engine.ok()) return {};
    Policy policy = (*engine)->policy();
    placement.apply((*engine)->model_shape(), policy);
    options.placement.policy = policy;
    if (placement.loaded) options.placement.host_memory = int64_t{512} << 20;
    if (placement.gpu) {
      options.make_gpu = &testing::MakeFakeGpu;
      options.placement.gpu_memory = int64_t{256} << 20;
    }
    engine = Engine::Create(options);
    EXPECT_TRUE(engine.ok()) << engine.status();
    if (!engine.ok()) return {};

    const std::vector<Request> requests = requests_of((*engine)->decoder().config().vocab_size);
    std::vector<Completion> completions(requests.size());
    absl::StatusOr<std::unique_ptr<Session>> session =
        Session::Create(**engine,
                        {.max_batch_size = placement.batch_size,
                         .max_pass_tokens = placement.pass_tokens,
                         .micro_batch_tokens = placement.micro_batch_tokens,
                         .prefix_sharing = placement.prefix_sharing},
                        {.on_finished = [&](Completion completion) {
                          const size_t index = static_cast<size_t>(completion.request);
                          completions[index] = std::move(completion);
                        }});
    EXPECT_TRUE(session.ok()) << session.status();
    if (!session.ok()) return {};
    for (const Request& request : requests) EXPECT_TRUE((*session)->Submit(request).ok());
    const absl::Status status = (*session)->RunUntilIdle();
    EXPECT_TRUE(status.ok()) << status;
    return completions;
  }

  std::string spill_;
};

TEST_P(PlacementTest, TheSameTokens) {
  const std::string model = Model();
  if (!std::filesystem::exists(model)) GTEST_SKIP() << model << " is not here";
  const std::vector<Completion> expected = Run(model, {.apply = [](const ModelShape&, Policy&) {}});
  ASSERT_EQ(expected.size(), 4u);
  for (const Placement& placement : Placements()) {
    const std::vector<Completion> actual = Run(model, placement);
    ASSERT_EQ(actual.size(), expected.size()) << placement.name;
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(actual[i].output_ids, expected[i].output_ids) << placement.name << ", " << i;
      EXPECT_TRUE(actual[i].logits == expected[i].logits) << placement.name << ", " << i;
    }
  }
}

TEST_P(PlacementTest, TheSameSampledTokens) {
  const std::string model = Model();
  if (!std::filesystem::exists(model)) GTEST_SKIP() << model << " is not here";
  const std::vector<Completion> expected =
      Run(model, {.apply = [](const ModelShape&, Policy&) {}}, &SampledRequests);
  ASSERT_EQ(expected.size(), 4u);
  for (const Placement& placement : Placements()) {
    if (!placement.gpu) continue;
    const std::vector<Completion> actual = Run(model, placement, &SampledRequests);
    ASSERT_EQ(actual.size(), expected.size()) << placement.name;
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(actual[i].output_ids, expected[i].output_ids) << placement.name << ", " << i;
      EXPECT_TRUE(actual[i].logits == expected[i].logits) << placement.name << ", " << i;
    }
  }
}

// Where all is on the gpu, decode passes are given to it as a whole, and done again one by one when
// it cannot start them so.
TEST(GpuPassTest, DecodePassesStartAtOnce) {
  const std::string model = testing::LoadGoldenCase("llama-mha")->directory;
  for (const bool has_kv : {true, false}) {
    EngineOptions options = {.model = model, .kv_dtype = DType::kF32, .num_threads = 1};
    absl::StatusOr<std::unique_ptr<Engine>> engine = Engine::Create(options);
    ASSERT_TRUE(engine.ok()) << engine.status();
    const int kv_gpu = has_kv ? 100 : 0;
    options.placement.policy = *PolicyFromPercent(
        (*engine)->model_shape(),
        {.weights_gpu = 100, .weights_host = 0, .kv_gpu = kv_gpu, .kv_host = 100 - kv_gpu}, true);
    options.make_gpu = &testing::MakeFakeGpu;
    options.placement.gpu_memory = int64_t{256} << 20;
    engine = Engine::Create(options);
    ASSERT_TRUE(engine.ok()) << engine.status();
    absl::StatusOr<std::unique_ptr<Session>> session = Session::Create(**engine, {}, {});
    ASSERT_TRUE(session.ok()) << session.status();
    ASSERT_TRUE((*session)->Submit({.prompt_ids = {5, 6, 7}, .max_new_tokens = 13}).ok());
    ASSERT_TRUE((*session)->RunUntilIdle().ok());
    const auto& gpu = dynamic_cast<testing::DeferredBackend&>(*(*engine)->gpu_backend());
    EXPECT_EQ(gpu.num_passes(), has_kv ? 12 : 0);
    EXPECT_EQ(gpu.num_passes_started(), has_kv ? 8 : 0);  // a third could not be
    EXPECT_EQ((*session)->executor().totals().num_passes, 13);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, PlacementTest,
                         ::testing::Values("stories260K", "llama-mha", "llama-tied-sharded",
                                           "mistral-sliding", "qwen2", "qwen3", "opt-pre-norm",
                                           "opt-350m-style", "gpt2"),
                         [](const ::testing::TestParamInfo<std::string>& param) {
                           return absl::StrReplaceAll(param.param, {{"-", "_"}});
                         });

}  // namespace
}  // namespace strata
