#include "offload/plan/kv_layers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/offload/plan/example_plans.h"

namespace strata {
namespace {

std::string LayersOnGpu(double share, int64_t num_layers) {
  std::string text;
  for (int64_t layer = 0; layer < num_layers; ++layer) {
    text += KvLiesOnGpu({.gpu = share, .host = 1 - share, .disk = 0}, layer) ? 'g' : '-';
  }
  return text;
}

TEST(KvLayers, AShareIsSpreadEvenlyAndRoundedToTheNearestLayer) {
  EXPECT_EQ(LayersOnGpu(0, 6), "------");
  EXPECT_EQ(LayersOnGpu(1, 6), "gggggg");
  EXPECT_EQ(LayersOnGpu(0.5, 6), "g-g-g-");
  EXPECT_EQ(LayersOnGpu(0.25, 8), "-g---g--");
  EXPECT_EQ(LayersOnGpu(0.1, 3), "---");
  for (int64_t num_layers = 1; num_layers < 100; ++num_layers) {
    for (int64_t count = 0; count <= num_layers; ++count) {
      const std::string layers =
          LayersOnGpu(static_cast<double>(count) / static_cast<double>(num_layers), num_layers);
      ASSERT_EQ(std::count(layers.begin(), layers.end(), 'g'), count) << num_layers;
    }
  }
}

TEST(KvLayers, AttentionIsPlacedByLayer) {
  const ModelShape model = DenseModel({.num_layers = 8});
  Policy policy = UniformPolicy(model, Tier::kHost, ComputeDevice::kCpu);
  policy.kv = {.gpu = 0.25, .host = 0.25, .disk = 0.5};
  EXPECT_DOUBLE_EQ(KvDiskShare(policy.kv), 2.0 / 3);
  EXPECT_EQ(NumAttends(model), 8);
  EXPECT_EQ(NumAttendsAtHomeOnGpu(model, policy.kv), 2);
  for (const auto& [travelling, count] : {std::pair(0.0, 0), {0.5, 3}, {1.0, 6}}) {
    PlaceAttention(model, travelling, policy);
    int num_travelling = 0;
    for (size_t i = 0; i < model.stages.size(); ++i) {
      num_travelling += KvTravels(model, policy, i);
      const bool attends = model.stages[i].work == StageWork::kAttend;
      if (attends && KvLiesOnGpu(policy.kv, model.stages[i].layer_index)) {
        EXPECT_EQ(policy.stages[i].device, ComputeDevice::kGpu);
      }
      if (!attends) {
        EXPECT_EQ(policy.stages[i].device, ComputeDevice::kCpu);
      }
    }
    EXPECT_EQ(num_travelling, count);
    EXPECT_EQ(AnyKvTravels(model, policy), count > 0);
  }
  // Passes that read prompts may have it otherwise.
  EXPECT_EQ(PrefillPolicy(model, policy), policy);
  policy.prefill_attend_device = ComputeDevice::kCpu;
  EXPECT_FALSE(AnyKvTravels(model, PrefillPolicy(model, policy)));
}

}  // namespace
}  // namespace strata
