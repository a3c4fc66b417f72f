#include "engine/cli/tokenize_command.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/cli/exit_code.h"
#include "kernels/base/file.h"
#include "kernels/base/json.h"

namespace strata {
namespace {

TokenizeOptions DemoOptions() {
  return {.model = absl::StrCat(STRATA_SOURCE_DIR, "/models/demo/model")};
}

std::vector<nlohmann::json> Rows(const TokenizeOptions& options) {
  std::ostringstream out, err;
  EXPECT_EQ(RunTokenize(options, out, err), kExitDone) << err.str();
  return *ParseJsonLines(out.str(), "stdout");
}

TEST(TokenizeCommandTest, EncodesAndDecodes) {
  TokenizeOptions options = DemoOptions();
  options.texts = {"Tom has 12 apples.", ""};
  const std::vector<nlohmann::json> rows = Rows(options);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["text"], "Tom has 12 apples.");
  options.texts.clear();
  options.decode = {absl::StrJoin(rows[0]["ids"].get<std::vector<int32_t>>(), ",")};
  EXPECT_EQ(Rows(options)[0]["text"], "Tom has 12 apples.");
}

TEST(TokenizeCommandTest, RendersChatsWithTheirVariables) {
  const std::string path = absl::StrCat(::testing::TempDir(), "tokenize_rows.jsonl");
  ASSERT_TRUE(WriteFileAtomically(path,
                                  "{\"text\": \"a\"}\n"
                                  "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}\n"
                                  "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}], "
                                  "\"add_generation_prompt\": true}\n")
                  .ok());
  TokenizeOptions options = DemoOptions();
  options.input = path;
  const std::vector<nlohmann::json> rows = Rows(options);
  ASSERT_EQ(rows.size(), 3u);
  const std::string plain = rows[1]["text"];
  const std::string prompted = rows[2]["text"];
  EXPECT_NE(plain.find("hi"), std::string::npos);
  EXPECT_GT(prompted.size(), plain.size());
}

TEST(TokenizeCommandTest, BadInputEndsWithCodeTwo) {
  const std::string path = absl::StrCat(::testing::TempDir(), "tokenize_bad.jsonl");
  ASSERT_TRUE(WriteFileAtomically(path, "{\"text\": \"a\"}\n{\"txt\": 1}\n").ok());
  const std::pair<const char*, TokenizeOptions> cases[] = {
      {"nothing to do", DemoOptions()},
      {"row 2", {.model = DemoOptions().model, .input = path}},
      {"'x'", {.model = DemoOptions().model, .decode = {"1,x"}}},
      {"no-such", {.model = "no-such/model", .texts = {"a"}}},
  };
  for (const auto& [cause, options] : cases) {
    std::ostringstream out, err;
    EXPECT_EQ(RunTokenize(options, out, err), kExitBadInput) << cause;
    EXPECT_NE(err.str().find(cause), std::string::npos) << err.str();
  }
}

}  // namespace
}  // namespace strata
