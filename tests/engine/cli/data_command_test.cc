#include "engine/cli/data_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "engine/cli/exit_code.h"
#include "engine/evaluate/sha256.h"
#include "kernels/base/file.h"
#include "tests/engine/evaluate/endpoint/openai_server.h"

namespace strata {
namespace {

using ::testing::HasSubstr;

constexpr char kServed[] = "{\"file\": 1}";

class DataCommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (server_.port() == 0) GTEST_SKIP() << "there is no python3";
    directory_ = absl::StrCat(::testing::TempDir(), "data_command_",
                              ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  DataSetFile File(const std::string& path, const std::string& bytes = kServed) const {
    return {.name = "rows.jsonl",
            .url = server_.address() + path,
            .sha256 = Sha256Hex(bytes),
            .size_bytes = static_cast<int64_t>(bytes.size())};
  }
  std::string Kept() const { return ReadFile(directory_ + "/rows.jsonl").value_or("nothing"); }

  OpenAiServer server_;
  std::string directory_;
};

TEST_F(DataCommandTest, KeepsWhatIsRightAndDoesNotFetchItTwice) {
  const auto fetched = FetchDataSetFile(File("/moved"), directory_);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_THAT(*fetched, HasSubstr("rows.jsonl: 11 bytes, SHA-256 as expected"));
  EXPECT_EQ(Kept(), kServed);
  const auto again = FetchDataSetFile(File("/none"), directory_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_THAT(*again, HasSubstr("there already"));
  // What is there and wrong is replaced.
  ASSERT_TRUE(WriteFileAtomically(directory_ + "/rows.jsonl", "half a fi").ok());
  EXPECT_TRUE(FetchDataSetFile(File("/file"), directory_).ok());
  EXPECT_EQ(Kept(), kServed);
}

TEST_F(DataCommandTest, WhatIsNotThePublishedFileIsNotKept) {
  const std::tuple<const char*, DataSetFile, absl::StatusCode> cases[] = {
      {"is not kept", File("/file", "other rows!"), absl::StatusCode::kDataLoss},
      {"is not there (404)", File("/none"), absl::StatusCode::kNotFound},
      {"cannot download", File("/cut"), absl::StatusCode::kUnavailable},
      {"cannot download", File("/circle"), absl::StatusCode::kUnavailable},
      {"larger than", File("/file", ""), absl::StatusCode::kResourceExhausted},
  };
  for (const auto& [cause, file, code] : cases) {
    const absl::Status status = FetchDataSetFile(file, directory_).status();
    EXPECT_EQ(status.code(), code) << cause << ": " << status;
    EXPECT_THAT(status.message(), HasSubstr(cause));
    EXPECT_EQ(Kept(), "nothing") << cause;
  }
}

TEST(DataCommandOptionsTest, BadArgumentsEndWithCodeTwo) {
  std::ostringstream out, err;
  EXPECT_EQ(RunData({.task = "gsm9k"}, out, err), kExitBadInput);
  EXPECT_EQ(RunData({.task = "mbpp", .output = "/proc/no/such"}, out, err), kExitBadInput);
  EXPECT_THAT(err.str(), HasSubstr("unknown task 'gsm9k'"));
  EXPECT_THAT(err.str(), HasSubstr("/proc/no/such"));
}

}  // namespace
}  // namespace strata
