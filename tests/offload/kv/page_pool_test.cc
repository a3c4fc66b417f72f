#include "offload/kv/page_pool.h"

#include <gtest/gtest.h>

#include <set>

namespace strata {
namespace {

TEST(KvPagePoolTest, HostPagesAreDistinctMemoryInRisingOrder) {
  KvPagePool pool({.layer_bytes = 4 << 20, .num_layers = 2, .max_memory_pages = 5});  // two a slab
  std::set<std::byte*> places;
  for (KvPageId expected = 0; expected < 5; ++expected) {
    ASSERT_TRUE(pool.Prepare(1).ok());
    const KvPageId page = pool.Take(Tier::kHost, kNoPage);
    EXPECT_EQ(page, expected);
    EXPECT_EQ(pool.tier(page), Tier::kHost);
    for (const int64_t layer : {0, 1}) places.insert(pool.memory(page, layer));
  }
  EXPECT_EQ(places.size(), 10u);
  EXPECT_EQ(pool.num_free(Tier::kHost), 0);
  pool.Give(3);
  EXPECT_EQ(pool.num_free(Tier::kHost), 1);
  EXPECT_EQ(pool.peak(Tier::kHost), 5);
  EXPECT_EQ(pool.Take(Tier::kHost, kNoPage), 3);
}

// So that the pages of one layer are one copy.
TEST(KvPagePoolTest, NeighboursInASlabFollowEachOtherInEveryLayer) {
  KvPagePool pool({.layer_bytes = 1 << 20, .num_layers = 4, .max_memory_pages = 6});
  ASSERT_TRUE(pool.Prepare(6).ok());  // slabs of four pages, and two
  for (const KvPageId page : {0, 1, 2, 4}) {
    EXPECT_TRUE(pool.IsFollowed(page)) << page;
    for (int64_t layer = 0; layer < 4; ++layer) {
      EXPECT_EQ(pool.memory(page, layer) + (1 << 20), pool.memory(page + 1, layer));
    }
  }
  EXPECT_FALSE(pool.IsFollowed(3));
  EXPECT_FALSE(pool.IsFollowed(5));
  const KvPageId a = pool.Take(Tier::kHost, kNoPage);
  const KvPageId b = pool.Take(Tier::kHost, a);
  EXPECT_EQ(pool.Take(Tier::kHost, kNoPage), b + 1);
  pool.Give(b);
  EXPECT_EQ(pool.Take(Tier::kHost, a), b);
}

// All layers lie elsewhere: pages are names.
TEST(KvPagePoolTest, PagesWithoutLayersTakeNoMemory) {
  KvPagePool pool({.max_memory_pages = 3});
  ASSERT_TRUE(pool.Prepare(3).ok());
  EXPECT_EQ(pool.Take(Tier::kHost, kNoPage), 0);
  EXPECT_EQ(pool.num_free(Tier::kHost), 2);
}

TEST(KvPagePoolTest, SlotsFollowTheirNeighbourWhereTheyCan) {
  KvPagePool pool(
      {.layer_bytes = 64, .num_layers = 1, .max_memory_pages = 2, .max_disk_pages = 10});
  const KvPageId a0 = pool.Take(Tier::kDisk, kNoPage);
  const KvPageId a1 = pool.Take(Tier::kDisk, a0);
  const KvPageId a2 = pool.Take(Tier::kDisk, a1);
  EXPECT_EQ(pool.disk_slot(a0), 0);
  EXPECT_EQ(pool.disk_slot(a1), 1);
  EXPECT_EQ(pool.disk_slot(a2), 2);
  const KvPageId b0 = pool.Take(Tier::kDisk, kNoPage);
  EXPECT_EQ(pool.disk_slot(b0), 3);
  EXPECT_EQ(pool.disk_slot(pool.Take(Tier::kDisk, a2)), 4);  // 3 is taken: the longest run
  pool.Give(a0);
  pool.Give(a1);
  EXPECT_EQ(pool.disk_slot(pool.Take(Tier::kDisk, kNoPage)), 5);  // five of them, not two
  EXPECT_EQ(pool.disk_slot(pool.Take(Tier::kDisk, a0)), 1);
}

TEST(KvPagePoolTest, EverySlotIsTakenOnceAndComesBack) {
  KvPagePool pool({.layer_bytes = 64, .num_layers = 1, .max_disk_pages = 100});
  for (int round = 0; round < 3; ++round) {
    std::set<KvPageId> pages;
    KvPageId neighbour = kNoPage;
    for (int i = 0; i < 100; ++i) {
      neighbour = pool.Take(Tier::kDisk, i % 3 == 0 ? kNoPage : neighbour);
      pages.insert(neighbour);
    }
    EXPECT_EQ(pages.size(), 100u);
    EXPECT_EQ(pool.num_free(Tier::kDisk), 0);
    // Back in an order that joins runs in front, behind and on both sides.
    for (int step : {0, 2, 1}) {
      for (int slot = step; slot < 100; slot += 3) pool.Give(slot);
    }
    EXPECT_EQ(pool.num_free(Tier::kDisk), 100);
    EXPECT_EQ(pool.disk_slot(pool.Take(Tier::kDisk, kNoPage)), 0);
    pool.Give(0);
  }
  EXPECT_EQ(pool.peak(Tier::kDisk), 100);
}

}  // namespace
}  // namespace strata
