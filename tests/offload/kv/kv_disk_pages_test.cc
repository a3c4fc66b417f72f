// Pages on disk: where they go, what is read and written for a micro-batch, and in which pieces.
#include <gtest/gtest.h>

#include "offload/kv/kv_cache.h"

namespace strata {
namespace {

KvCacheOptions Options() {
  return {.layout = {.dtype = DType::kBF16,
                     .page_size = 4,
                     .num_kv_heads = 2,
                     .head_dim = 8,
                     .v_head_dim = 8},
          .num_layers = 3,
          .max_host_pages = 8,
          .max_disk_pages = 8,
          .prefix_sharing = PrefixSharing::kOff};
}

// For each of the first pages of a sequence, whether its view points into staging memory.
std::string Tiers(KvCache& cache, SequenceId sequence, int64_t num_positions) {
  const KvAppend append = {.sequence = sequence, .num_queries = num_positions};
  const KvPagePlan plan = cache.PlanPages({append});
  std::vector<std::byte> staging(static_cast<size_t>(plan.staging_bytes + 1));
  const KvLease lease = cache.Acquire(plan, 0, {.host = staging.data()});
  std::string tiers;
  for (void* page : lease.view().sequences[0].pages) {
    const bool is_staged = page >= staging.data() && page < staging.data() + staging.size();
    tiers += is_staged ? 'd' : 'h';
  }
  return tiers;
}

TEST(KvDiskPagesTest, ASlotIsAlignedForDirectTransfers) {
  EXPECT_EQ(Options().layout.PageBytes(), 4 * 2 * 16 * 2);
  EXPECT_EQ(KvSpillBytes(Options()), 3 * 8 * kDiskAlignment);
}

TEST(KvDiskPagesTest, RefusesBadOptions) {
  KvCacheOptions options = Options();
  options.disk_share = 1.5;
  EXPECT_EQ(KvCache::Create(options).status().code(), absl::StatusCode::kInvalidArgument);
  options = Options();
  options.max_host_pages = options.max_disk_pages = 0;
  EXPECT_EQ(KvCache::Create(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(KvDiskPagesTest, WhatHostMemoryCannotHoldGoesToDisk) {
  std::unique_ptr<KvCache> cache = *KvCache::Create(Options());
  const SequenceId sequence = cache->AddSequence();
  ASSERT_TRUE(cache->Reserve(sequence, 44).ok());
  EXPECT_EQ(Tiers(*cache, sequence, 44), "hhhhhhhhddd");
  EXPECT_EQ(cache->Reserve(sequence, 68).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(cache->peak_bytes(), (TierBytes{.host = 8 * 3 * 256, .disk = 3 * 3 * kDiskAlignment}));
}

TEST(KvDiskPagesTest, AShareOfEverySequenceLiesOnDisk) {
  for (const auto& [share, tiers] : {std::pair(0.25, "hhhdhhhd"), std::pair(0.5, "hdhdhdhd"),
                                     std::pair(1.0, "dddddddd"), std::pair(0.0, "hhhhhhhh")}) {
    KvCacheOptions options = Options();
    options.disk_share = share;
    std::unique_ptr<KvCache> cache = *KvCache::Create(options);
    const SequenceId sequence = cache->AddSequence();
    for (int64_t length = 3; length <= 32; length += 3) {
      ASSERT_TRUE(cache->Reserve(sequence, length).ok());
    }
    ASSERT_TRUE(cache->Reserve(sequence, 32).ok());
    EXPECT_EQ(Tiers(*cache, sequence, 32), tiers);
  }
}

TEST(KvDiskPagesTest, NeighbouringPagesMoveTogetherAndOnlyThoseThatMust) {
  KvCacheOptions options = Options();
  options.disk_share = 1.0;
  std::unique_ptr<KvCache> cache = *KvCache::Create(options);
  const SequenceId a = cache->AddSequence();
  const SequenceId b = cache->AddSequence();
  ASSERT_TRUE(cache->Reserve(a, 14).ok());  // slots 0 to 3
  ASSERT_TRUE(cache->Reserve(b, 8).ok());   // slots 4 and 5
  const KvAppend appends[] = {
      {.sequence = a, .first_query = 0, .num_queries = 3, .first_position = 10},
      {.sequence = b, .first_query = 3, .num_queries = 6, .first_position = 0}};
  const KvPagePlan plan = cache->PlanPages(appends);
  EXPECT_EQ(plan.staging_bytes, 6 * kDiskAlignment);
  std::vector<std::byte> staging(static_cast<size_t>(plan.staging_bytes));

  // Slot 3 and all of b get their first rows now; a's rows begin in slot 2.
  const std::vector<DiskTransfer> reads = cache->Reads(plan, 2, staging.data());
  ASSERT_EQ(reads.size(), 1u);
  EXPECT_EQ(reads[0].offset, 2 * 8 * kDiskAlignment);
  EXPECT_EQ(reads[0].bytes, 3 * kDiskAlignment);
  EXPECT_EQ(reads[0].memory, staging.data());
  const std::vector<DiskTransfer> writes = cache->Writes(plan, 2, staging.data());
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_EQ(writes[0].offset, (2 * 8 + 2) * kDiskAlignment);
  EXPECT_EQ(writes[0].bytes, 4 * kDiskAlignment);
  EXPECT_EQ(writes[0].memory, staging.data() + 2 * kDiskAlignment);
}

}  // namespace
}  // namespace strata
