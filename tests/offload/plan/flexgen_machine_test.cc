// FlexGen's published machine as a test case: their model reproduces their rows, ours says what our
// schedule would make of the same machine and policy.
#include <gtest/gtest.h>

#include "bench/plan/flexgen_cost_model.h"
#include "bench/plan/published_models.h"
#include "offload/plan/plan_result.h"

namespace strata {
namespace {

struct PublishedRow {
  FlexGenRow row;
  double published_tokens_per_s = 0;
  double their_prediction = 0;  // flexgen.md d.7
};

const PublishedRow k30B512 = {{kOpt30B, 512, 32, {48, 3, 0.2, 0.8, 0, 1, 0, 1}}, 7.32, 7.14};
const PublishedRow k30B1024 = {{kOpt30B, 1024, 32, {20, 4, 0.04, 0.96, 0, 1, 0, 1}}, 3.50, 3.62};
const PublishedRow k30B256 = {{kOpt30B, 256, 32, {160, 2, 0.1, 0.9, 0, 1, 0, 1}}, 16.01, 12.97};
const PublishedRow k175B = {{kOpt175B, 512, 32, {32, 8, 0, 0.5, 0, 0, 0, 1}}, 0.69, 0.154};

TEST(FlexGenMachine, TheirModelReproducesTheirPredictions) {
  for (const PublishedRow& row : {k30B512, k30B1024, k30B256, k175B}) {
    EXPECT_NEAR(FlexGenCost(row.row, 0.473).tokens_per_s, row.their_prediction,
                0.01 * row.their_prediction);
  }
}

TEST(FlexGenMachine, TheirModelReproducesThePublishedRowsOf30B) {
  // Within 5 per cent where the policy was used as written, within 20 per cent for 256 + 32.
  for (const PublishedRow& row : {k30B512, k30B1024}) {
    EXPECT_NEAR(FlexGenCost(row.row, 0.473).tokens_per_s, row.published_tokens_per_s,
                0.05 * row.published_tokens_per_s);
  }
  EXPECT_NEAR(FlexGenCost(k30B256.row, 0.473).tokens_per_s, 16.01, 0.2 * 16.01);
}

// The disk of the fit was not the disk of the run: with the run's SSD (1.6 to 2 GB/s) and the part
// of the reads that the page cache served, the published 0.69 is where the model has it.
TEST(FlexGenMachine, ThePublished175BIsADiskOfTwoToThreeGigabytesPerSecond) {
  EXPECT_NEAR(FlexGenCost(k175B.row, 1.6).tokens_per_s, 0.46, 0.01);
  EXPECT_LT(FlexGenCost(k175B.row, 2.0).tokens_per_s, 0.69);
  EXPECT_GT(FlexGenCost(k175B.row, 2.8).tokens_per_s, 0.69);
  for (const double disk : {0.473, 1.6, 2.0}) {
    EXPECT_EQ(StrataEstimate(k175B.row, FlexGenMachineWithDisk(disk)).bound_by, "disk read");
  }
}

// Our schedule overlaps the weights' copies, which theirs adds; but it pays for what their model
// leaves out: embedding and head, queries and new rows on their way to the cpu, waiting rows behind
// weights on the link, the wait of a pipeline.
TEST(FlexGenMachine, OurModelReproducesThePublishedRowsOf30B) {
  for (const PublishedRow& row : {k30B512, k30B1024, k30B256}) {
    const Estimate ours = StrataEstimate(row.row, FlexGenFittedMachine());
    EXPECT_NEAR(ours.tokens_per_s, row.published_tokens_per_s, 0.15 * row.published_tokens_per_s);
    testing::Test::RecordProperty(std::to_string(row.row.prompt_tokens),
                                  std::to_string(ours.tokens_per_s));
  }
}

}  // namespace
}  // namespace strata
