#include "engine/evaluate/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace strata {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

EvaluationProgress Progress(int64_t num_done, int64_t num_total, double elapsed_s) {
  return {.batch_size = 4,
          .num_done = num_done,
          .num_total = num_total,
          .accuracies = {{"strict-match", 0.25}, {"flexible-extract", 0.5}},
          .output_tokens_per_s = 61.25,
          .elapsed_s = elapsed_s};
}

TEST(ProgressTest, TextHasAllFigures) {
  EXPECT_EQ(ProgressText(Progress(10, 40, 20)),
            "batch 4  10/40  strict-match 0.250  flexible-extract 0.500  61.2 tokens/s  20 s, "
            "about 60 s left");
  EvaluationProgress last = Progress(40, 40, 7300);
  last.num_failed = 2;
  EXPECT_THAT(ProgressText(last), EndsWith("61.2 tokens/s  2.0 h  2 failed"));
}

TEST(ProgressTest, LinesAreFewOffATerminal) {
  std::ostringstream out;
  ProgressLines lines(out);
  for (int64_t done = 1; done <= 1000; ++done) {
    lines.Report(Progress(done, 1000, static_cast<double>(done) / 100));
  }
  const std::string text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 10);
  EXPECT_THAT(text, Not(HasSubstr("\r")));
  lines.Report(Progress(1, 1000, 31));  // the next batch size is slow
  EXPECT_THAT(out.str(), HasSubstr("  1/1000"));
}

TEST(ProgressTest, BarRedrawsOneLineAndEndsIt) {
  std::ostringstream out;
  ProgressBar bar(out);
  for (int64_t done = 1; done <= 100; ++done) {
    bar.Report(Progress(done, 100, static_cast<double>(done) / 100));
  }
  const std::string text = out.str();
  const auto num_drawn = std::count(text.begin(), text.end(), '\r');
  EXPECT_GE(num_drawn, 9);
  EXPECT_LE(num_drawn, 12);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(text, HasSubstr("\r[########################] batch 4  100/100"));
  bar.Report(Progress(1, 100, 0.01));  // the next batch size is drawn at once
  EXPECT_THAT(out.str(), HasSubstr("\n\r[........................] batch 4  1/100"));
}

}  // namespace
}  // namespace strata
