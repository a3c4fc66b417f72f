// What a placement takes of each tier stays within what the plan says it needs: engines are given
// exactly that, and a gpu that counts.
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "engine/session.h"
#include "offload/plan/kv_layers.h"
#include "offload/plan/memory_use.h"
#include "offload/plan/spread_tensors.h"
#include "tests/support/fake_gpu.h"
#include "tests/support/golden_case.h"

namespace strata {
namespace {

constexpr Workload kWorkload = {.num_sequences = 6, .prompt_tokens = 45, .output_tokens = 8};

struct Shares {
  std::string name;
  Percentages percent;
  double travelling = 0;
  bool gpu = true;
};

class PlacementBudgetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    spill_ = absl::StrCat(::testing::TempDir(), "placement_budget");
    std::filesystem::create_directories(spill_);
  }
  void TearDown() override { std::filesystem::remove_all(spill_); }

  EngineOptions Options(const Shares& shares) const {
    EngineOptions options = {.model = testing::LoadGoldenCase("llama-mha")->directory,
                             .kv_dtype = DType::kF32,
                             .placement = {.disk_directory = spill_, .workload = kWorkload},
                             .num_threads = 1};
    if (shares.gpu) {
      options.make_gpu = &testing::MakeFakeGpu;
      options.placement.gpu_memory = int64_t{256} << 20;
    }
    return options;
  }

  std::string spill_;
};

TEST_F(PlacementBudgetTest, PeaksStayWithinWhatWasPlanned) {
  const std::vector<Shares> all = {
      {"all on the gpu",
       {.weights_gpu = 100,
        .weights_host = 0,
        .kv_gpu = 100,
        .kv_host = 0,
        .activations_gpu = 100,
        .activations_host = 0}},
      {"half of the KV", {.kv_gpu = 50, .kv_host = 50, .activations_host = 100}},
      {"KV travels", {.kv_host = 100, .activations_host = 100}, 1},
      {"KV travels from disk", {.kv_host = 0, .activations_host = 0}, 1},
      {"rows on all tiers", {.kv_host = 100, .activations_gpu = 30, .activations_host = 30}},
      {"rows wait on disk", {.kv_host = 100, .activations_host = 0}, 0, false},
      {"KV and rows on disk", {.kv_host = 50, .activations_host = 40}, 0, false},
  };
  for (const Shares& shares : all) {
    SCOPED_TRACE(shares.name);
    EngineOptions options = Options(shares);
    absl::StatusOr<std::unique_ptr<Engine>> engine = Engine::Create(options);
    ASSERT_TRUE(engine.ok()) << engine.status();
    const ModelShape shape = (*engine)->model_shape();
    Policy policy = *PolicyFromPercent(shape, shares.percent, shares.gpu);
    policy.kv_dtype = DType::kF32;
    policy.micro_batch_rows = 16;
    policy.num_micro_batches = 12;
    policy.micro_batch_sequences = 2;
    PlaceAttention(shape, shares.travelling, policy);
    const TierBytes planned = BytesByTier(shape, policy, kWorkload).Total();
    options.placement.policy = policy;
    // Allocations are rounded to cache lines and blocks.
    constexpr int64_t kRounding = 64 << 10;
    if (shares.gpu) options.placement.gpu_memory = planned.gpu + kRounding;
    engine = Engine::Create(options);
    ASSERT_TRUE(engine.ok()) << engine.status();

    absl::StatusOr<std::unique_ptr<Session>> session =
        Session::Create(**engine,
                        {.max_batch_size = kWorkload.num_sequences,
                         .max_sequence_tokens = kWorkload.total_tokens(),
                         .prefix_sharing = PrefixSharing::kOff},
                        {});
    ASSERT_TRUE(session.ok()) << session.status();
    for (int salt = 0; salt < kWorkload.num_sequences; ++salt) {
      Request request = {.max_new_tokens = kWorkload.output_tokens};
      for (int32_t i = 0; i < kWorkload.prompt_tokens; ++i) {
        request.prompt_ids.push_back((5 * i + salt) % 60);
      }
      ASSERT_TRUE((*session)->Submit(request).ok());
    }
    const absl::Status status = (*session)->RunUntilIdle();
    ASSERT_TRUE(status.ok()) << status;

    const TierBytes kv = (*session)->peak_kv();
    const TierBytes charged = (*engine)->budget().peak();
    EXPECT_LE(kv.gpu, BytesByTier(shape, policy, kWorkload).kv.gpu);
    EXPECT_LE(kv.host, BytesByTier(shape, policy, kWorkload).kv.host +
                           shape.kv_bytes_per_token_layer * shape.kv_page_size * shape.num_layers *
                               kWorkload.num_sequences);
    if (!shares.gpu) continue;
    EXPECT_LE(charged.gpu + kv.gpu, *options.placement.gpu_memory);
    EXPECT_LE(static_cast<testing::FakeDevice*>((*engine)->gpu())->peak_bytes(),
              *options.placement.gpu_memory);
  }
}

}  // namespace
}  // namespace strata
