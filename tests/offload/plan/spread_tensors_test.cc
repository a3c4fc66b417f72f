#include "offload/plan/spread_tensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "offload/plan/check_policy.h"
#include "offload/plan/memory_use.h"
#include "tests/offload/plan/example_plans.h"

namespace strata {
namespace {

TEST(TensorSpreader, EqualTensorsAlternate) {
  TensorSpreader spreader({.gpu = 0, .host = 0.5, .disk = 0.5});
  const Tier first = spreader.Next(10);
  for (int i = 1; i < 20; ++i) EXPECT_EQ(spreader.Next(10) == first, i % 2 == 0);
}

TEST(TensorSpreader, APartThatIsZeroGetsNothing) {
  TensorSpreader host({.gpu = 0, .host = 1, .disk = 0});
  TensorSpreader disk({.gpu = 0, .host = 0, .disk = 1});
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(host.Next(i % 7), Tier::kHost);
    EXPECT_EQ(disk.Next(i % 7), Tier::kDisk);
  }
}

TEST(PolicyFromPercent, NoTierIsOffItsShareByMoreThanATensor) {
  const ModelShape model = DenseModel({.num_layers = 12});
  const double largest = 2.0 * 2000 * 256;
  for (int gpu = 0; gpu <= 100; gpu += 7) {
    for (int host = 0; gpu + host <= 100; host += 9) {
      const absl::StatusOr<Policy> policy =
          PolicyFromPercent(model, {.weights_gpu = gpu, .weights_host = host}, true);
      ASSERT_TRUE(policy.ok()) << policy.status();
      const absl::Status check = CheckPolicy(*policy, {.model = model, .has_gpu = true});
      EXPECT_TRUE(check.ok()) << check;
      const TierBytes bytes = BytesByTier(model, *policy, {}).weights;
      const double all = static_cast<double>(bytes.gpu + bytes.host + bytes.disk);
      EXPECT_NEAR(static_cast<double>(bytes.disk), all * (100 - gpu - host) / 100, largest);
      // The embedding's table is not the gpu's to gather unless it lies there as a whole.
      EXPECT_NEAR(static_cast<double>(bytes.gpu), all * gpu / 100, largest);
    }
  }
}

TEST(PolicyFromPercent, TheStreamIsAsDenseEverywhere) {
  const ModelShape model = DenseModel({.num_layers = 32});
  const absl::StatusOr<Policy> policy = PolicyFromPercent(model, {.weights_host = 70}, false);
  ASSERT_TRUE(policy.ok());
  double before = 0;
  double all = 0;
  double streamed = 0;
  for (size_t i = 1; i + 1 < model.stages.size(); ++i) {
    for (size_t j = 0; j < model.stages[i].tensor_bytes.size(); ++j) {
      const double bytes = static_cast<double>(model.stages[i].tensor_bytes[j]);
      all += bytes;
      if (policy->stages[i].tensor_homes[j] == Tier::kDisk) streamed += bytes;
    }
    EXPECT_NEAR(streamed, 0.3 * all, 2.0 * 2000 * 256) << "after stage " << i;
    before = streamed;
  }
  EXPECT_GT(before, 0);
}

TEST(PolicyFromPercent, ATiedHeadLiesWhereTheTableDoes) {
  const ModelShape model = DenseModel({.tied_head = true});
  for (int host = 0; host <= 100; host += 10) {
    const absl::StatusOr<Policy> policy = PolicyFromPercent(model, {.weights_host = host}, false);
    ASSERT_TRUE(policy.ok());
    EXPECT_EQ(policy->stages.front().tensor_homes[0], policy->stages.back().tensor_homes[1]);
  }
}

TEST(PolicyFromPercent, FlexGensHeadlinePolicyIsWhatItSays) {
  const ModelShape model = DenseModel({.num_layers = 48});
  const absl::StatusOr<Policy> policy = PolicyFromPercent(model,
                                                          {.weights_gpu = 20,
                                                           .weights_host = 80,
                                                           .kv_gpu = 0,
                                                           .kv_host = 100,
                                                           .activations_gpu = 0,
                                                           .activations_host = 100},
                                                          true);
  ASSERT_TRUE(policy.ok());
  for (size_t i = 0; i < model.stages.size(); ++i) {
    if (model.stages[i].work != StageWork::kAttend) continue;
    EXPECT_EQ(policy->stages[i].device, ComputeDevice::kCpu);
  }
  EXPECT_EQ(policy->kv, (TierShares{0, 1, 0}));
  const TierBytes bytes = BytesByTier(model, *policy, {}).weights;
  // FlexGen's own rounding keeps 8.3 per cent.
  EXPECT_NEAR(static_cast<double>(bytes.gpu) / static_cast<double>(bytes.gpu + bytes.host), 0.2,
              0.01);
}

TEST(PolicyFromPercent, ImpossibleNumbersAreErrors) {
  const ModelShape model = DenseModel({});
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  const auto code = [&](const Percentages& percentages, bool has_gpu) {
    return PolicyFromPercent(model, percentages, has_gpu).status().code();
  };
  EXPECT_EQ(code({.weights_gpu = 60, .weights_host = 50}, true), kInvalid);
  EXPECT_EQ(code({.weights_host = -1}, true), kInvalid);
  EXPECT_EQ(code({.kv_gpu = 10, .kv_host = 90}, false), kInvalid);
  EXPECT_EQ(code({.activations_gpu = 101, .activations_host = 0}, true), kInvalid);
}

}  // namespace
}  // namespace strata
