#include "engine/evaluate/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "engine/evaluate/gsm8k_task.h"
#include "engine/evaluate/results_table.h"
#include "engine/evaluate/results_writer.h"
#include "engine/evaluate/sha256.h"
#include "kernels/base/file.h"
#include "kernels/base/json.h"
#include "tests/engine/evaluate/scripted_completion_source.h"

namespace strata {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Keeps what was reported.
class RecordingProgress final : public ProgressReporter {
 public:
  void Report(const EvaluationProgress& progress) override { reports.push_back(progress); }
  void ReportMarking(const MarkingProgress& progress) override { markings.push_back(progress); }
  std::vector<EvaluationProgress> reports;
  std::vector<MarkingProgress> markings;
};

// Four questions, answers 0, 1, 2 and 3.
class EvaluationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = absl::StrCat(::testing::TempDir(), "evaluation_",
                              ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(directory_);
    std::string rows;
    for (int i = 0; i < 4; ++i) {
      rows += absl::StrCat(R"({"question": "q)", i, R"(", "answer": "a\u00e9\n#### )", i, "\"}\n");
    }
    const std::string path = directory_ + "/questions.jsonl";
    ASSERT_TRUE(WriteFileAtomically(path, rows).ok());
    absl::StatusOr<Gsm8kTask> task = Gsm8kTask::Create({.test_path = path, .num_fewshot = 0});
    ASSERT_TRUE(task.ok()) << task.status();
    task_ = std::make_unique<Gsm8kTask>(*std::move(task));
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // Right twice under strict-match, three times under flexible-extract; the last is cut.
  static ScriptedCompletion Answer(const CompletionRequest& request) {
    switch (request.id) {
      case 0:
        return {.text = " so\n#### 0\n\n", .num_output_tokens = 3};
      case 1:
        return {.text = " it is 1", .num_output_tokens = 5, .prompt_truncated = true};
      case 2:
        return {.text = "#### 2", .num_output_tokens = 1};
      default:
        return {.text = "#### 4 or so",
                .num_output_tokens = 11,
                .finish_reason = CompletionResult::FinishReason::kLength};
    }
  }

  std::string directory_;
  std::unique_ptr<Gsm8kTask> task_;
  RecordingProgress progress_;
};

TEST_F(EvaluationTest, MarksAndTimesEveryBatchSize) {
  ScriptedCompletionSource source(Answer);
  const absl::StatusOr<Evaluation> evaluation =
      RunEvaluation(*task_, source, {.batch_sizes = {1, 4}}, progress_);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  ASSERT_EQ(evaluation->runs.size(), 2u);

  // Warm-up first, then all requests once per batch size, exactly as the task has them.
  EXPECT_THAT(source.batch_sizes, ElementsAre(1, 1, 4));
  ASSERT_EQ(source.calls[0].size(), 1u);
  EXPECT_EQ(source.calls[0][0].max_new_tokens, 4);
  ASSERT_EQ(source.calls[2].size(), 4u);
  EXPECT_EQ(source.calls[2][3].prompt, "Question: q3\nAnswer:");
  EXPECT_EQ(source.calls[2][3].max_new_tokens, 256);
  EXPECT_EQ(source.calls[2][3].stop.front(), "Question:");
  EXPECT_EQ(source.calls[2][3].sampling.temperature, 0);

  for (const BatchSizeRun& run : evaluation->runs) {
    EXPECT_EQ(run.accuracies[0], (Accuracy{.num_correct = 2, .num_scored = 4}));
    EXPECT_EQ(run.accuracies[1], (Accuracy{.num_correct = 3, .num_scored = 4}));
    ASSERT_EQ(run.samples.size(), 4u);
    EXPECT_EQ(run.samples[1].item_index, 1);
    EXPECT_EQ(run.samples[1].scores,
              (std::vector<FilteredScore>{{"[invalid]", false}, {"1", true}}));
    EXPECT_EQ(run.NumFailed(), 0);
    EXPECT_EQ(run.latency.completed, 4);
    EXPECT_EQ(run.latency.total_output_tokens, 20);
    EXPECT_EQ(run.latency.total_input_tokens, 28);
    EXPECT_EQ(run.latency.num_cut_by_length, 1);
    EXPECT_EQ(run.latency.num_prompts_truncated, 1);
    EXPECT_DOUBLE_EQ(run.latency.ttft_ms->mean, 100);
    EXPECT_DOUBLE_EQ(run.latency.tpot_ms->mean, 10);
  }
  // 120 + 140 + 100 + 200 ms one after another; side by side the longest decides.
  EXPECT_DOUBLE_EQ(evaluation->runs[0].latency.duration_s, 0.56);
  EXPECT_DOUBLE_EQ(evaluation->runs[1].latency.duration_s, 0.2);
  EXPECT_DOUBLE_EQ(evaluation->runs[1].latency.output_throughput, 100);

  ASSERT_EQ(progress_.reports.size(), 8u);
  EXPECT_EQ(progress_.reports[3].num_done, 4);
  EXPECT_EQ(progress_.reports[3].accuracies[1].accuracy, 0.75);
  EXPECT_EQ(progress_.reports[4].batch_size, 4);
  EXPECT_EQ(progress_.reports[4].num_done, 1);
}

TEST_F(EvaluationTest, FailedRequestsAreCountedAndLeftOut) {
  ScriptedCompletionSource source([](const CompletionRequest& request) {
    ScriptedCompletion answer = Answer(request);
    if (request.id == 3) answer.status = absl::UnavailableError("connection refused");
    return answer;
  });
  const absl::StatusOr<Evaluation> evaluation = RunEvaluation(*task_, source, {}, progress_);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  const BatchSizeRun& run = evaluation->runs[0];
  EXPECT_EQ(run.NumFailed(), 1);
  EXPECT_EQ(run.accuracies[0], (Accuracy{.num_correct = 2, .num_scored = 3}));
  EXPECT_EQ(run.latency.failed, 1);
  EXPECT_EQ(progress_.reports.back().num_failed, 1);
  EXPECT_THAT(SamplesJsonLines(*task_, *evaluation), HasSubstr(R"("error":"connection refused")"));
  EXPECT_THAT(FormatEvaluation(*task_, *evaluation), HasSubstr("failed"));
}

TEST_F(EvaluationTest, RefusesBadOptions) {
  ScriptedCompletionSource source(Answer);
  for (const EvaluationOptions& options :
       {EvaluationOptions{.batch_sizes = {}}, EvaluationOptions{.batch_sizes = {4, 0}},
        EvaluationOptions{.num_warmup_requests = -1}}) {
    EXPECT_TRUE(
        absl::IsInvalidArgument(RunEvaluation(*task_, source, options, progress_).status()));
  }
  EXPECT_TRUE(source.calls.empty());
}

TEST_F(EvaluationTest, ASourcesErrorEndsTheEvaluation) {
  ScriptedCompletionSource source(Answer);
  source.end_status = absl::CancelledError("interrupted");
  EXPECT_TRUE(absl::IsCancelled(RunEvaluation(*task_, source, {}, progress_).status()));
}

// Reports each request as often as told.
class MiscountingSource final : public CompletionSource {
 public:
  explicit MiscountingSource(int64_t num_times) : num_times_(num_times) {}
  absl::Status Complete(absl::Span<const CompletionRequest> requests, int64_t,
                        const OnFinished& on_finished) override {
    for (const CompletionRequest& request : requests) {
      for (int64_t i = 0; i < num_times_; ++i) {
        if (absl::Status refused = on_finished({.id = request.id}); !refused.ok()) return refused;
      }
    }
    return absl::OkStatus();
  }

 private:
  int64_t num_times_;
};

TEST_F(EvaluationTest, EveryRequestIsReportedOnce) {
  for (const int64_t num_times : {0, 2}) {
    MiscountingSource source(num_times);
    EXPECT_TRUE(absl::IsInternal(RunEvaluation(*task_, source, {}, progress_).status()));
  }
}

TEST_F(EvaluationTest, WritesTheHarnessKeys) {
  ScriptedCompletionSource source(Answer);
  const absl::StatusOr<Evaluation> evaluation =
      RunEvaluation(*task_, source, {.batch_sizes = {1, 4}}, progress_);
  ASSERT_TRUE(evaluation.ok());
  const EvaluationFacts facts = {.model = "demo",
                                 .limit = 4,
                                 .started = absl::FromUnixMicros(1714564800123456),
                                 .total_seconds = 1.5,
                                 .settings = {{"device", "cpu"}}};
  const std::string out = directory_ + "/made/here";
  const absl::StatusOr<ResultPaths> paths = WriteResults(out, *task_, *evaluation, facts);
  ASSERT_TRUE(paths.ok()) << paths.status();
  EXPECT_THAT(paths->results,
              ::testing::MatchesRegex(".*/results_2024-0[45]-..T..-..-00\\.123456\\.json"));
  EXPECT_THAT(paths->samples, ::testing::MatchesRegex(".*/samples_gsm8k_2024-.*\\.jsonl"));

  const absl::StatusOr<json> results = ReadJsonFile(paths->results);
  ASSERT_TRUE(results.ok()) << results.status();
  const json& gsm8k = (*results)["results"]["gsm8k"];
  EXPECT_EQ(gsm8k["exact_match,strict-match"], 0.5);
  EXPECT_EQ(gsm8k["exact_match,flexible-extract"], 0.75);
  EXPECT_NEAR(gsm8k["exact_match_stderr,flexible-extract"].get<double>(), 0.25, 1e-12);
  EXPECT_EQ((*results)["n-shot"]["gsm8k"], 0);
  EXPECT_EQ((*results)["versions"]["gsm8k"], 3.0);
  EXPECT_EQ((*results)["n-samples"]["gsm8k"], (json{{"original", 4}, {"effective", 4}}));
  EXPECT_EQ((*results)["higher_is_better"]["gsm8k"]["exact_match"], true);
  EXPECT_EQ((*results)["group_subtasks"]["gsm8k"], json::array());
  EXPECT_EQ((*results)["config"]["limit"], 4);
  EXPECT_EQ((*results)["config"]["device"], "cpu");
  EXPECT_EQ((*results)["config"]["fewshot_seed"], 1234);
  EXPECT_EQ((*results)["config"]["gen_kwargs"]["do_sample"], false);
  EXPECT_EQ((*results)["configs"]["gsm8k"]["generation_kwargs"]["until"][0], "Question:");
  EXPECT_EQ((*results)["total_evaluation_time_seconds"], "1.5");
  EXPECT_NEAR((*results)["date"].get<double>(), 1714564800.123456, 1e-6);

  const json& runs = (*results)["runs"];
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0]["batch_size"], 1);
  EXPECT_EQ(runs[1]["batch_size"], 4);
  EXPECT_EQ(runs[1]["exact_match,strict-match"], 0.5);
  EXPECT_EQ(runs[1]["mean_ttft_ms"], 100);
  EXPECT_EQ(runs[1]["median_tpot_ms"], 10);
  EXPECT_EQ(runs[1]["p99_itl_ms"], 10);
  EXPECT_EQ(runs[1]["output_throughput"], 100);
  EXPECT_EQ(runs[1]["request_throughput"], 20);
  EXPECT_EQ(runs[1]["total_token_throughput"], 240);
  EXPECT_EQ(runs[1]["total_input_tokens"], 28);
  EXPECT_EQ(runs[1]["total_output_tokens"], 20);
  EXPECT_EQ(runs[1]["completed"], 4);
  EXPECT_EQ(runs[1]["failed"], 0);
  EXPECT_EQ(runs[1]["duration"], 0.2);
  EXPECT_EQ(runs[1]["share_cut_by_length"], 0.25);
  for (const char* name : {"ttft", "tpot", "itl", "e2el"}) {
    for (const char* statistic : {"mean", "median", "std", "p90", "p99"}) {
      EXPECT_TRUE(runs[0].contains(absl::StrCat(statistic, "_", name, "_ms")));
    }
  }
}

TEST_F(EvaluationTest, WritesEverySampleOncePerFilterAndBatchSize) {
  ScriptedCompletionSource source(Answer);
  const absl::StatusOr<Evaluation> evaluation =
      RunEvaluation(*task_, source, {.batch_sizes = {1, 4}}, progress_);
  ASSERT_TRUE(evaluation.ok());
  const absl::StatusOr<std::vector<json>> rows =
      ParseJsonLines(SamplesJsonLines(*task_, *evaluation), "samples");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 16u);
  const json& row = (*rows)[5];  // batch size 1, second filter, second question
  EXPECT_EQ(row["doc_id"], 1);
  EXPECT_EQ(row["batch_size"], 1);
  EXPECT_EQ(row["filter"], "flexible-extract");
  EXPECT_EQ(row["doc"]["question"], "q1");
  EXPECT_EQ(row["target"], "a\xC3\xA9\n#### 1");
  EXPECT_EQ(row["arguments"]["gen_args_0"]["arg_0"], "Question: q1\nAnswer:");
  EXPECT_EQ(row["arguments"]["gen_args_0"]["arg_1"]["max_gen_toks"], 256);
  EXPECT_EQ(row["resps"], json::parse(R"([[" it is 1"]])"));
  EXPECT_EQ(row["filtered_resps"], json::parse(R"(["1"])"));
  EXPECT_EQ(row["metrics"], json::parse(R"(["exact_match"])"));
  EXPECT_EQ(row["exact_match"], 1.0);
  EXPECT_EQ((*rows)[1]["exact_match"], 0.0);
  EXPECT_EQ((*rows)[15]["finish_reason"], "length");
  // json.dumps(doc, indent=2, ensure_ascii=False), as the harness hashes a document.
  EXPECT_EQ(row["doc_hash"],
            Sha256Hex("{\n  \"question\": \"q1\",\n  \"answer\": \"a\xC3\xA9\\n#### 1\"\n}"));
  EXPECT_EQ(row["prompt_hash"], Sha256Hex("Question: q1\nAnswer:"));
  EXPECT_EQ(row["target_hash"], Sha256Hex("a\xC3\xA9\n#### 1"));
}

TEST_F(EvaluationTest, OneQuestionHasNoStandardError) {
  absl::StatusOr<Gsm8kTask> one = Gsm8kTask::Create(
      {.test_path = directory_ + "/questions.jsonl", .num_fewshot = 0, .limit = 1});
  ASSERT_TRUE(one.ok());
  ScriptedCompletionSource source(Answer);
  const absl::StatusOr<Evaluation> evaluation = RunEvaluation(*one, source, {}, progress_);
  ASSERT_TRUE(evaluation.ok());
  const absl::StatusOr<json> results =
      ParseJson(ResultsJson(*one, *evaluation, {.model = "demo"}), "results");
  ASSERT_TRUE(results.ok());
  EXPECT_EQ((*results)["runs"][0]["exact_match_stderr,strict-match"], "N/A");
  EXPECT_THAT(FormatEvaluation(*one, *evaluation), HasSubstr("1.0000 ± N/A"));
}

TEST_F(EvaluationTest, TableHasAColumnPerBatchSize) {
  ScriptedCompletionSource source(Answer);
  const absl::StatusOr<Evaluation> evaluation =
      RunEvaluation(*task_, source, {.batch_sizes = {1, 4}}, progress_);
  ASSERT_TRUE(evaluation.ok());
  EXPECT_EQ(FormatEvaluation(*task_, *evaluation),
            "gsm8k, 0-shot, 4 of 4 questions\n"
            "batch size                                   1                4\n"
            "exact_match, strict-match      0.5000 ± 0.2887  0.5000 ± 0.2887\n"
            "exact_match, flexible-extract  0.7500 ± 0.2500  0.7500 ± 0.2500\n"
            "TTFT mean (ms)                           100.0            100.0\n"
            "TTFT median (ms)                         100.0            100.0\n"
            "TTFT p90 (ms)                            100.0            100.0\n"
            "TTFT p99 (ms)                            100.0            100.0\n"
            "TPOT mean (ms)                            10.0             10.0\n"
            "TPOT median (ms)                          10.0             10.0\n"
            "TPOT p90 (ms)                             10.0             10.0\n"
            "TPOT p99 (ms)                             10.0             10.0\n"
            "ITL mean (ms)                             10.0             10.0\n"
            "ITL median (ms)                           10.0             10.0\n"
            "ITL p90 (ms)                              10.0             10.0\n"
            "ITL p99 (ms)                              10.0             10.0\n"
            "E2EL mean (ms)                           140.0            140.0\n"
            "E2EL median (ms)                         130.0            130.0\n"
            "E2EL p90 (ms)                            182.0            182.0\n"
            "E2EL p99 (ms)                            198.2            198.2\n"
            "output tokens/s                          35.71           100.00\n"
            "all tokens/s                             85.71           240.00\n"
            "requests/s                               7.143           20.000\n"
            "cut by length                           25.0 %           25.0 %\n"
            "truncated prompts                            1                1\n"
            "failed                                       0                0\n");
}

// A task of one question with several answers, of which each filter makes the first word or all.
class VoteTask final : public EvaluationTask {
 public:
  VoteTask() {
    description_ = {.name = "vote",
                    .metrics = {{.name = "exact_match"},
                                {.name = "maj_at_3", .k = 3, .kind = TaskMetric::Kind::kMajority},
                                {.name = "maj_at_5", .k = 5, .kind = TaskMetric::Kind::kMajority}},
                    .filters = {"none"},
                    .max_new_tokens = 9,
                    .num_samples = 5,
                    .num_rows = 1};
  }
  const TaskDescription& description() const override { return description_; }
  int64_t num_items() const override { return 1; }
  TaskItem Item(int64_t) const override { return {.prompt = "q", .document_json = "{}"}; }
  absl::StatusOr<std::vector<FilteredScore>> Score(int64_t, absl::string_view text) const override {
    return std::vector<FilteredScore>{{std::string(text), text == "7"}};
  }

 private:
  TaskDescription description_;
};

TEST_F(EvaluationTest, AMajorityOfTheFirstAnswersDecidesAndATieGoesToTheFirst) {
  const VoteTask task;
  constexpr const char* kAnswers[] = {"8", "7", "6", "7", "8"};
  ScriptedCompletionSource source([&](const CompletionRequest& request) {
    return ScriptedCompletion{.text = kAnswers[request.id % 5]};
  });
  const absl::StatusOr<Evaluation> evaluation =
      RunEvaluation(task, source, {.sampling = {.temperature = 1}}, progress_);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  const BatchSizeRun& run = evaluation->runs[0];
  EXPECT_DOUBLE_EQ(run.Metric(0, 0).mean, 0.4);
  EXPECT_DOUBLE_EQ(run.Metric(1, 0).mean, 0);  // 8, 7, 6: all once, so the first, 8
  EXPECT_DOUBLE_EQ(run.Metric(2, 0).mean, 0);  // 8 and 7 twice
  constexpr const char* kOthers[] = {"8", "7", "7", "1", "8"};
  ScriptedCompletionSource others([&](const CompletionRequest& request) {
    return ScriptedCompletion{.text = kOthers[request.id % 5]};
  });
  const absl::StatusOr<Evaluation> second =
      RunEvaluation(task, others, {.sampling = {.temperature = 1}}, progress_);
  ASSERT_TRUE(second.ok());
  EXPECT_DOUBLE_EQ(second->runs[0].Metric(1, 0).mean, 1);
  EXPECT_DOUBLE_EQ(second->runs[0].Metric(2, 0).mean, 0);
  EXPECT_THAT(SamplesJsonLines(task, *second), HasSubstr(R"("maj_at_3":1.0)"));
}

TEST_F(EvaluationTest, AResumedRunEqualsAnUndisturbedOne) {
  const auto open = [&](JournalOptions::Mode mode) {
    return CompletionJournal::Open(
        {.records_path = directory_ + "/answers.jsonl", .identity = "{}", .mode = mode});
  };
  const EvaluationOptions options = {.batch_sizes = {1, 4}};
  ScriptedCompletionSource undisturbed(Answer);
  const absl::StatusOr<Evaluation> expected =
      RunEvaluation(*task_, undisturbed, options, progress_);
  ASSERT_TRUE(expected.ok());

  // Each run ends after its second result: the warm-up's one and one answer.
  int64_t num_runs = 0;
  absl::StatusOr<Evaluation> evaluation;
  do {
    ScriptedCompletionSource source(Answer);
    source.end_after = 2;
    auto journal =
        open(num_runs == 0 ? JournalOptions::Mode::kStart : JournalOptions::Mode::kResume);
    ASSERT_TRUE(journal.ok()) << journal.status();
    EXPECT_EQ(journal->num_found(), num_runs);
    evaluation = RunEvaluation(*task_, source, options, progress_, &*journal);
    ASSERT_TRUE(evaluation.ok() || absl::IsCancelled(evaluation.status())) << evaluation.status();
    ++num_runs;
  } while (!evaluation.ok() && num_runs < 20);
  ASSERT_TRUE(evaluation.ok());
  EXPECT_EQ(num_runs, 9);  // two batch sizes of four answers, and one run that finds all
  for (size_t i = 0; i < 2; ++i) {
    const BatchSizeRun& run = evaluation->runs[i];
    EXPECT_EQ(run.num_resumed, 4);
    EXPECT_EQ(run.accuracies, expected->runs[i].accuracies);
    ASSERT_EQ(run.samples.size(), 4u);
    for (size_t j = 0; j < 4; ++j) {
      EXPECT_EQ(run.samples[j].completion, expected->runs[i].samples[j].completion);
    }
    EXPECT_EQ(run.latency.total_output_tokens, 20);
    EXPECT_DOUBLE_EQ(run.latency.ttft_ms->mean, 100);
    EXPECT_DOUBLE_EQ(run.latency.tpot_ms->mean, 10);
    // One answer a run, one after another.
    EXPECT_DOUBLE_EQ(run.latency.duration_s, 0.56);
  }
}

}  // namespace
}  // namespace strata
