#include "engine/cli/batch_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/cli/exit_code.h"
#include "kernels/base/file.h"
#include "kernels/base/json.h"
#include "tests/engine/cli/killed_program.h"

namespace strata {
namespace {

using ::testing::HasSubstr;

class BatchCommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = absl::StrCat(::testing::TempDir(), "batch_command_",
                              ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    options_.model.model = absl::StrCat(STRATA_SOURCE_DIR, "/models/demo/model");
    options_.model.num_threads = 1;
    options_.input_path = directory_ + "/in.jsonl";
    options_.output_path = directory_ + "/out.jsonl";
    options_.batch_size = 4;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static std::string Row(int index) {
    return absl::StrCat(R"({"custom_id": "row-)", index,
                        R"(", "method": "POST", "url": "/v1/completions", "body": {"prompt": )",
                        R"("Question: Tom has )", index,
                        R"( apples and buys 3 more. How many?\nAnswer:", "temperature": 0, )",
                        R"("max_tokens": )", 1 + index % 12, "}}\n");
  }

  void WriteRows(int num_rows) {
    std::string rows;
    for (int i = 0; i < num_rows; ++i) rows += Row(i);
    ASSERT_TRUE(WriteFileAtomically(options_.input_path, rows).ok());
  }

  int Run() {
    err_.str("");
    return RunBatch(options_, err_);
  }

  std::vector<std::string> SortedLines(const std::string& path) {
    std::vector<std::string> lines = absl::StrSplit(*ReadFile(path), '\n', absl::SkipEmpty());
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  // Starts the program itself; the process id.
  pid_t Start(const std::string& output_path) {
    const pid_t child = fork();
    if (child != 0) return child;
    const std::string log = directory_ + "/log";
    if (freopen(log.c_str(), "a", stderr) == nullptr) _exit(97);
    execl(STRATA_PROGRAM, STRATA_PROGRAM, "batch", "--model", options_.model.model.c_str(),
          "--input", options_.input_path.c_str(), "--output", output_path.c_str(), "--threads", "1",
          "--batch-size", "4", "--resume", nullptr);
    _exit(98);
  }

  std::string directory_;
  BatchOptions options_;
  std::ostringstream err_;
};

TEST_F(BatchCommandTest, KilledAtTwentyPointsItLosesNothingAndRepeatsNothing) {
  constexpr int kNumRows = 200;
  WriteRows(kNumRows);
  const std::string undisturbed = directory_ + "/undisturbed.jsonl";
  int status = 0;
  ASSERT_EQ(waitpid(Start(undisturbed), &status, 0) >= 0 && WIFEXITED(status), true);
  ASSERT_EQ(WEXITSTATUS(status), kExitDone) << *ReadFile(directory_ + "/log");
  const std::vector<std::string> expected = SortedLines(undisturbed);
  ASSERT_EQ(expected.size(), static_cast<size_t>(kNumRows));
  const uintmax_t full_size = SizeOf(undisturbed);

  std::mt19937 random(20261122);
  int num_killed = 0;
  for (int round = 0; num_killed < 20; ++round) {
    ASSERT_LT(round, 60) << "the program ends before it can be killed";
    // So far the output shall grow before the kill: every round its share, and a random bit more.
    // The first rounds hit the start of the program, before there is any output.
    const uintmax_t goal = num_killed < 2 ? 0
                                          : SizeOf(options_.output_path) + full_size / 26 +
                                                random() % (full_size / 100);
    const pid_t child = Start(options_.output_path);
    ASSERT_GT(child, 0);
    status = KillOnceGrown(child, options_.output_path, goal, random);
    if (WIFSIGNALED(status)) {
      ++num_killed;
    } else {  // this process was not given the time to kill it
      ASSERT_EQ(WEXITSTATUS(status), kExitDone) << *ReadFile(directory_ + "/log");
      EXPECT_EQ(SortedLines(options_.output_path), expected);
      std::filesystem::remove(options_.output_path);
      std::filesystem::remove(options_.output_path + ".journal");
    }
    if (round % 3 == 2) LosePartOfLastLine(options_.output_path, random);
  }
  ASSERT_GT(waitpid(Start(options_.output_path), &status, 0), 0);
  ASSERT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, kExitDone)
      << *ReadFile(directory_ + "/log");
  EXPECT_EQ(SortedLines(options_.output_path), expected);
}

TEST_F(BatchCommandTest, AnInterruptSavesWhatIsFinished) {
  WriteRows(200);
  const pid_t child = Start(options_.output_path);
  ASSERT_GT(child, 0);
  int status = 0;
  while (SizeOf(options_.output_path) == 0 && waitpid(child, &status, WNOHANG) == 0) {
  }
  kill(child, SIGINT);
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kExitInterrupted) << *ReadFile(directory_ + "/log");
  const std::string text = *ReadFile(options_.output_path);
  EXPECT_EQ(text.back(), '\n');
  EXPECT_LT(SortedLines(options_.output_path).size(), 200u);
}

TEST_F(BatchCommandTest, WritesOpenAisOutputLines) {
  ASSERT_TRUE(
      WriteFileAtomically(
          options_.input_path,
          R"({"custom_id": "c", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": [{"role": "user", "content": "Add 1 and 2."}], "temperature": 0.7, "n": 2, "seed": 5, "max_tokens": 5}}
{"custom_id": "t", "method": "POST", "url": "/v1/completions", "body": {"prompt": ["Question:", "A"], "max_tokens": 3}}
{"custom_id": "long", "method": "POST", "url": "/v1/completions", "body": {"prompt": "A", "max_tokens": 5000}}
)")
          .ok());
  EXPECT_EQ(Run(), kExitPartial) << err_.str();
  std::vector<nlohmann::json> rows;
  for (const std::string& line : SortedLines(options_.output_path)) {
    rows.push_back(*ParseJson(line, "output"));
  }
  ASSERT_EQ(rows.size(), 3u);
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a["custom_id"] < b["custom_id"]; });
  const nlohmann::json& chat = rows[0]["response"]["body"];
  EXPECT_EQ(chat["object"], "chat.completion");
  ASSERT_EQ(chat["choices"].size(), 2u);
  EXPECT_EQ(chat["choices"][1]["message"]["role"], "assistant");
  EXPECT_EQ(chat["usage"]["total_tokens"].get<int64_t>(),
            chat["usage"]["prompt_tokens"].get<int64_t>() +
                chat["usage"]["completion_tokens"].get<int64_t>());
  EXPECT_EQ(rows[1]["custom_id"], "long");
  EXPECT_EQ(rows[1]["response"]["status_code"], 400);
  EXPECT_THAT(rows[1]["response"]["body"]["error"]["message"].get<std::string>(),
              HasSubstr("context"));
  EXPECT_EQ(rows[2]["response"]["body"]["choices"].size(), 2u);
  EXPECT_EQ(rows[2]["error"], nullptr);

  // Done, failed rows included: resuming adds nothing.
  const std::string before = *ReadFile(options_.output_path);
  options_.resume = true;
  EXPECT_EQ(Run(), kExitPartial) << err_.str();
  EXPECT_EQ(*ReadFile(options_.output_path), before);
}

TEST_F(BatchCommandTest, MalformedLinesStopTheJobOrAreSkipped) {
  ASSERT_TRUE(WriteFileAtomically(options_.input_path, Row(0) + "{\n" + Row(1)).ok());
  EXPECT_EQ(Run(), kExitBadInput);
  EXPECT_THAT(err_.str(), HasSubstr("in.jsonl:2: "));
  EXPECT_FALSE(std::filesystem::exists(options_.output_path));
  options_.skip_malformed = true;
  EXPECT_EQ(Run(), kExitPartial) << err_.str();
  EXPECT_EQ(SortedLines(options_.output_path).size(), 2u);
}

TEST_F(BatchCommandTest, RefusesWhatWouldDestroyWork) {
  WriteRows(1);
  options_.output_path = options_.input_path;
  EXPECT_EQ(Run(), kExitBadInput);
  EXPECT_THAT(err_.str(), HasSubstr("is the input file"));
  options_.output_path = directory_ + "/out.jsonl";
  ASSERT_EQ(Run(), kExitDone) << err_.str();
  EXPECT_EQ(Run(), kExitBadInput);
  EXPECT_THAT(err_.str(), HasSubstr("--resume"));
  options_.resume = true;
  options_.model.seed = 9;
  EXPECT_EQ(Run(), kExitBadInput);
  EXPECT_THAT(err_.str(), HasSubstr("seed was 0 and is 9"));
}

}  // namespace
}  // namespace strata
