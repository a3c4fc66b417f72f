#include "kernels/base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace strata {
namespace {

using nlohmann::json;

std::string Nested(int depth) {
  return std::string(static_cast<size_t>(depth), '[') +
         std::string(static_cast<size_t>(depth), ']');
}

TEST(ParseJsonTest, BuildsWhatTheLibraryBuilds) {
  for (const std::string text :
       {"null", "true", "-7", "18446744073709551615", "0.5", "\"text\"", "[]", "{}",
        R"( [1, [2, [], {}], "x", [[3]], null] )",
        R"({"a": 1, "b": {"c": [1, {"d": null}, 2], "e": false}, "f": []})",
        R"({"": {"": {"": [[], [[]]]}}, "\u00e9\n": "\ud83d\ude00"})",
        R"([{"a": 1}, {"a": 2}, {"b": {"a": 3}}])"}) {
    const absl::StatusOr<json> document = ParseJson(text, "origin");
    ASSERT_TRUE(document.ok()) << text << ": " << document.status();
    EXPECT_EQ(*document, json::parse(text)) << text;
  }
}

TEST(ParseJsonTest, RefusesWithItsOrigin) {
  for (const std::string& text :
       {std::string(), std::string(" "), std::string("{"), std::string("[1,]"), std::string("{}}"),
        std::string("{} {}"), std::string("NaN"), std::string("1e999"), std::string("\"\xff\""),
        std::string("{}\0 hidden", 10), std::string("\"a\0b\"", 5), std::string("// x\n1"),
        std::string(R"({"a":1,"a":1})"), std::string(R"([{"a":{},"b":1,"a":[]}])")}) {
    const absl::StatusOr<json> document = ParseJson(text, "some/file.json");
    EXPECT_EQ(document.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(document.status().message()), testing::HasSubstr("some/file.json"));
  }
}

TEST(ParseJsonTest, NamesTheDuplicateKey) {
  EXPECT_THAT(std::string(ParseJson(R"({"x":{"key":1,"key":2}})", "o").status().message()),
              testing::HasSubstr("duplicate key 'key'"));
  EXPECT_TRUE(ParseJson(R"({"x":{"key":1},"y":{"key":1},"key":1})", "o").ok());
}

TEST(ParseJsonTest, BoundsTheDepth) {
  EXPECT_TRUE(ParseJson(Nested(kMaxJsonDepth), "o").ok());
  EXPECT_FALSE(ParseJson(Nested(kMaxJsonDepth + 1), "o").ok());
  EXPECT_FALSE(ParseJson(std::string(10'000'000, '['), "o").ok());
}

}  // namespace
}  // namespace strata
