#include "offload/plan/memory_use.h"

#include <gtest/gtest.h>

#include "tests/offload/plan/example_plans.h"

namespace strata {
namespace {

TEST(MemoryUse, CountsEachTensorOnce) {
  ModelShape model = DenseModel({.tied_head = true});
  const Policy policy = UniformPolicy(model, Tier::kHost, ComputeDevice::kCpu);
  int64_t bytes = 0;
  for (const StageShape& stage : model.stages) bytes += stage.weight_bytes();
  EXPECT_EQ(BytesByTier(model, policy, {}).weights.host, bytes - 2000 * 256 * 2);
  EXPECT_EQ(OwnerOf(model, {model.stages.size() - 1, 1}), (TensorPlace{0, 0}));
  EXPECT_EQ(OwnerOf(model, {1, 0}), std::nullopt);
}

TEST(MemoryUse, KvRowsAreWholePagesAndAPrefixIsKeptOnce) {
  const ModelShape model = DenseModel({});
  const int64_t row = model.kv_bytes_per_token_layer * 4;  // of all layers
  EXPECT_EQ(KvBytes(model, {.num_sequences = 3, .prompt_tokens = 10, .output_tokens = 7}),
            3 * 32 * row);
  EXPECT_EQ(KvBytes(model, {.num_sequences = 3,
                            .prompt_tokens = 100,
                            .output_tokens = 12,
                            .shared_prefix_tokens = 96}),
            (96 + 3 * 16) * row);
}

TEST(MemoryUse, WaitingRowsAndTheComputedOnes) {
  const ModelShape model = DenseModel({});
  Policy policy = UniformPolicy(model, Tier::kHost, ComputeDevice::kCpu);
  policy.micro_batch_rows = 100;
  policy.num_micro_batches = 10;
  policy.activations = {.gpu = 0, .host = 0.5, .disk = 0.5};
  const Workload workload = {.num_sequences = 5, .prompt_tokens = 200, .output_tokens = 2};
  const TierBytes bytes = ActivationBytes(model, policy, workload);
  const int64_t logits = 5 * model.vocab_size * 4;
  // Five at home in host memory and three visitors, of which one is computed.
  EXPECT_EQ(bytes.host, 100 * model.activation_bytes_per_token + logits +
                            7 * 100 * model.hidden_bytes_per_token);
  EXPECT_EQ(bytes.disk, 5 * 100 * model.hidden_bytes_per_token);
  EXPECT_EQ(bytes.gpu, 0);
}

TEST(MemoryUse, WeightsOnDiskNeedNoBudget) {
  const ModelShape model = DenseModel({});
  Policy policy = UniformPolicy(model, Tier::kDisk, ComputeDevice::kCpu);
  policy.host_staging_bytes = 1000;
  const MemoryUse use = BytesByTier(model, policy, {});
  EXPECT_EQ(use.staging.host, 1000);
  EXPECT_EQ(MissingBytes(use, {0, use.Total().host, 0}), TierBytes{});
  EXPECT_EQ(MissingBytes(use, {0, use.Total().host - 5, 0}), (TierBytes{0, 5, 0}));
  policy.kv = {0, 0, 1};
  const MemoryUse spilled = BytesByTier(model, policy, {});
  EXPECT_EQ(MissingBytes(spilled, {0, spilled.Total().host, 7}).disk, spilled.kv.disk - 7);
}

}  // namespace
}  // namespace strata
