#include "engine/evaluate/mbpp_task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "engine/evaluate/evaluation.h"
#include "engine/evaluate/results_table.h"
#include "engine/evaluate/results_writer.h"
#include "kernels/base/file.h"
#include "kernels/base/json.h"
#include "tests/engine/evaluate/scripted_completion_source.h"
#include "tests/engine/evaluate/scripted_program_runner.h"

namespace strata {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

json Row(int64_t task_id) {
  return {{"text", absl::StrCat("task ", task_id)},
          {"code", absl::StrCat("code ", task_id)},
          {"task_id", task_id},
          {"test_setup_code", "raise SystemExit"},
          {"test_list", {"assert a", "assert b", absl::StrCat("assert c", task_id)}},
          {"challenge_test_list", {"assert False"}}};
}

class SilentProgress final : public ProgressReporter {
 public:
  void Report(const EvaluationProgress&) override {}
  void ReportMarking(const MarkingProgress& progress) override { markings.push_back(progress); }
  std::vector<MarkingProgress> markings;
};

class MbppTaskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = absl::StrCat(::testing::TempDir(), "mbpp_task_",
                         ::testing::UnitTest::GetInstance()->current_test_info()->name());
    for (const int64_t id : {1, 2, 3, 4, 10, 11, 12, 510, 511, 601}) rows_.push_back(Row(id));
  }
  void TearDown() override { std::filesystem::remove(path_); }

  void WriteLines() {
    std::string lines;
    for (const json& row : rows_) lines += row.dump() + "\n";
    ASSERT_TRUE(WriteFileAtomically(path_, lines).ok());
  }
  absl::StatusOr<MbppTask> Create(MbppTaskOptions options = {}) {
    if (!std::filesystem::exists(path_)) WriteLines();
    options.data_path = path_;
    return MbppTask::Create(options, runner_);
  }

  std::string path_;
  std::vector<json> rows_;
  ScriptedProgramRunner runner_ = PassesWith("right");
};

TEST_F(MbppTaskTest, AsksTheTestTasksWithTheThreeExamples) {
  const absl::StatusOr<MbppTask> task = Create();
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_EQ(task->num_items(), 3);  // 11, 12, 510
  EXPECT_EQ(task->description().name, "mbpp");
  EXPECT_EQ(task->description().num_rows, 3);
  EXPECT_EQ(task->description().num_fewshot, 3);
  EXPECT_EQ(task->description().max_new_tokens, 256);
  EXPECT_THAT(task->description().stop, ElementsAre("[DONE]"));
  EXPECT_THAT(task->description().filters, ElementsAre("none"));
  EXPECT_THAT(task->description().metrics, ElementsAre(TaskMetric{.name = "pass_at_1"}));
  const TaskItem item = task->Item(2);
  EXPECT_THAT(item.prompt, HasSubstr("code 2\n[DONE]\n\n"));
  EXPECT_THAT(item.prompt, HasSubstr("code 4\n[DONE]\n\n"));
  EXPECT_THAT(item.prompt, Not(HasSubstr("code 510")));
  EXPECT_THAT(item.prompt, ::testing::EndsWith("assert b\nassert c510\n[BEGIN]\n"));
  EXPECT_EQ(item.target, "assert a\nassert b\nassert c510");
}

TEST_F(MbppTaskTest, ProgramsAreTheCompletionAndItsAssertsOnly) {
  const absl::StatusOr<MbppTask> task = Create();
  ASSERT_TRUE(task.ok()) << task.status();
  const auto scores = task->Score(1, "right\n[DONE] wrong");
  ASSERT_TRUE(scores.ok());
  EXPECT_THAT(*scores, ElementsAre(FilteredScore{"right\n", true}));
  EXPECT_THAT(runner_.seen, ElementsAre("right\n\nassert a\nassert b\nassert c12"));
  EXPECT_FALSE((*task->Score(1, "wrong"))[0].correct);
}

TEST_F(MbppTaskTest, InstructHasBothReadings) {
  const absl::StatusOr<MbppTask> task = Create({.protocol = MbppProtocol::kMbppInstruct});
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_TRUE(task->description().stop.empty());
  EXPECT_THAT(task->description().filters, ElementsAre("extract_code", "first_block"));
  // The harness takes the first word for a language.
  EXPECT_THAT(*task->Score(0, "right now\n```"),
              ElementsAre(FilteredScore{" now", false}, FilteredScore{"right now\n", true}));
}

TEST_F(MbppTaskTest, ReadsTheSanitizedForm) {
  json array = json::array();
  for (json row : rows_) {
    row["prompt"] = row["text"];
    row.erase("text");
    row["test_imports"] = {"import math"};
    row["test_list"].push_back("assert d");
    array.push_back(row);
  }
  ASSERT_TRUE(WriteFileAtomically(path_, array.dump()).ok());
  const absl::StatusOr<MbppTask> task = Create();
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_EQ(task->description().name, "mbpp_sanitized");
  EXPECT_THAT(task->Item(0).prompt, Not(HasSubstr("assert d")));
  EXPECT_TRUE((*task->Score(0, "right"))[0].correct);
  EXPECT_EQ(runner_.seen.back(), "right\nimport math\nassert a\nassert b\nassert c11\nassert d");
}

TEST_F(MbppTaskTest, EvaluatesSamplesToPassAtK) {
  const absl::StatusOr<MbppTask> task = Create({.num_samples = 4, .pass_at = {1, 2}});
  ASSERT_TRUE(task.ok()) << task.status();
  // Task 0: all right; task 1: one of four; task 2: one request fails.
  std::vector<uint64_t> seeds;
  ScriptedCompletionSource source([&](const CompletionRequest& request) -> ScriptedCompletion {
    seeds.push_back(request.sampling.seed);
    if (request.id == 11) return {.status = absl::InternalError("lost")};
    const bool is_right = request.id < 4 || request.id == 6;
    return {.text = absl::StrCat(is_right ? "right" : "wrong", request.id)};
  });
  SilentProgress progress;
  const EvaluationOptions options = {
      .batch_sizes = {2}, .num_warmup_requests = 0, .sampling = {.temperature = 0.2, .seed = 100}};
  const absl::StatusOr<Evaluation> evaluation = RunEvaluation(*task, source, options, progress);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  const BatchSizeRun& run = evaluation->runs[0];
  EXPECT_EQ(run.samples.size(), 12u);
  EXPECT_EQ(run.samples[6].item_index, 1);
  EXPECT_EQ(run.samples[6].sample_index, 2);
  EXPECT_EQ(run.NumFailed(), 1);
  EXPECT_EQ(run.Metric(0, 0).num_tasks, 2);
  EXPECT_DOUBLE_EQ(run.Metric(0, 0).mean, (1 + 0.25) / 2);
  EXPECT_DOUBLE_EQ(run.Metric(1, 0).mean, (1 + 0.5) / 2);
  std::sort(seeds.begin(), seeds.end());
  EXPECT_EQ(seeds.front(), 100u);
  EXPECT_EQ(seeds.back(), 111u);
  EXPECT_EQ(progress.markings.back().num_done, 11);
  EXPECT_EQ(progress.markings.back().num_total, 11);

  const json results = *ParseJson(ResultsJson(*task, *evaluation, {.model = "m"}), "results");
  EXPECT_EQ(results["results"]["mbpp"]["pass_at_1,none"], 0.625);
  EXPECT_EQ(results["results"]["mbpp"]["pass_at_2,none"], 0.75);
  EXPECT_TRUE(results["results"]["mbpp"].contains("pass_at_2_stderr,none"));
  EXPECT_EQ(results["configs"]["mbpp"]["repeats"], 4);
  const std::vector<json> samples =
      *ParseJsonLines(SamplesJsonLines(*task, *evaluation), "samples");
  ASSERT_EQ(samples.size(), 3u);
  EXPECT_EQ(samples[1]["resps"], json::parse(R"([["wrong4", "wrong5", "right6", "wrong7"]])"));
  EXPECT_EQ(samples[1]["pass_at_2"], 0.5);
  EXPECT_EQ(samples[2]["error"], "lost");
  EXPECT_THAT(FormatEvaluation(*task, *evaluation), HasSubstr("pass_at_2"));
}

TEST_F(MbppTaskTest, SamplesOfAGreedyAnswerAreRefused) {
  const absl::StatusOr<MbppTask> task = Create({.num_samples = 2});
  ASSERT_TRUE(task.ok());
  ScriptedCompletionSource source([](const CompletionRequest&) { return ScriptedCompletion(); });
  SilentProgress progress;
  EXPECT_EQ(RunEvaluation(*task, source, {}, progress).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(MbppTaskTest, AProgramThatCannotBeRunIsAnErrorNotAFailure) {
  runner_ = ScriptedProgramRunner(
      [](const std::string&) { return absl::InternalError("no sandbox left"); });
  const absl::StatusOr<MbppTask> task = Create();
  ASSERT_TRUE(task.ok());
  EXPECT_EQ(task->Score(0, "x").status().message(), "no sandbox left");
}

TEST_F(MbppTaskTest, BadOptionsAreRefused) {
  for (const MbppTaskOptions& options :
       {MbppTaskOptions{.num_fewshot = 4}, MbppTaskOptions{.num_fewshot = -1},
        MbppTaskOptions{.num_samples = 0}, MbppTaskOptions{.pass_at = {2}},
        MbppTaskOptions{.pass_at = {0}}, MbppTaskOptions{.pass_at = {}},
        MbppTaskOptions{.limit = 0}}) {
    EXPECT_EQ(Create(options).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(Create({.num_fewshot = 0, .limit = 2})->num_items(), 2);
}

TEST_F(MbppTaskTest, BadRowsAreNamed) {
  const std::pair<const char*, void (*)(std::vector<json>&)> cases[] = {
      {":2: ", [](std::vector<json>& rows) { rows[1] = json::array(); }},
      {"text", [](std::vector<json>& rows) { rows[0].erase("text"); }},
      {"test_list", [](std::vector<json>& rows) { rows[0]["test_list"] = {"assert a"}; }},
      {"test_list",
       [](std::vector<json>& rows) {
         rows[0]["test_list"] = {1, 2, 3};
       }},
      {"test_list", [](std::vector<json>& rows) { rows[0]["test_list"] = "assert a"; }},
      {"task_id", [](std::vector<json>& rows) { rows[0]["task_id"] = -1; }},
      {"task 3 twice", [](std::vector<json>& rows) { rows[1]["task_id"] = 3; }},
      {"has no task 3", [](std::vector<json>& rows) { rows.erase(rows.begin() + 2); }},
      {"no test task", [](std::vector<json>& rows) { rows.resize(4); }},
      {"no rows", [](std::vector<json>& rows) { rows.clear(); }},
  };
  for (const auto& [cause, change] : cases) {
    const std::vector<json> good = rows_;
    change(rows_);
    WriteLines();
    const absl::Status status = Create().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << cause;
    EXPECT_THAT(std::string(status.message()), HasSubstr(cause));
    rows_ = good;
  }
}

TEST_F(MbppTaskTest, AChatOpensTheFenceInTheAnswer) {
  const absl::StatusOr<MbppTask> instruct = Create(
      {.protocol = MbppProtocol::kMbppInstruct, .num_fewshot = 1, .chat_form = ChatForm::kTurns});
  ASSERT_TRUE(instruct.ok()) << instruct.status();
  const TaskItem item = instruct->Item(0);
  EXPECT_EQ(item.answer_prefix, "\n```python\n");
  const json messages = *ParseJson(item.messages, "messages");
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_THAT(messages[0]["content"].get<std::string>(), ::testing::EndsWith("\nassert c2"));
  EXPECT_EQ(messages[1]["content"], "\n```python\ncode 2\n```");
  EXPECT_THAT(messages[2]["content"].get<std::string>(), ::testing::EndsWith("\nassert c11"));

  const absl::StatusOr<MbppTask> plain = Create({.chat_form = ChatForm::kOneTurn});
  ASSERT_TRUE(plain.ok());
  const json one = *ParseJson(plain->Item(0).messages, "messages");
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0]["content"], plain->Item(0).prompt);
}

TEST(MbppTaskParquetTest, TheHubsFilesGiveThePromptsOfTheJsonLines) {
  const std::string golden =
      absl::StrCat(STRATA_SOURCE_DIR, "/tests/engine/evaluate/parquet/golden/");
  const std::string hub = absl::StrCat(::testing::TempDir(), "mbpp_task_hub/");
  std::filesystem::remove_all(hub);
  std::filesystem::create_directories(hub);
  std::filesystem::copy(golden + "mbpp.parquet", hub + "test-00000-of-00001.parquet");
  std::filesystem::copy(golden + "mbpp_prompt.parquet", hub + "prompt-00000-of-00001.parquet");
  const ScriptedProgramRunner runner = PassesWith("x");
  const auto parquet = MbppTask::Create({.data_path = hub + "test-00000-of-00001.parquet"}, runner);
  const auto lines = MbppTask::Create(
      {.data_path = golden + "mbpp.jsonl", .fewshot_path = golden + "mbpp_prompt.jsonl"}, runner);
  ASSERT_TRUE(parquet.ok() && lines.ok()) << parquet.status() << lines.status();
  ASSERT_EQ(parquet->num_items(), 20);
  EXPECT_THAT(parquet->Item(0).prompt, HasSubstr("return x + 2\n"));
  for (int64_t i = 0; i < parquet->num_items(); ++i) {
    EXPECT_EQ(parquet->Item(i).prompt, lines->Item(i).prompt);
    EXPECT_EQ(parquet->Item(i).target, lines->Item(i).target);
  }
  EXPECT_EQ(MbppFewshotPath("a/test-b.parquet"), "a/prompt-b.parquet");
  EXPECT_EQ(MbppFewshotPath("a/mbpp.jsonl"), "a/mbpp.jsonl");
  // The sanitized form is told by its columns.
  const auto sanitized = MbppTask::Create(
      {.data_path = golden + "sanitized.parquet", .fewshot_path = golden + "mbpp.jsonl"}, runner);
  EXPECT_THAT(sanitized.status().message(), HasSubstr("has no task 2"));
  const auto whole = MbppTask::Create({.data_path = golden + "sanitized.parquet"}, runner);
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->description().name, "mbpp_sanitized");
}

}  // namespace
}  // namespace strata
