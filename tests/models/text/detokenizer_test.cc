#include "models/text/detokenizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "models/text/unicode.h"
#include "tests/models/text/tokenizer_files.h"

namespace strata {
namespace {

using nlohmann::json;

std::unique_ptr<Tokenizer> LoadOrFail(const json& document) {
  auto tokenizer =
      Tokenizer::Load(WriteTokenizerFiles(TestName(), {{"tokenizer.json", document.dump()}}));
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

TEST(DetokenizerTest, GivesOutWholeCharactersOnly) {
  const auto tokenizer = LoadOrFail(LlamaLikeJson());
  ASSERT_NE(tokenizer, nullptr);
  Detokenizer detokenizer(*tokenizer);
  EXPECT_EQ(detokenizer.Push(272), "hello");  // the text's first space is not the text's
  EXPECT_EQ(detokenizer.Push(272), " hello");
  EXPECT_EQ(detokenizer.Push(3 + 0xF0), "");
  EXPECT_EQ(detokenizer.Push(3 + 0x9F), "");
  EXPECT_EQ(detokenizer.Push(3 + 0x98), "");
  EXPECT_EQ(detokenizer.Push(3 + 0x80), "\xF0\x9F\x98\x80");
  EXPECT_EQ(detokenizer.Push(3 + 0xF0), "");
  EXPECT_EQ(detokenizer.Push(3 + 'a'), "\uFFFDa");  // it can no longer become a character
  EXPECT_EQ(detokenizer.Push(3 + 0xC3), "");
  EXPECT_EQ(detokenizer.Finish(), "\uFFFD");
  EXPECT_EQ(detokenizer.Push(272), "hello");  // a new text
}

TEST(DetokenizerTest, SkipsSpecialTokensAndUnknownIds) {
  const auto tokenizer = LoadOrFail(LlamaLikeJson());
  ASSERT_NE(tokenizer, nullptr);
  Detokenizer detokenizer(*tokenizer, {DecodeOptions::SpecialTokens::kSkip});
  EXPECT_EQ(detokenizer.Push({1, 272, 5000, -1, 2}), "hello");
  EXPECT_EQ(detokenizer.Finish(), "");
}

TEST(DetokenizerTest, HoldsBackWhatCleanupMayRemove) {
  const auto tokenizer = LoadOrFail(LlamaLikeJson());
  ASSERT_NE(tokenizer, nullptr);
  const DecodeOptions options{DecodeOptions::SpecialTokens::kKeep,
                              DecodeOptions::SpaceCleanup::kOn};
  Detokenizer detokenizer(*tokenizer, options);
  EXPECT_EQ(detokenizer.Push(272), "hello");
  EXPECT_EQ(detokenizer.Push(259), "");   // a space
  EXPECT_EQ(detokenizer.Push(267), ".");  // took it away
  EXPECT_EQ(detokenizer.Push(259), "");
  EXPECT_EQ(detokenizer.Finish(), " ");
}

// Whatever the decoder and the ids, the pieces make up the whole, and each is valid UTF-8.
TEST(DetokenizerTest, PiecesMakeUpTheWhole) {
  const json spaces = {{"String", "\xE2\x96\x81"}};
  const std::vector<json> decoders = {
      LlamaLikeJson()["decoder"],
      {{"type", "ByteLevel"}, {"add_prefix_space", true}},
      {{"type", "Metaspace"}, {"replacement", "\xE2\x96\x81"}, {"prepend_scheme", "always"}},
      {{"type", "BPEDecoder"}, {"suffix", "o"}},
      {{"type", "Sequence"},
       {"decoders",
        {{{"type", "Fuse"}},
         {{"type", "Replace"}, {"pattern", {{"String", "ll"}}}, {"content", "L"}},
         {{"type", "Replace"}, {"pattern", spaces}, {"content", " "}},
         {{"type", "Strip"}, {"content", " "}, {"start", 2}, {"stop", 2}}}}},
      nullptr,
  };
  std::mt19937 random(7);
  for (const json& decoder : decoders) {
    SCOPED_TRACE(decoder.dump());
    json document = LlamaLikeJson();
    document["decoder"] = decoder;
    const auto tokenizer = LoadOrFail(document);
    ASSERT_NE(tokenizer, nullptr);
    for (int repetition = 0; repetition < 200; ++repetition) {
      std::vector<int32_t> ids(random() % 12);
      for (int32_t& id : ids) id = static_cast<int32_t>(random() % 274);
      for (const auto cleanup :
           {DecodeOptions::SpaceCleanup::kOff, DecodeOptions::SpaceCleanup::kOn}) {
        const DecodeOptions options{DecodeOptions::SpecialTokens::kSkip, cleanup};
        Detokenizer detokenizer(*tokenizer, options);
        std::string text;
        for (const int32_t id : ids) {
          const std::string piece = detokenizer.Push(id);
          EXPECT_TRUE(IsValidUtf8(piece));
          text += piece;
        }
        text += detokenizer.Finish();
        EXPECT_EQ(text, tokenizer->Decode(ids, options));
      }
    }
  }
}

TEST(DetokenizerTest, StripsTheEndOfTheText) {
  json document = LlamaLikeJson();
  document["decoder"] = {
      {"type", "Sequence"},
      {"decoders",
       {{{"type", "Fuse"}}, {{"type", "Strip"}, {"content", "l"}, {"start", 1}, {"stop", 2}}}}};
  const auto tokenizer = LoadOrFail(document);
  ASSERT_NE(tokenizer, nullptr);
  constexpr int32_t kL = 262, kO = 263;
  EXPECT_EQ(tokenizer->Decode({kL, kL, kO, kL, kL, kL}), "lol");
  EXPECT_EQ(tokenizer->Decode({kL, kL}), "");
  EXPECT_EQ(tokenizer->Decode({kO}), "o");
}

}  // namespace
}  // namespace strata
