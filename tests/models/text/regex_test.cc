#include "models/text/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/text/regex_syntax.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> FindAll(absl::string_view pattern, const std::string& text) {
  const auto regex = Regex::Create(pattern, "test");
  EXPECT_TRUE(regex.ok()) << regex.status();
  if (!regex.ok()) return {};
  std::vector<RegexMatch> matches;
  const absl::Status status = RegexSearch(**regex).FindAll(text, matches);
  EXPECT_TRUE(status.ok()) << status;
  std::vector<std::string> found;
  for (const RegexMatch& match : matches) {
    found.push_back(text.substr(match.begin, match.end - match.begin));
  }
  return found;
}

TEST(RegexTest, FindsInOrderWithoutOverlap) {
  EXPECT_THAT(FindAll(R"(\p{N}{1,3})", "1234567 x 8"), ElementsAre("123", "456", "7", "8"));
  EXPECT_THAT(FindAll(R"(\s+(?!\S)|\s+)", "a   b "), ElementsAre("  ", " ", " "));
  EXPECT_THAT(FindAll("x", ""), ElementsAre());
  EXPECT_THAT(FindAll("a*", "baac"), ElementsAre("", "aa", ""));
}

// The differences between Ruby's syntax and PCRE2's.
TEST(RegexTest, MeansWhatRubyMeans) {
  EXPECT_THAT(FindAll("x$", "x\nyx"), ElementsAre("x", "x"));      // $ is at every line's end
  EXPECT_THAT(FindAll("(?m:a.b)", "a\nb"), ElementsAre("a\nb"));   // m lets the dot match \n
  EXPECT_THAT(FindAll(R"(\h+)", "xface x"), ElementsAre("face"));  // hexadecimal digits
  EXPECT_THAT(FindAll(R"(\u0041)", "A"), ElementsAre("A"));
  EXPECT_THAT(FindAll(R"(\s)", "\u180E\u00A0"), ElementsAre("\u00A0"));  // no U+180E
  EXPECT_THAT(FindAll(R"(\w+)", "a\u0301_1-"), ElementsAre("a\u0301_1"));
  EXPECT_THAT(FindAll(R"(\p{Han}+)", "\u6F22\u30FB"), ElementsAre("\u6F22"));  // not shared ones
  EXPECT_THAT(FindAll(R"([[:alpha:][:digit:]]+)", "\u2166a1."), ElementsAre("\u2166a1"));
  EXPECT_THAT(FindAll(R"((?i:'S|'t))", "'s'T"), ElementsAre("'s", "'T"));
}

TEST(RegexTest, RefusesWhatItCannotMean) {
  for (const char* pattern :
       {"[a&&b]", "[a[b]]", R"(\H)", R"(\Qa\E)", R"(\K)", R"(\g<1>)", "(?~a)", "a{1,2}+", "a{,3}",
        "a(?i)b|c", "(?R)", "(*UTF)", R"([\W])", R"(\pL)", "[[:^alpha:]]"}) {
    const auto regex = Regex::Create(pattern, "file.json: split");
    ASSERT_FALSE(regex.ok()) << pattern;
    EXPECT_THAT(std::string(regex.status().message()), HasSubstr("file.json: split"));
  }
  for (const char* pattern : {"(", "[a", "a\\", "*", R"(\p{Nonsense})", "(?<=a*)b"}) {
    const auto regex = Regex::Create(pattern, "file.json: split");
    ASSERT_FALSE(regex.ok()) << pattern;
    EXPECT_EQ(regex.status().code(), absl::StatusCode::kInvalidArgument) << pattern;
  }
}

TEST(RegexTest, LongTexts) {
  // A repeated group takes stack for every repetition: enough of it for this.
  EXPECT_EQ(FindAll("(?:a|b)+", std::string(1 << 16, 'a')).size(), 1u);
  const auto found = FindAll(R"(\s*[\r\n]+|\s+(?!\S)|\s+)", std::string(1 << 20, ' ') + "a");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].size(), (1u << 20) - 1);
}

}  // namespace
}  // namespace strata
