// Pages with a part on the gpu: what each tier is charged, what travels and in which pieces.
#include <gtest/gtest.h>

#include "offload/kv/kv_cache.h"
#include "tests/support/fake_device.h"

namespace strata {
namespace {

constexpr int64_t kPageBytes = 4 * 2 * 16 * 2;

class KvGpuLayersTest : public ::testing::Test {
 protected:
  KvCacheOptions Options(std::vector<bool> layer_is_on_gpu) {
    return {.layout = {.dtype = DType::kBF16,
                       .page_size = 4,
                       .num_kv_heads = 2,
                       .head_dim = 8,
                       .v_head_dim = 8},
            .num_layers = 4,
            .max_host_pages = 8,
            .max_disk_pages = 8,
            .max_gpu_pages = 6,
            .layer_is_on_gpu = std::move(layer_is_on_gpu),
            .gpu = &gpu_,
            .prefix_sharing = PrefixSharing::kOff};
  }

  testing::FakeDevice gpu_;
};

TEST_F(KvGpuLayersTest, EveryTierIsChargedForItsLayers) {
  const KvCacheOptions options = Options({true, false, false, true});
  EXPECT_EQ(options.layout.PageBytes(), kPageBytes);
  EXPECT_EQ(KvGpuPageBytes(options), 2 * kPageBytes);
  EXPECT_EQ(KvHostPageBytes(options), 2 * kPageBytes);
  EXPECT_EQ(KvSpillBytes(options), 2 * 8 * kDiskAlignment);
  std::unique_ptr<KvCache> cache = *KvCache::Create(options);
  const SequenceId sequence = cache->AddSequence();
  ASSERT_TRUE(cache->Reserve(sequence, 5 * 4).ok());
  EXPECT_EQ(cache->peak_bytes(),
            (TierBytes{.gpu = 5 * 2 * kPageBytes, .host = 5 * 2 * kPageBytes}));
  // The gpu has six pages, whatever the others have.
  EXPECT_EQ(cache->num_free_pages(), 1);
  EXPECT_EQ(cache->Reserve(sequence, 7 * 4).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(cache->Reserve(sequence, 6 * 4).ok());
  cache->Remove(sequence);
  EXPECT_EQ(cache->num_free_pages(), 6);
}

TEST_F(KvGpuLayersTest, RefusesAGpuThatIsNotThere) {
  KvCacheOptions options = Options({true, false, false, true});
  options.gpu = nullptr;
  EXPECT_EQ(KvCache::Create(options).status().code(), absl::StatusCode::kInvalidArgument);
  options = Options({true, false});
  EXPECT_EQ(KvCache::Create(options).status().code(), absl::StatusCode::kInvalidArgument);
  options = Options({true, false, false, true});
  options.max_gpu_pages = 0;
  EXPECT_EQ(KvCache::Create(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(KvGpuLayersTest, NeighbouringPagesTravelInOnePiece) {
  std::unique_ptr<KvCache> cache = *KvCache::Create(Options({true, false, false, true}));
  const SequenceId sequence = cache->AddSequence();
  ASSERT_TRUE(cache->Reserve(sequence, 24).ok());
  // Of six pages the first five have rows, and the last two get some.
  const KvAppend append = {.sequence = sequence, .num_queries = 5, .first_position = 18};
  const KvPagePlan plan = cache->PlanPages({append});
  EXPECT_EQ(plan.staging_bytes, 0);
  ASSERT_EQ(plan.gpu_staging_bytes, 6 * kPageBytes);
  std::vector<std::byte> staging(static_cast<size_t>(plan.gpu_staging_bytes));
  const KvStaging places = {.gpu = staging.data()};
  const std::vector<KvCopy> in = cache->CopiesIn(plan, 2, places);
  ASSERT_EQ(in.size(), 1u);
  EXPECT_EQ(in[0].bytes, 5 * kPageBytes);
  EXPECT_EQ(in[0].gpu, staging.data());
  const std::vector<KvCopy> out = cache->CopiesOut(plan, 2, places);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].bytes, 2 * kPageBytes);
  EXPECT_EQ(out[0].gpu, staging.data() + 4 * kPageBytes);
  EXPECT_EQ(out[0].host, in[0].host + 4 * kPageBytes);
  // The views are where the copies go; a layer of the gpu has pages of its own.
  EXPECT_EQ(cache->Acquire(plan, 2, places).view().sequences[0].pages[4], out[0].gpu);
  EXPECT_EQ(cache->Acquire(plan, 2, {}).view().sequences[0].pages[4], out[0].host);
  EXPECT_NE(cache->Acquire(plan, 3, {}).view().sequences[0].pages[0],
            cache->Acquire(plan, 0, {}).view().sequences[0].pages[0]);
  EXPECT_TRUE(cache->IsOnGpu(3));
  EXPECT_FALSE(cache->IsOnGpu(2));
}

}  // namespace
}  // namespace strata
