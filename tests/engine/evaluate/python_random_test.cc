#include "engine/evaluate/python_random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace strata {
namespace {

using ::testing::ElementsAre;

// Expected numbers: CPython 3.11, `random.Random(seed).sample(range(n), k)`.

TEST(PythonRandomTest, DrawsAsCPythonFromALargePopulation) {
  PythonRandom random(1234);
  EXPECT_THAT(random.Sample(7473, 5), ElementsAre(6374, 3610, 957, 61, 742));
  EXPECT_THAT(random.Sample(7473, 5), ElementsAre(7462, 6610, 4769, 286, 5501));
  EXPECT_THAT(random.Sample(7473, 5), ElementsAre(5677, 687, 806, 6279, 2905));
}

// For k = 5 a pool up to 21; k = 6 gives 21 + 64, and so does k = 21; k = 22 gives 21 + 256.
TEST(PythonRandomTest, SwitchesAlgorithmAtTheEstimatedSetSize) {
  PythonRandom random(1234u);
  EXPECT_THAT(random.Sample(21, 5), ElementsAre(14, 3, 0, 2, 1));
  EXPECT_THAT(random.Sample(22, 5), ElementsAre(21, 2, 3, 11, 7));
  EXPECT_THAT(random.Sample(37, 6), ElementsAre(1, 36, 35, 22, 30, 29));
  EXPECT_THAT(random.Sample(38, 6), ElementsAre(9, 5, 11, 7, 0, 32));
  EXPECT_THAT(random.Sample(85, 6), ElementsAre(62, 31, 8, 69, 59, 82));
  EXPECT_THAT(random.Sample(86, 6), ElementsAre(76, 11, 65, 74, 5, 34));
  EXPECT_THAT(random.Sample(85, 21), ElementsAre(71, 8, 82, 38, 61, 45, 34, 31, 25, 58, 67, 2, 65,
                                                 9, 0, 42, 18, 60, 48, 21, 6));
  EXPECT_THAT(random.Sample(86, 21), ElementsAre(9, 75, 63, 20, 71, 27, 18, 3, 44, 14, 67, 85, 39,
                                                 58, 5, 53, 35, 84, 22, 34, 19));
  EXPECT_THAT(random.Sample(277, 22),
              ElementsAre(153, 79, 237, 21, 197, 178, 253, 174, 239, 243, 23, 241, 87, 225, 224,
                          151, 140, 63, 95, 213, 223, 61));
  EXPECT_THAT(random.Sample(278, 22),
              ElementsAre(271, 52, 248, 192, 130, 98, 176, 55, 80, 137, 79, 165, 228, 36, 40, 202,
                          109, 24, 146, 19, 112, 259));
}

// One, all and none of a small population; 200 rows as in the demo data.
TEST(PythonRandomTest, DrawsAsCPythonFromSmallPopulations) {
  PythonRandom random(1234u);
  EXPECT_THAT(random.Sample(1, 1), ElementsAre(0));
  EXPECT_THAT(random.Sample(2, 1), ElementsAre(0));
  EXPECT_THAT(random.Sample(2, 2), ElementsAre(0, 1));
  EXPECT_THAT(random.Sample(5, 5), ElementsAre(4, 0, 2, 3, 1));
  EXPECT_THAT(random.Sample(10, 0), ElementsAre());
  EXPECT_THAT(random.Sample(200, 5), ElementsAre(196, 90, 60, 4, 7));
}

// A key of one word that is zero.
TEST(PythonRandomTest, SeedsWithZero) {
  PythonRandom random(0u);
  EXPECT_THAT(random.Sample(1000, 4), ElementsAre(864, 394, 776, 911));
}

// A key of two words.
TEST(PythonRandomTest, SeedsAboveThirtyTwoBits) {
  PythonRandom random(12345678901234567ull);
  EXPECT_THAT(random.Sample(1000, 4), ElementsAre(99, 610, 682, 996));
}

TEST(PythonRandomTest, ASampleHasNoRepeats) {
  PythonRandom random(7);
  for (const int64_t size : {1, 5, 21, 22, 37, 38, 85, 86, 100}) {
    const std::vector<int64_t> drawn = random.Sample(size, size);
    EXPECT_EQ(std::set<int64_t>(drawn.begin(), drawn.end()).size(), static_cast<size_t>(size));
  }
}

}  // namespace
}  // namespace strata
