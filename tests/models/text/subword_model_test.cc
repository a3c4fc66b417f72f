// The subword models over vocabularies small enough to work out by hand.

#include "models/text/subword_model.h"

#include <gtest/gtest.h>

#include "models/text/bpe_model.h"
#include "models/text/unigram_model.h"
#include "models/text/word_level_model.h"

namespace strata {
namespace {

using Ids = std::vector<int32_t>;

Vocabulary MakeVocabulary(const std::vector<std::string>& tokens) {
  std::vector<Vocabulary::Entry> entries;
  for (const std::string& token : tokens) {
    entries.push_back({token, static_cast<int64_t>(entries.size())});
  }
  auto vocabulary = Vocabulary::Create(entries, "test");
  EXPECT_TRUE(vocabulary.ok()) << vocabulary.status();
  return *std::move(vocabulary);
}

Ids Encode(const SubwordModel& model, absl::string_view word) {
  Ids ids;
  const absl::Status status = model.Encode(word, ids);
  EXPECT_TRUE(status.ok()) << status;
  return ids;
}

TEST(BpeModelTest, MergesByRankThenFromTheLeft) {
  const Vocabulary vocabulary = MakeVocabulary({"a", "b", "c", "ab", "bc", "aa", "abc"});
  const auto model =
      BpeModel::Create(vocabulary, {{"b", "c"}, {"a", "b"}, {"a", "bc"}, {"a", "a"}}, {}, "test");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(Encode(**model, "abc"), Ids{6});  // bc first, then a + bc
  EXPECT_EQ(Encode(**model, "ab"), Ids{3});
  EXPECT_EQ(Encode(**model, "aaa"), (Ids{5, 0}));  // the left pair
  EXPECT_EQ(Encode(**model, "xax"), Ids{0});       // no unknown token: dropped
}

TEST(BpeModelTest, UnknownTokens) {
  const Vocabulary vocabulary = MakeVocabulary({"<unk>", "a"});
  for (const bool fuse : {false, true}) {
    BpeOptions options;
    options.unk_token = "<unk>";
    options.fuse_unk = fuse;
    const auto model = BpeModel::Create(vocabulary, {}, options, "test");
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(Encode(**model, "xyaz"), fuse ? (Ids{0, 1, 0}) : (Ids{0, 0, 1, 0}));
  }
}

TEST(BpeModelTest, PrefixesSuffixesAndWholeWords) {
  const Vocabulary vocabulary =
      MakeVocabulary({"a", "##b", "##c</w>", "a</w>", "##b</w>", "ab</w>", "abc"});
  BpeOptions options;
  options.continuing_subword_prefix = "##";
  options.end_of_word_suffix = "</w>";
  options.ignore_merges = true;
  const auto model = BpeModel::Create(vocabulary, {{"a", "##b</w>"}}, options, "test");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(Encode(**model, "a"), Ids{0});  // the vocabulary has the word
  EXPECT_EQ(Encode(**model, "ab"), Ids{5});
  EXPECT_EQ(Encode(**model, "abc"), Ids{6});
  EXPECT_EQ(Encode(**model, "abb"), (Ids{0, 1, 4}));
}

TEST(UnigramModelTest, FindsTheBestPath) {
  // The example of Hugging Face's Unigram documentation.
  const Vocabulary vocabulary =
      MakeVocabulary({"<unk>", "a", "b", "c", "d", "cd", "ab", "abc", "abcd"});
  const auto model = UnigramModel::Create(
      {vocabulary, {0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 5.0, 10.0}, 0, false}, "test");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(Encode(**model, "abcdacdxx"), (Ids{8, 1, 5, 0}));
  EXPECT_EQ(Encode(**model, "\u00E9a"), (Ids{0, 1}));
  EXPECT_EQ(Encode(**model, std::string(100000, 'a')).size(), 100000u);
}

TEST(UnigramModelTest, WithoutUnknownTokenOrWithBytes) {
  const Vocabulary vocabulary = MakeVocabulary({"a", "<0xC3>", "<0xA9>"});
  const auto strict = UnigramModel::Create({vocabulary, {0, 0, 0}, std::nullopt, false}, "test");
  ASSERT_TRUE(strict.ok()) << strict.status();
  Ids ids;
  EXPECT_EQ((*strict)->Encode("ab", ids).code(), absl::StatusCode::kInvalidArgument);
  const auto bytes = UnigramModel::Create({vocabulary, {0, 0, 0}, 0, true}, "test");
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(Encode(**bytes, "\u00E9"), (Ids{1, 2}));
}

TEST(WordLevelModelTest, WordsAreTokens) {
  const Vocabulary vocabulary = MakeVocabulary({"[UNK]", "word"});
  EXPECT_EQ(Encode(WordLevelModel(vocabulary, "[UNK]"), "word"), Ids{1});
  EXPECT_EQ(Encode(WordLevelModel(vocabulary, "[UNK]"), "other"), Ids{0});
  Ids ids;
  EXPECT_FALSE(WordLevelModel(vocabulary, "none").Encode("other", ids).ok());
}

}  // namespace
}  // namespace strata
