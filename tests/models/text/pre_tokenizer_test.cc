#include "models/text/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace strata {
namespace {

using nlohmann::json;
using testing::ElementsAre;

std::vector<std::string> Words(const std::string& object, const std::string& text) {
  const auto pre_tokenizer = PreTokenizer::Create(json::parse(object), "test");
  EXPECT_TRUE(pre_tokenizer.ok()) << pre_tokenizer.status();
  if (!pre_tokenizer.ok()) return {};
  SplitText split;
  split.text = text;
  split.words.push_back({0, text.size(), true});
  const absl::Status status = (*pre_tokenizer)->Apply(split);
  EXPECT_TRUE(status.ok()) << status;
  std::vector<std::string> words;
  for (const SplitText::Word& word : split.words) words.emplace_back(split.TextOf(word));
  return words;
}

std::string Split(const std::string& behavior, bool invert) {
  return R"({"type": "Split", "pattern": {"String": "-"}, "behavior": ")" + behavior +
         R"(", "invert": )" + (invert ? "true}" : "false}");
}

// Hugging Face's documentation of SplitDelimiterBehavior has this text as its example.
TEST(PreTokenizerTest, SplitBehaviors) {
  const std::string text = "the-final--countdown";
  EXPECT_THAT(Words(Split("Removed", false), text), ElementsAre("the", "final", "countdown"));
  EXPECT_THAT(Words(Split("Isolated", false), text),
              ElementsAre("the", "-", "final", "-", "-", "countdown"));
  EXPECT_THAT(Words(Split("MergedWithPrevious", false), text),
              ElementsAre("the-", "final-", "-", "countdown"));
  EXPECT_THAT(Words(Split("MergedWithNext", false), text),
              ElementsAre("the", "-final", "-", "-countdown"));
  EXPECT_THAT(Words(Split("Contiguous", false), text),
              ElementsAre("the", "-", "final", "--", "countdown"));
  EXPECT_THAT(Words(Split("Removed", true), text), ElementsAre("-", "-", "-"));
}

TEST(PreTokenizerTest, ByteLevel) {
  EXPECT_THAT(Words(R"({"type": "ByteLevel", "add_prefix_space": true})", "It's a\u00E9"),
              ElementsAre("\u0120It", "'s", "\u0120a\u00C3\u00A9"));
  EXPECT_THAT(
      Words(R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false})", "a b"),
      ElementsAre("a\u0120b"));
}

TEST(PreTokenizerTest, Metaspace) {
  const std::string head = R"({"type": "Metaspace", "replacement": "▁", )";
  EXPECT_THAT(Words(head + R"("add_prefix_space": true})", "a b"), ElementsAre("▁a", "▁b"));
  EXPECT_THAT(Words(head + R"("prepend_scheme": "never"})", "a  b"), ElementsAre("a", "▁", "▁b"));
  EXPECT_THAT(Words(head + R"("prepend_scheme": "first", "split": false})", "a b"),
              ElementsAre("▁a▁b"));
  // "first" is the beginning of the input, not of each word.
  EXPECT_THAT(Words(R"({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, )" +
                        head + R"("prepend_scheme": "first"}]})",
                    "a b"),
              ElementsAre("▁a", "b"));
}

TEST(PreTokenizerTest, CharacterClasses) {
  EXPECT_THAT(Words(R"({"type": "Digits", "individual_digits": true})", "a12b"),
              ElementsAre("a", "1", "2", "b"));
  EXPECT_THAT(Words(R"({"type": "Digits", "individual_digits": false})", "a12b"),
              ElementsAre("a", "12", "b"));
  EXPECT_THAT(Words(R"({"type": "Punctuation"})", "a,b"), ElementsAre("a", ",", "b"));
  EXPECT_THAT(Words(R"({"type": "Whitespace"})", " Hey man! ok"),
              ElementsAre("Hey", "man", "!", "ok"));
  EXPECT_THAT(Words(R"({"type": "BertPreTokenizer"})", "a, b"), ElementsAre("a", ",", "b"));
  EXPECT_THAT(Words(R"({"type": "CharDelimiterSplit", "delimiter": "x"})", "axb"),
              ElementsAre("a", "b"));
  EXPECT_THAT(Words("null", "a b"), ElementsAre("a b"));
}

}  // namespace
}  // namespace strata
