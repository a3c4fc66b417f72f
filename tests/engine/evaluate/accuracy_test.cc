#include "engine/evaluate/accuracy.h"

#include <gtest/gtest.h>

namespace strata {
namespace {

TEST(AccuracyTest, StandardErrorIsThatOfTheHarness) {
  // 0.63 of 1319 gives 0.0133, half of 500 gives 0.0224.
  EXPECT_NEAR(*(Accuracy{.num_correct = 831, .num_scored = 1319}.StandardError()), 0.0133, 5e-5);
  EXPECT_NEAR(*(Accuracy{.num_correct = 250, .num_scored = 500}.StandardError()), 0.0224, 5e-5);
  // statistics.stdev([1, 0, 0]) / sqrt(3)
  EXPECT_NEAR(*(Accuracy{.num_correct = 1, .num_scored = 3}.StandardError()), 1.0 / 3, 1e-12);
  EXPECT_EQ(*(Accuracy{.num_correct = 4, .num_scored = 4}.StandardError()), 0);
}

TEST(AccuracyTest, TextShowsBoth) {
  EXPECT_EQ(AccuracyText({.num_correct = 831, .num_scored = 1319}), "0.6300 ± 0.0133");
  EXPECT_EQ(AccuracyText({.num_correct = 1, .num_scored = 1}), "1.0000 ± N/A");
}

TEST(AccuracyTest, OneAnswerHasNoStandardError) {
  Accuracy accuracy;
  EXPECT_EQ(accuracy.Mean(), 0);
  accuracy.Add(true);
  EXPECT_EQ(accuracy.Mean(), 1);
  EXPECT_FALSE(accuracy.StandardError().has_value());
  accuracy.Add(false);
  EXPECT_EQ(accuracy.Mean(), 0.5);
  EXPECT_TRUE(accuracy.StandardError().has_value());
}

}  // namespace
}  // namespace strata
