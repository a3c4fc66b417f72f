#include "offload/plan/hidden_places.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "tests/offload/plan/example_plans.h"

namespace strata {
namespace {

std::string Homes(const TierShares& shares, int64_t count) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) text += TierName(HiddenHome(shares, i))[0];
  return text;
}

TEST(HiddenPlaces, SharesAreSpreadWithTheFasterTiersFirst) {
  EXPECT_EQ(Homes({0, 1, 0}, 4), "hhhh");
  EXPECT_EQ(Homes({1, 0, 0}, 4), "gggg");
  EXPECT_EQ(Homes({0, 0, 1}, 4), "dddd");
  EXPECT_EQ(Homes({0, 0.5, 0.5}, 6), "hdhdhd");
  EXPECT_EQ(Homes({0.5, 0.5, 0}, 6), "ghghgh");
  EXPECT_EQ(Homes({0.25, 0.25, 0.5}, 8), "gdhdgdhd");
}

TEST(HiddenPlaces, VisitorsTakeThreePlacesInTurn) {
  const TierShares shares = {0, 0.5, 0.5};
  EXPECT_EQ(HiddenPlacesInHost(shares, 10), (std::vector<int32_t>{3, 0, 4, 1, 5, 2, 6, 0, 7, 1}));
  EXPECT_EQ(NumHiddenPlacesInHost(shares, 10), 8);
  // All are visitors on the gpu.
  EXPECT_EQ(HiddenPlacesOnGpu(shares, 5), (std::vector<int32_t>{0, 1, 2, 0, 1}));
  EXPECT_EQ(NumHiddenPlacesOnGpu(shares, 5), 3);
}

// No two that are in memory have the same place, and there is no gap.
TEST(HiddenPlaces, OnlyThoseThatLeaveShareAPlace) {
  for (const TierShares& shares :
       {TierShares{0.2, 0.3, 0.5}, {0, 0, 1}, {0, 0.9, 0.1}, {1, 0, 0}, {0.5, 0.5, 0}, {0, 1, 0}}) {
    for (int64_t count = 1; count < 40; ++count) {
      const std::vector<int32_t> host = HiddenPlacesInHost(shares, count);
      const std::vector<int32_t> gpu = HiddenPlacesOnGpu(shares, count);
      EXPECT_EQ(std::set<int32_t>(host.begin(), host.end()).size(),
                static_cast<size_t>(NumHiddenPlacesInHost(shares, count)));
      EXPECT_EQ(*std::max_element(host.begin(), host.end()) + 1,
                NumHiddenPlacesInHost(shares, count));
      EXPECT_EQ(*std::max_element(gpu.begin(), gpu.end()) + 1, NumHiddenPlacesOnGpu(shares, count));
      for (int64_t i = 0; i < count; ++i) {
        const auto shared = [i](const std::vector<int32_t>& places) {
          return std::count(places.begin(), places.end(), places[static_cast<size_t>(i)]) > 1;
        };
        EXPECT_EQ(HiddenLeavesHost(shares, i, count), shared(host)) << i << " of " << count;
        EXPECT_EQ(HiddenLeavesGpu(shares, i, count), shared(gpu)) << i << " of " << count;
      }
    }
  }
}

TEST(HiddenPlaces, AttendStaysWithItsNeighbours) {
  const std::vector<StageTurn> turns = TurnsOf(DenseModel({.num_layers = 2}));
  EXPECT_EQ(turns, (std::vector<StageTurn>{{0, 1}, {1, 4}, {4, 5}, {5, 8}, {8, 9}, {9, 10}}));
}

}  // namespace
}  // namespace strata
