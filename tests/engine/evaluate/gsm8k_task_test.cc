#include "engine/evaluate/gsm8k_task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "engine/evaluate/sha256.h"
#include "kernels/base/file.h"
#include "kernels/base/json.h"

namespace strata {
namespace {

using ::testing::HasSubstr;

constexpr char kSharedData[] = STRATA_SOURCE_DIR "/../shared/data/";
constexpr char kDemoData[] = STRATA_SOURCE_DIR "/models/demo/data/";

std::string Row(absl::string_view question, absl::string_view answer) {
  return nlohmann::json{{"question", std::string(question)}, {"answer", std::string(answer)}}
             .dump() +
         "\n";
}

class Gsm8kTaskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    directory_ = absl::StrCat(::testing::TempDir(), "gsm8k_task_", name);
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& contents) {
    const std::string path = absl::StrCat(directory_, "/", name);
    EXPECT_TRUE(WriteFileAtomically(path, contents).ok());
    return path;
  }

  // Seven training rows and three test rows.
  std::string WriteSmallSet() {
    std::string train;
    for (int i = 0; i < 7; ++i) train += Row(absl::StrCat("tq", i), absl::StrCat("ta\n#### ", i));
    Write("gsm_train.jsonl", train);
    return Write("gsm_test.jsonl", Row("q0", "a\n#### 10") + Row("q1", "b\n#### 11") + "\n" +
                                       Row("q2", "c\n#### 1,012"));
  }

  std::string directory_;
};

TEST_F(Gsm8kTaskTest, BuildsPromptsFromDrawnExamples) {
  const absl::StatusOr<Gsm8kTask> task = Gsm8kTask::Create({.test_path = WriteSmallSet()});
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_EQ(task->num_items(), 3);
  const std::vector<std::vector<int64_t>> shots = DrawGsm8kShots(7, 3, 5);
  std::string expected;
  for (const int64_t shot : shots[1]) {
    absl::StrAppend(&expected, "Question: tq", shot, "\nAnswer: ta\n#### ", shot, "\n\n");
  }
  absl::StrAppend(&expected, "Question: q1\nAnswer:");
  EXPECT_EQ(task->Item(1).prompt, expected);
  EXPECT_EQ(task->Item(1).target, "b\n#### 11");
  EXPECT_EQ(task->description().num_fewshot, 5);
  EXPECT_EQ(task->description().max_new_tokens, 256);
  EXPECT_EQ(task->description().num_rows, 3);
}

TEST_F(Gsm8kTaskTest, FewerShotsAreDrawnOnTheirOwnAndALimitIsAPrefix) {
  const std::string path = WriteSmallSet();
  const absl::StatusOr<Gsm8kTask> two =
      Gsm8kTask::Create({.test_path = path, .num_fewshot = 2, .limit = 2});
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_EQ(two->num_items(), 2);
  EXPECT_EQ(two->description().num_rows, 3);
  const std::vector<int64_t> shots = DrawGsm8kShots(7, 3, 2)[1];
  EXPECT_EQ(
      two->Item(1).prompt,
      absl::StrCat("Question: tq", shots[0], "\nAnswer: ta\n#### ", shots[0], "\n\nQuestion: tq",
                   shots[1], "\nAnswer: ta\n#### ", shots[1], "\n\nQuestion: q1\nAnswer:"));
  EXPECT_EQ(Gsm8kTask::Create({.test_path = path, .limit = 100})->num_items(), 3);
}

TEST_F(Gsm8kTaskTest, ZeroShotsNeedNoTrainingFile) {
  const std::string path = Write("questions.jsonl", Row("q0", "#### 1"));
  const absl::StatusOr<Gsm8kTask> task = Gsm8kTask::Create({.test_path = path, .num_fewshot = 0});
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_EQ(task->Item(0).prompt, "Question: q0\nAnswer:");
}

TEST_F(Gsm8kTaskTest, MoreThanFiveShotsAreDrawnTogether) {
  const absl::StatusOr<Gsm8kTask> task =
      Gsm8kTask::Create({.test_path = WriteSmallSet(), .num_fewshot = 7});
  ASSERT_TRUE(task.ok()) << task.status();
  for (int i = 0; i < 7; ++i) {
    EXPECT_THAT(task->Item(2).prompt, HasSubstr(absl::StrCat("Question: tq", i, "\n")));
  }
}

TEST_F(Gsm8kTaskTest, ScoresBehindTheStopStrings) {
  const absl::StatusOr<Gsm8kTask> task = Gsm8kTask::Create({.test_path = WriteSmallSet()});
  ASSERT_TRUE(task.ok()) << task.status();
  const absl::StatusOr<std::vector<FilteredScore>> scores =
      task->Score(2, " so\n#### 1012\n\nQuestion: q\nAnswer: #### 5");
  ASSERT_TRUE(scores.ok());
  EXPECT_EQ(*scores, (std::vector<FilteredScore>{{"1012", true}, {"1012", true}}));
}

TEST_F(Gsm8kTaskTest, ErrorsNameFileAndLine) {
  const auto message = [this](const std::string& contents) {
    const std::string path = Write("test.jsonl", contents);
    const absl::Status status = LoadGsm8kRows(path).status();
    EXPECT_FALSE(status.ok());
    return std::string(status.message());
  };
  const std::string good = Row("q", "#### 1");
  EXPECT_THAT(message(good + "\n{\"question\": \"q\"}\n"), HasSubstr("test.jsonl:3: key 'answer'"));
  EXPECT_THAT(message(good + "{\"question\": 5, \"answer\": \"#### 1\"}"),
              HasSubstr("test.jsonl:2: key 'question'"));
  EXPECT_THAT(message(good + good + "not json"), HasSubstr("test.jsonl:3"));
  EXPECT_THAT(message(good + "[1]"), HasSubstr("test.jsonl:2"));
  EXPECT_THAT(message(Row("q", "18")), HasSubstr("#### n"));
  EXPECT_THAT(message("\xff\xfe"), HasSubstr("test.jsonl:1"));
  EXPECT_THAT(message("\n\n"), HasSubstr("no rows"));
  EXPECT_TRUE(absl::IsNotFound(LoadGsm8kRows(directory_ + "/absent.jsonl").status()));
}

TEST_F(Gsm8kTaskTest, RefusesWhatCannotBeHonoured) {
  const std::string path = WriteSmallSet();
  EXPECT_THAT(Gsm8kTask::Create({.test_path = path, .num_fewshot = -1}).status().message(),
              HasSubstr("number of shots"));
  EXPECT_THAT(Gsm8kTask::Create({.test_path = path, .num_fewshot = 8}).status().message(),
              HasSubstr("at most the 7 rows"));
  EXPECT_THAT(Gsm8kTask::Create({.test_path = path, .limit = 0}).status().message(),
              HasSubstr("limit"));
  std::filesystem::remove(directory_ + "/gsm_train.jsonl");
  const absl::Status status = Gsm8kTask::Create({.test_path = path}).status();
  EXPECT_THAT(status.message(), HasSubstr("few-shot data"));
  EXPECT_THAT(status.message(), HasSubstr("gsm_train.jsonl"));
}

TEST_F(Gsm8kTaskTest, ChainOfThoughtShowsTheUsersExamplesInOrder) {
  const std::string examples =
      Write("examples.jsonl", Row("e0", "So 1. The answer is 1.") +
                                  R"({"question": "e1", "target": "The answer is 2."})" + "\n");
  const absl::StatusOr<Gsm8kTask> task = Gsm8kTask::Create({.protocol = Gsm8kProtocol::kGsm8kCot,
                                                            .test_path = WriteSmallSet(),
                                                            .examples_path = examples});
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_EQ(task->description().name, "gsm8k_cot");
  EXPECT_EQ(task->description().num_fewshot, 2);
  EXPECT_EQ(task->description().stop.front(), "Q:");
  EXPECT_EQ(task->Item(2).prompt,
            "Q: e0\nA: So 1. The answer is 1.\n\nQ: e1\nA: The answer is 2.\n\nQ: q2\nA:");
  const auto scores = task->Score(2, " It is. The answer is 1012.\n\nQ: 5");
  ASSERT_TRUE(scores.ok());
  EXPECT_EQ(*scores, (std::vector<FilteredScore>{{"1012", true}, {"1012.", true}}));
}

TEST_F(Gsm8kTaskTest, ZeroshotChainOfThoughtAsksForSteps) {
  const absl::StatusOr<Gsm8kTask> task = Gsm8kTask::Create(
      {.protocol = Gsm8kProtocol::kGsm8kCotZeroshot, .test_path = WriteSmallSet()});
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_EQ(task->Item(0).prompt, "Q: q0\nA: Let's think step by step.");
  EXPECT_TRUE((*task->Score(0, "The answer is 10.\n"))[0].correct);
}

TEST_F(Gsm8kTaskTest, AChatIsOneTurnOrManyTurns) {
  const std::string test = WriteSmallSet();
  const auto one = Gsm8kTask::Create(
      {.test_path = test, .num_fewshot = 1, .same_shots = true, .chat_form = ChatForm::kOneTurn});
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(*ParseJson(one->Item(0).messages, "messages"),
            (nlohmann::json::array({{{"role", "user"}, {"content", one->Item(0).prompt}}})));
  const auto turns = Gsm8kTask::Create(
      {.test_path = test, .num_fewshot = 1, .same_shots = true, .chat_form = ChatForm::kTurns});
  ASSERT_TRUE(turns.ok());
  EXPECT_EQ(*ParseJson(turns->Item(0).messages, "messages"),
            (nlohmann::json::array({{{"role", "user"}, {"content", "Question: tq0\nAnswer:"}},
                                    {{"role", "assistant"}, {"content", "ta\n#### 0"}},
                                    {{"role", "user"}, {"content", "Question: q0\nAnswer:"}}})));
}

TEST_F(Gsm8kTaskTest, WhatWasThoughtIsNotScored) {
  const auto task =
      Gsm8kTask::Create({.test_path = WriteSmallSet(), .num_fewshot = 0, .think_end = "</think>"});
  ASSERT_TRUE(task.ok());
  // Neither the stop strings in the thoughts nor the numbers there count.
  EXPECT_TRUE(
      (*task->Score(0, "Question: a #### 3</think>b #### 4</think>\n #### 10\n"))[0].correct);
  EXPECT_TRUE((*task->Score(0, "#### 10"))[0].correct);
}

TEST_F(Gsm8kTaskTest, RefusesProtocolsWithoutWhatTheyNeed) {
  const std::string test = WriteSmallSet();
  const std::pair<const char*, Gsm8kTaskOptions> cases[] = {
      {"--fewshot-file", {.protocol = Gsm8kProtocol::kGsm8kCot, .test_path = test}},
      {"gsm8k_cot alone", {.test_path = test, .examples_path = test}},
      {"no examples",
       {.protocol = Gsm8kProtocol::kGsm8kCotZeroshot, .test_path = test, .num_fewshot = 2}},
      {"maj@3", {.test_path = test, .num_samples = 2, .maj_at = {3}}},
      {"new tokens", {.test_path = test, .max_new_tokens = 0}},
  };
  for (const auto& [cause, options] : cases) {
    EXPECT_THAT(Gsm8kTask::Create(options).status().message(), HasSubstr(cause));
  }
}

TEST(Gsm8kTrainPathTest, FindsTheSibling) {
  EXPECT_EQ(*Gsm8kTrainPath("d/gsm8k_test.jsonl"), "d/gsm8k_train.jsonl");
  EXPECT_EQ(*Gsm8kTrainPath("d/test.jsonl"), "d/train.jsonl");
  EXPECT_EQ(*Gsm8kTrainPath("test.jsonl"), "train.jsonl");
  EXPECT_EQ(*Gsm8kTrainPath("models/demo/data/gsm_test.jsonl"), "models/demo/data/gsm_train.jsonl");
  EXPECT_EQ(*Gsm8kTrainPath("d/test-00000-of-00001.parquet"), "d/train-00000-of-00001.parquet");
  EXPECT_EQ(*Gsm8kTrainPath("test-a.parquet"), "train-a.parquet");
  for (const char* unknown : {"latest.jsonl", "d/test.json", "gsm8k.jsonl", "", "d/contest.jsonl",
                              "d/contest-0.parquet", "test-d/gsm8k.parquet"}) {
    EXPECT_FALSE(Gsm8kTrainPath(unknown).ok()) << unknown;
  }
}

TEST(Gsm8kTaskParquetTest, ParquetGivesThePromptsOfTheJsonLines) {
  const std::string golden =
      absl::StrCat(STRATA_SOURCE_DIR, "/tests/engine/evaluate/parquet/golden/gsm8k");
  const auto create = [&golden](const char* ending) {
    return Gsm8kTask::Create({.test_path = golden + ending, .train_path = golden + ending});
  };
  const auto parquet = create(".parquet"), lines = create(".jsonl");
  ASSERT_TRUE(parquet.ok() && lines.ok()) << parquet.status() << lines.status();
  ASSERT_EQ(parquet->num_items(), 40);
  for (int64_t i = 0; i < parquet->num_items(); ++i) {
    EXPECT_EQ(parquet->Item(i).prompt, lines->Item(i).prompt);
    EXPECT_EQ(parquet->Item(i).target, lines->Item(i).target);
  }
}

// Compares our draw with a table file; skips when it is not there.
void ExpectDrawEqualsTable(const std::string& table_path, const std::string& train_path) {
  const absl::StatusOr<nlohmann::json> table = ReadJsonFile(table_path);
  if (!table.ok()) GTEST_SKIP() << "the table is not here: " << table.status();
  const absl::StatusOr<std::vector<Gsm8kRow>> train = LoadGsm8kRows(train_path);
  ASSERT_TRUE(train.ok()) << train.status();
  const auto indices = (*table)["indices"].get<std::vector<std::vector<int64_t>>>();
  ASSERT_FALSE(indices.empty());
  const std::vector<std::vector<int64_t>> drawn =
      DrawGsm8kShots(static_cast<int64_t>(train->size()), static_cast<int64_t>(indices.size()), 5);
  EXPECT_EQ(drawn, indices);
}

TEST(DrawGsm8kShotsTest, EqualsTheHarnessTable) {
  ExpectDrawEqualsTable(absl::StrCat(kSharedData, "gsm8k_fewshot_seed1234.json"),
                        absl::StrCat(kSharedData, "gsm8k_train.jsonl"));
}

TEST(DrawGsm8kShotsTest, EqualsTheDemoTable) {
  ExpectDrawEqualsTable(absl::StrCat(kDemoData, "gsm_fewshot.json"),
                        absl::StrCat(kDemoData, "gsm_train.jsonl"));
}

// The hash of all 1319 prompts, each ended by a zero byte, as a Python program makes them that
// follows the harness's templates and its table of draws.
TEST(Gsm8kPromptsTest, EqualTheHarnessPrompts) {
  const std::string test_path = absl::StrCat(kSharedData, "gsm8k_test.jsonl");
  if (!std::filesystem::exists(test_path)) GTEST_SKIP() << "GSM8K is not here: " << test_path;
  const absl::StatusOr<Gsm8kTask> task = Gsm8kTask::Create({.test_path = test_path});
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_EQ(task->num_items(), 1319);
  std::string all;
  for (int64_t i = 0; i < task->num_items(); ++i) {
    absl::StrAppend(&all, task->Item(i).prompt, absl::string_view("\0", 1));
  }
  EXPECT_EQ(Sha256Hex(all), "90c166d5c3e3026061cfa63a694800e2cc31cdc12da84ff0fea81cccf9c93092");
}

}  // namespace
}  // namespace strata
