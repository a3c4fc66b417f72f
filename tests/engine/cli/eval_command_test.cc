#include "engine/cli/eval_command.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "engine/cli/exit_code.h"
#include "engine/evaluate/sandbox/sandbox.h"
#include "kernels/base/file.h"
#include "kernels/base/json.h"
#include "tests/engine/evaluate/endpoint/openai_server.h"

namespace strata {
namespace {

EvalOptions DemoOptions() {
  const std::string demo = absl::StrCat(STRATA_SOURCE_DIR, "/models/demo");
  EvalOptions options;
  options.model.model = demo + "/model";
  options.model.num_threads = 2;
  options.task = "gsm8k";
  options.data = demo + "/data/gsm_test.jsonl";
  options.batch_sizes = {1, 4, 16};
  options.limit = 16;
  options.json = true;
  return options;
}

TEST(EvalCommandTest, TheDemoModelSolvesItsProblemsAlikeInEveryBatchSize) {
  std::ostringstream out, err;
  ASSERT_EQ(RunEval(DemoOptions(), out, err), kExitDone) << err.str();
  const nlohmann::json results = *ParseJson(out.str(), "stdout");
  const nlohmann::json& runs = results["runs"];
  ASSERT_EQ(runs.size(), 3u);
  for (const nlohmann::json& run : runs) {
    // The model's README states its accuracy over 200; 16 of them must not fall to chance.
    EXPECT_GE(run["exact_match,strict-match"].get<double>(), 0.4) << run;
    EXPECT_EQ(run["exact_match,strict-match"], runs[0]["exact_match,strict-match"]);
    EXPECT_EQ(run["exact_match,flexible-extract"], runs[0]["exact_match,flexible-extract"]);
    EXPECT_EQ(run["total_output_tokens"], runs[0]["total_output_tokens"]);
    EXPECT_EQ(run["completed"], 16);
    EXPECT_EQ(run["failed"], 0);
    EXPECT_GT(run["mean_ttft_ms"].get<double>(), 0.0);
    EXPECT_GT(run["output_throughput"].get<double>(), 0.0);
  }
}

TEST(EvalCommandTest, WritesResultAndSampleFiles) {
  EvalOptions options = DemoOptions();
  options.limit = 2;
  options.batch_sizes = {2};
  options.output = absl::StrCat(::testing::TempDir(), "eval_command_files");
  std::filesystem::remove_all(options.output);
  std::ostringstream out, err;
  ASSERT_EQ(RunEval(options, out, err), kExitDone) << err.str();
  int num_files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options.output)) {
    num_files += entry.is_regular_file() ? 1 : 0;
  }
  EXPECT_EQ(num_files, 5);  // results, samples, report as page, markdown and CSV; no journal
  const std::string page = *ReadFile(options.output + "/report.html");
  EXPECT_NE(page.find("gsm8k"), std::string::npos);
}

TEST(EvalCommandTest, ARunGoesOnFromItsJournalAndRefusesAnothers) {
  EvalOptions options = DemoOptions();
  options.limit = 3;
  options.batch_sizes = {2};
  options.output = absl::StrCat(::testing::TempDir(), "eval_command_resume");
  std::filesystem::remove_all(options.output);
  std::filesystem::create_directories(options.output);
  // Another run's journal with nothing in it yet, and what a started run leaves.
  ASSERT_TRUE(WriteFileAtomically(options.output + "/answers_gsm8k.jsonl", "{\"id\": 0}\n").ok());
  std::ostringstream out, err;
  EXPECT_EQ(RunEval(options, out, err), kExitBadInput);
  EXPECT_NE(err.str().find("--resume"), std::string::npos) << err.str();
  options.resume = true;
  EXPECT_EQ(RunEval(options, out, err), kExitBadInput);
  EXPECT_NE(err.str().find("what job"), std::string::npos) << err.str();
  std::filesystem::remove(options.output + "/answers_gsm8k.jsonl");
  EXPECT_EQ(RunEval(options, out, err), kExitDone) << err.str();
  EXPECT_EQ((*ParseJson(out.str(), "stdout"))["runs"][0]["completed"], 3);
}

TEST(EvalCommandTest, ChatAndSeveralAnswersAndStaticBatches) {
  EvalOptions options = DemoOptions();
  options.limit = 4;
  options.batch_sizes = {3};
  options.num_fewshot = 0;
  options.chat = true;
  options.static_batching = true;
  options.num_samples = 3;
  options.temperature = 0.3;
  options.goodput = "ttft:100000,tpot:100000";
  std::ostringstream out, err;
  ASSERT_EQ(RunEval(options, out, err), kExitDone) << err.str();
  const nlohmann::json results = *ParseJson(out.str(), "stdout");
  const nlohmann::json& run = results["runs"][0];
  EXPECT_EQ(run["completed"], 12);
  EXPECT_TRUE(run.contains("maj_at_3,strict-match")) << run;
  EXPECT_EQ(run["request_goodput"], run["request_throughput"]);
  EXPECT_GT(run["peak_host_bytes"].get<int64_t>(), 0);
  EXPECT_EQ(results["config"]["batching"], "static");
  EXPECT_EQ(results["config"]["chat"], "one turn");
}

TEST(EvalCommandTest, WhereAllFailsNoAccuracyIsClaimedAndTheReasonIsSaid) {
  EvalOptions options = DemoOptions();
  options.limit = 2;
  options.batch_sizes = {2};
  options.max_new_tokens = 5000;
  std::ostringstream out, err;
  ASSERT_EQ(RunEval(options, out, err), kExitPartial) << err.str();
  const nlohmann::json results = *ParseJson(out.str(), "stdout");
  EXPECT_TRUE(results["runs"][0]["exact_match,strict-match"].is_null());
  EXPECT_NE(err.str().find("2 of 2 failed, the first, question 1: "), std::string::npos);
  EXPECT_NE(err.str().find("context"), std::string::npos) << err.str();
}

TEST(EvalCommandTest, AnEndpointNeedsItsOwnOptions) {
  const std::pair<const char*, void (*)(EvalOptions&)> cases[] = {
      {"no effect beside --endpoint", [](EvalOptions& o) { o.endpoint = "http://127.0.0.1:1/v1"; }},
      {"--endpoint-model",
       [](EvalOptions& o) { o.endpoint = "http://127.0.0.1:1/v1", o.model.model = ""; }},
      {"STRATA_TEST_NO_SUCH_KEY",
       [](EvalOptions& o) {
         o.endpoint = "http://127.0.0.1:1/v1", o.model.model = "", o.endpoint_model = "m";
         o.api_key_variable = "STRATA_TEST_NO_SUCH_KEY";
       }},
      {"--endpoint", [](EvalOptions& o) { o.model.model = ""; }},
  };
  for (const auto& [cause, change] : cases) {
    EvalOptions options = DemoOptions();
    change(options);
    std::ostringstream out, err;
    EXPECT_EQ(RunEval(options, out, err), kExitBadInput) << cause;
    EXPECT_NE(err.str().find(cause), std::string::npos) << err.str();
  }
}

TEST(EvalCommandTest, AKeyStandsInNothingThatIsPrintedOrWritten) {
  const OpenAiServer server;
  if (server.port() == 0) GTEST_SKIP() << "there is no python3";
  EvalOptions options = DemoOptions();
  options.model.model = "";
  options.endpoint = server.address() + "/v1";
  options.endpoint_model = "guarded";
  options.api_key_variable = "STRATA_TEST_KEY";
  options.num_fewshot = 0;
  options.limit = 6;
  options.batch_sizes = {1, 4};
  options.json = false;
  options.output = absl::StrCat(::testing::TempDir(), "eval_command_key");
  for (const bool is_chat : {false, true}) {
    for (const std::string key : {"secret-key", "a-wrong-one"}) {
      std::filesystem::remove_all(options.output);
      options.chat = is_chat;
      ASSERT_EQ(setenv("STRATA_TEST_KEY", key.c_str(), 1), 0);
      std::ostringstream out, err;
      const int code = RunEval(options, out, err);
      EXPECT_EQ(code, key == "secret-key" ? kExitDone : kExitFailed) << err.str();
      EXPECT_EQ(out.str().find(key), std::string::npos);
      EXPECT_EQ(err.str().find(key), std::string::npos) << err.str();
      int num_files = 0;
      for (const auto& entry : std::filesystem::recursive_directory_iterator(options.output)) {
        ++num_files;
        const std::string text = ReadFile(entry.path().string()).value_or("");
        EXPECT_EQ(text.find(key), std::string::npos) << entry.path();
      }
      EXPECT_GE(num_files, 2);  // a refused run leaves its journal
    }
  }
  unsetenv("STRATA_TEST_KEY");
}

EvalOptions DemoMbppOptions() {
  EvalOptions options = DemoOptions();
  options.task = "mbpp";
  options.data = absl::StrCat(STRATA_SOURCE_DIR, "/models/demo/data/mbpp.jsonl");
  options.limit.reset();
  options.confirm_run_unsafe_code = true;
  return options;
}

// The model's README: 38 of 50 with transformers.
TEST(EvalCommandTest, TheDemoModelSolvesItsProgramsAsWithTransformers) {
  if (const auto sandbox = Sandbox::Create(); !sandbox.ok()) GTEST_SKIP() << sandbox.status();
  std::ostringstream out, err;
  ASSERT_EQ(RunEval(DemoMbppOptions(), out, err), kExitDone) << err.str();
  const nlohmann::json results = *ParseJson(out.str(), "stdout");
  ASSERT_EQ(results["runs"].size(), 3u);
  for (const nlohmann::json& run : results["runs"]) {
    EXPECT_DOUBLE_EQ(run["pass_at_1,none"].get<double>(), 0.76);
    EXPECT_EQ(run["num_failed"], 0);
  }
  EXPECT_NE(results["config"]["sandbox"].get<std::string>().find("bubblewrap"), std::string::npos);
}

TEST(EvalCommandTest, MbppAsksBeforeItRunsCodeAndRefusesWhatHasNoEffect) {
  const std::pair<const char*, void (*)(EvalOptions&)> cases[] = {
      {"--confirm-run-unsafe-code", [](EvalOptions& o) { o.confirm_run_unsafe_code = false; }},
      {"--temperature", [](EvalOptions& o) { o.num_samples = 2; }},
      {"unknown protocol", [](EvalOptions& o) { o.protocol = "gsm8k"; }},
      {"for mbpp", [](EvalOptions& o) { o.task = "gsm8k", o.pass_at = {1}; }},
      {"--chat", [](EvalOptions& o) { o.fewshot_as_multiturn = true; }},
      {"--maj-at", [](EvalOptions& o) { o.maj_at = {1}; }},
  };
  for (const auto& [cause, change] : cases) {
    EvalOptions options = DemoMbppOptions();
    change(options);
    std::ostringstream out, err;
    EXPECT_EQ(RunEval(options, out, err), kExitBadInput) << cause;
    EXPECT_NE(err.str().find(cause), std::string::npos) << err.str();
  }
}

TEST(EvalCommandTest, BadInputEndsWithCodeTwo) {
  const std::pair<const char*, void (*)(EvalOptions&)> cases[] = {
      {"unknown task", [](EvalOptions& o) { o.task = "gsm9k"; }},
      {"no-such-file", [](EvalOptions& o) { o.data = "/no-such-file"; }},
      {"no-such-model", [](EvalOptions& o) { o.model.model = "/no-such-model"; }},
      {"shot", [](EvalOptions& o) { o.num_fewshot = -1; }},
  };
  for (const auto& [cause, change] : cases) {
    EvalOptions options = DemoOptions();
    change(options);
    std::ostringstream out, err;
    EXPECT_EQ(RunEval(options, out, err), kExitBadInput) << cause;
    EXPECT_NE(err.str().find(cause), std::string::npos) << err.str();
  }
}

}  // namespace
}  // namespace strata
