#include "engine/evaluate/score_gsm8k.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "kernels/base/json.h"

namespace strata {
namespace {

using ::testing::HasSubstr;

TEST(ScoreGsm8kTest, RepeatsRowsInOrderAndAddsVerdicts) {
  const absl::StatusOr<ScoredGsm8kRows> scored = ScoreGsm8kRows(
      "{\"id\": \"b\", \"target\": \"x\\n#### 18\", \"completion\": \"#### 18.\", \"extra\": "
      "[1.50]}\n"
      "\n"
      "{\"completion\": \"it is 5\\u00e9\", \"id\": {\"k\": null}, \"target\": \"#### 5\"}\r\n",
      "in.jsonl", {});
  ASSERT_TRUE(scored.ok()) << scored.status();
  EXPECT_EQ(scored->json_lines,
            "{\"id\":\"b\",\"target\":\"x\\n#### 18\",\"completion\":\"#### 18.\",\"extra\":[1.5],"
            "\"strict\":true,\"flexible\":true,\"extracted_strict\":\"18.\","
            "\"extracted_flexible\":\"18.\"}\n"
            "{\"completion\":\"it is 5\xC3\xA9\",\"id\":{\"k\":null},\"target\":\"#### 5\","
            "\"strict\":false,\"flexible\":true,\"extracted_strict\":\"[invalid]\","
            "\"extracted_flexible\":\"5\"}\n");
  EXPECT_EQ(scored->summary.num_rows, 2);
  EXPECT_EQ(scored->summary.num_failed, 0);
  EXPECT_EQ(scored->summary.strict, (Accuracy{.num_correct = 1, .num_scored = 2}));
  EXPECT_EQ(scored->summary.flexible, (Accuracy{.num_correct = 2, .num_scored = 2}));
}

TEST(ScoreGsm8kTest, StopsAreAppliedOnlyOnRequest) {
  constexpr char kRow[] = R"({"completion": "#### 5\n\nQuestion: 7", "target": "#### 5"})";
  const auto flexible = [&](const Gsm8kScoringOptions& options) {
    return ScoreGsm8kRows(kRow, "in", options)->summary.flexible.num_correct;
  };
  EXPECT_EQ(flexible({}), 0);
  EXPECT_EQ(flexible({.apply_stops = true}), 1);
  // "Q:" does not end a gsm8k answer; "Question:" does not end a gsm8k_cot answer.
  EXPECT_EQ(flexible({.protocol = Gsm8kProtocol::kGsm8kCot, .apply_stops = true}), 0);
}

TEST(ScoreGsm8kTest, TheIdFindsTheTarget) {
  const Gsm8kScoringOptions options = {.test_rows = {{{.answer = "#### 3"}, {.answer = "#### 4"}}}};
  const absl::StatusOr<ScoredGsm8kRows> scored = ScoreGsm8kRows(
      "{\"id\": 1, \"completion\": \"#### 4\"}\n"
      "{\"id\": 0, \"completion\": \"#### 4\", \"target\": \"#### 4\"}\n"
      "{\"id\": 1, \"completion\": \"#### 4\", \"target\": null}\n"
      "{\"id\": 2, \"completion\": \"#### 4\"}\n"
      "{\"id\": \"1\", \"completion\": \"#### 4\"}\n"
      "{\"completion\": \"#### 4\"}\n",
      "in", options);
  ASSERT_TRUE(scored.ok()) << scored.status();
  EXPECT_EQ(scored->summary.num_rows, 6);
  EXPECT_EQ(scored->summary.num_failed, 3);
  EXPECT_EQ(scored->summary.strict, (Accuracy{.num_correct = 3, .num_scored = 3}));
  const absl::StatusOr<std::vector<nlohmann::json>> rows =
      ParseJsonLines(scored->json_lines, "out");
  ASSERT_TRUE(rows.ok());
  EXPECT_THAT((*rows)[3]["error"].get<std::string>(), HasSubstr("no target"));
  EXPECT_FALSE((*rows)[3].contains("strict"));
}

TEST(ScoreGsm8kTest, MalformedRowsNameTheirLine) {
  const auto message = [](const std::string& second_line) {
    const std::string text =
        "{\"completion\": \"\", \"target\": \"#### 1\"}\n" + second_line + "\n";
    const absl::Status status = ScoreGsm8kRows(text, "in.jsonl", {}).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << second_line;
    return std::string(status.message());
  };
  EXPECT_THAT(message("{"), HasSubstr("in.jsonl:2"));
  EXPECT_THAT(message("[]"), HasSubstr("in.jsonl:2"));
  EXPECT_THAT(message("5"), HasSubstr("in.jsonl:2"));
  EXPECT_THAT(message("{\"target\": \"#### 1\"}"), HasSubstr("in.jsonl:2: key 'completion'"));
  EXPECT_THAT(message("{\"completion\": 5, \"target\": \"#### 1\"}"), HasSubstr("in.jsonl:2"));
  EXPECT_THAT(message("{\"completion\": \"\", \"target\": 1}"), HasSubstr("in.jsonl:2"));
  EXPECT_THAT(message("{\"completion\": \"\", \"id\": 0}"),
              HasSubstr("no test data was named (--data)"));
  EXPECT_THAT(message("{\"completion\": \"\xff\", \"target\": \"#### 1\"}"),
              HasSubstr("in.jsonl:2"));
  EXPECT_TRUE(absl::IsInvalidArgument(ScoreGsm8kRows("\n \n", "in.jsonl", {}).status()));
}

TEST(ScoreGsm8kTest, SummariesHaveTheHarnessKeys) {
  const Gsm8kScoringSummary summary = {.num_rows = 4,
                                       .num_failed = 1,
                                       .strict = {.num_correct = 1, .num_scored = 3},
                                       .flexible = {.num_correct = 3, .num_scored = 3}};
  const absl::StatusOr<nlohmann::json> parsed = ParseJson(SummaryJson(summary), "summary");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ((*parsed)["protocol"], "gsm8k");
  EXPECT_EQ((*parsed)["num_rows"], 4);
  EXPECT_EQ((*parsed)["num_failed"], 1);
  EXPECT_NEAR((*parsed)["exact_match,strict-match"].get<double>(), 1.0 / 3, 1e-12);
  EXPECT_NEAR((*parsed)["exact_match_stderr,strict-match"].get<double>(), 1.0 / 3, 1e-12);
  EXPECT_EQ((*parsed)["exact_match_stderr,flexible-extract"], 0.0);
  EXPECT_THAT(SummaryText(summary), HasSubstr("(1 of 3)"));
  EXPECT_THAT(SummaryText(summary), HasSubstr("not scored        1"));
}

}  // namespace
}  // namespace strata
