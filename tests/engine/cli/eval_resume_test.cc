// What an evaluation is worth that is ended at a bad moment: the program itself is started, killed
// or interrupted, and resumed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/cli/exit_code.h"
#include "kernels/base/file.h"
#include "tests/engine/cli/killed_program.h"
#include "tests/engine/evaluate/endpoint/openai_server.h"

namespace strata {
namespace {

using ::testing::HasSubstr;

class EvalResumeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = absl::StrCat(::testing::TempDir(), "eval_resume_",
                              ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    model_ = {"--model", absl::StrCat(STRATA_SOURCE_DIR, "/models/demo/model"), "--threads", "1"};
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // Starts `strata eval gsm8k` on the demo model's 200 problems; the process id.
  pid_t Start(const std::string& output) {
    std::vector<std::string> arguments = {
        STRATA_PROGRAM,
        "eval",
        "gsm8k",
        "--data",
        absl::StrCat(STRATA_SOURCE_DIR, "/models/demo/data/gsm_test.jsonl"),
        "--num-fewshot",
        "0",
        "--max-new-tokens",
        "12",
        "--batch-sizes",
        "4",
        "--output",
        output,
        "--resume"};
    arguments.insert(arguments.end(), model_.begin(), model_.end());
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    const std::string log = directory_ + "/log";
    const pid_t child = fork();
    if (child != 0) return child;
    if (freopen(log.c_str(), "a", stderr) == nullptr) _exit(97);
    if (freopen("/dev/null", "w", stdout) == nullptr) _exit(97);
    execv(STRATA_PROGRAM, pointers.data());
    _exit(98);
  }

  // The code with which a process ended; -1 for one that a signal ended.
  static int CodeOf(pid_t child) {
    int status = 0;
    if (waitpid(child, &status, 0) != child) return -2;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  // All sample rows of a finished run: prompts, answers, marks; there is no clock in them.
  static std::string Samples(const std::string& output) {
    std::string text;
    for (const auto& entry : std::filesystem::directory_iterator(output)) {
      if (absl::StartsWith(entry.path().filename().string(), "samples_")) {
        text += ReadFile(entry.path().string()).value_or("");
      }
    }
    return text;
  }

  std::string Log() const { return ReadFile(directory_ + "/log").value_or(""); }

  std::string directory_;
  std::vector<std::string> model_;
};

TEST_F(EvalResumeTest, KilledAtTwentyPointsItGivesTheSamplesOfAnUndisturbedRun) {
  const std::string undisturbed = directory_ + "/undisturbed", output = directory_ + "/killed";
  ASSERT_EQ(CodeOf(Start(undisturbed)), kExitDone) << Log();
  const std::string expected = Samples(undisturbed);
  ASSERT_EQ(std::count(expected.begin(), expected.end(), '\n'), 400);  // two filters
  EXPECT_FALSE(std::filesystem::exists(undisturbed + "/answers_gsm8k.jsonl"));

  const std::string answers = output + "/answers_gsm8k.jsonl";
  std::mt19937 random(20261128);
  int num_killed = 0;
  for (int round = 0; num_killed < 20; ++round) {
    ASSERT_LT(round, 60) << "the program ends before it can be killed: " << Log();
    // The answers shall grow by some six rows of about 200 bytes before the kill; the first rounds
    // hit the start.
    const uintmax_t goal = num_killed < 2 ? 0 : SizeOf(answers) + 1000 + random() % 400;
    const pid_t child = Start(output);
    ASSERT_GT(child, 0);
    const int status = KillOnceGrown(child, answers, goal, random);
    if (WIFSIGNALED(status)) {
      ++num_killed;
    } else {  // this process was not given the time to kill it
      ASSERT_EQ(WEXITSTATUS(status), kExitDone) << Log();
      EXPECT_TRUE(Samples(output) == expected) << "the samples differ from the undisturbed run's";
      std::filesystem::remove_all(output);
    }
    if (round % 3 == 2) LosePartOfLastLine(answers, random);
  }
  ASSERT_EQ(CodeOf(Start(output)), kExitDone) << Log();
  EXPECT_TRUE(Samples(output) == expected) << "the samples differ from the undisturbed run's";
  EXPECT_FALSE(std::filesystem::exists(answers));
}

TEST_F(EvalResumeTest, AnInterruptKeepsTheAnswersAndEndsWith130) {
  const std::string output = directory_ + "/out", answers = output + "/answers_gsm8k.jsonl";
  const pid_t child = Start(output);
  ASSERT_GT(child, 0);
  while (SizeOf(answers) == 0 && waitpid(child, nullptr, WNOHANG) == 0) {
  }
  kill(child, SIGINT);
  EXPECT_EQ(CodeOf(child), kExitInterrupted) << Log();
  EXPECT_THAT(Log(), HasSubstr("--resume goes on"));
  const std::string kept = *ReadFile(answers);
  EXPECT_EQ(kept.back(), '\n');
  EXPECT_EQ(CodeOf(Start(output)), kExitDone) << Log();
  EXPECT_THAT(Log(),
              HasSubstr(absl::StrCat("resuming: ", std::count(kept.begin(), kept.end(), '\n'),
                                     " answers are there")));
}

TEST_F(EvalResumeTest, AnInterruptEndsTheAskingOfAServer) {
  const OpenAiServer server;
  if (server.port() == 0) GTEST_SKIP() << "there is no python3";
  model_ = {"--endpoint", server.address() + "/v1", "--endpoint-model", "slow"};
  const std::string output = directory_ + "/out", answers = output + "/answers_gsm8k.jsonl";
  const pid_t child = Start(output);
  ASSERT_GT(child, 0);
  while (SizeOf(answers) == 0 && waitpid(child, nullptr, WNOHANG) == 0) {
  }
  kill(child, SIGINT);
  EXPECT_EQ(CodeOf(child), kExitInterrupted) << Log();
  EXPECT_EQ(ReadFile(answers)->back(), '\n');
}

}  // namespace
}  // namespace strata
