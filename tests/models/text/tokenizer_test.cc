#include "models/text/tokenizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "tests/models/text/tokenizer_files.h"

namespace strata {
namespace {

using Ids = std::vector<int32_t>;
using nlohmann::json;

constexpr EncodeOptions kBare{EncodeOptions::SpecialTokens::kOmit};
constexpr EncodeOptions kPlain{EncodeOptions::SpecialTokens::kOmit,
                               EncodeOptions::SpecialText::kPlain};

std::unique_ptr<Tokenizer> LoadOrFail(const std::map<std::string, std::string>& files) {
  auto tokenizer = Tokenizer::Load(WriteTokenizerFiles(TestName(), files));
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

Ids Encode(const Tokenizer& tokenizer, absl::string_view text, const EncodeOptions& options = {}) {
  const auto ids = tokenizer.Encode(text, options);
  EXPECT_TRUE(ids.ok()) << ids.status();
  return ids.ok() ? *ids : Ids{};
}

TEST(TokenizerTest, EncodesAndDecodesLlamaLike) {
  const auto tokenizer = LoadOrFail({{"tokenizer.json", LlamaLikeJson().dump()}});
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(Encode(*tokenizer, "hello"), (Ids{1, 272}));
  EXPECT_EQ(Encode(*tokenizer, "hello hello", kBare), (Ids{272, 272}));
  EXPECT_EQ(Encode(*tokenizer, "", kBare), Ids{});
  EXPECT_EQ(Encode(*tokenizer, ""), Ids{1});
  // U+00E9 is not in the vocabulary: its two bytes.
  EXPECT_EQ(Encode(*tokenizer, "\xC3\xA9", kBare), (Ids{259, 3 + 0xC3, 3 + 0xA9}));
  EXPECT_EQ(tokenizer->Decode({272, 272, 3 + 0xC3, 3 + 0xA9}), "hello hello\xC3\xA9");
  EXPECT_EQ(tokenizer->Decode({1, 272}), "<s> hello");
  EXPECT_EQ(tokenizer->Decode({1, 272, 2}, {DecodeOptions::SpecialTokens::kSkip}), "hello");
  EXPECT_EQ(tokenizer->Decode({272, 99999, -5, 272}), "hello hello");
}

TEST(TokenizerTest, SpecialTokensInTextAreParsedOrPlain) {
  const auto tokenizer = LoadOrFail({{"tokenizer.json", LlamaLikeJson().dump()}});
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(Encode(*tokenizer, "</s>", kBare), Ids{2});
  EXPECT_EQ(Encode(*tokenizer, "hello</s>hello", kBare), (Ids{272, 2, 272}));
  const Ids plain = Encode(*tokenizer, "</s>", kPlain);
  EXPECT_EQ(plain, (Ids{259, 3 + '<', 3 + '/', 3 + 's', 3 + '>'}));
  EXPECT_EQ(tokenizer->Decode(plain), "</s>");
}

TEST(TokenizerTest, InvalidUtf8CountsAsReplacementCharacters) {
  const auto tokenizer = LoadOrFail({{"tokenizer.json", LlamaLikeJson().dump()}});
  ASSERT_NE(tokenizer, nullptr);
  // A lone continuation byte, a truncated character, a surrogate (three invalid bytes).
  const std::string broken = "\x80h\xF0\x9F\x98o\xED\xA0\x80";
  EXPECT_EQ(Encode(*tokenizer, broken), Encode(*tokenizer, "\uFFFDh\uFFFDo\uFFFD\uFFFD\uFFFD"));
  EXPECT_EQ(Encode(*tokenizer, std::string("h\0o", 3), kBare), (Ids{268, 3, 263}));
}

TEST(TokenizerTest, ConfigurationNamesTokensAndDecidesAboutBosAndEos) {
  const std::string config = R"({"bos_token": {"content": "<s>"}, "eos_token": "</s>",
      "pad_token": "<missing>", "add_bos_token": false, "add_eos_token": true})";
  const auto tokenizer =
      LoadOrFail({{"tokenizer.json", LlamaLikeJson().dump()}, {"tokenizer_config.json", config}});
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(Encode(*tokenizer, "hello"), (Ids{272, 2}));
  EXPECT_EQ(tokenizer->bos_token(), "<s>");
  EXPECT_EQ(tokenizer->bos_id(), 1);
  EXPECT_EQ(tokenizer->eos_id(), 2);
  EXPECT_EQ(tokenizer->unk_id(), 0);  // from the model
  EXPECT_EQ(tokenizer->pad_token(), "<missing>");
  EXPECT_EQ(tokenizer->pad_id(), std::nullopt);
  EXPECT_TRUE(tokenizer->IsSpecial(2));
  EXPECT_FALSE(tokenizer->IsSpecial(272));
  EXPECT_FALSE(tokenizer->IsSpecial(-1));
}

TEST(TokenizerTest, AddedTokensOfTheConfigurationJoin) {
  const std::string config =
      R"({"added_tokens_decoder": {"300": {"content": "<|x|>", "special": true},
                                   "301": {"content": "hello", "special": false}}})";
  const auto tokenizer = LoadOrFail({{"tokenizer.json", LlamaLikeJson().dump()},
                                     {"tokenizer_config.json", config},
                                     {"added_tokens.json", R"({"<|y|>": 302})"}});
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->vocab_size(), 303);
  EXPECT_EQ(Encode(*tokenizer, "<|x|><|y|>", kBare).front(), 300);
  EXPECT_EQ(tokenizer->IdOf("<|y|>"), 302);
  EXPECT_EQ(tokenizer->TokenOf(301), "hello");
  EXPECT_EQ(tokenizer->TokenOf(299), std::nullopt);
}

TEST(TokenizerTest, TokenBytes) {
  const auto tokenizer = LoadOrFail({{"tokenizer.json", LlamaLikeJson().dump()}});
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(*tokenizer->TokenBytes(3 + 0xC3), "\xC3");
  EXPECT_EQ(*tokenizer->TokenBytes(272), " hello");
  EXPECT_EQ(*tokenizer->TokenBytes(1), "<s>");
  EXPECT_EQ(tokenizer->TokenBytes(100000).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(tokenizer->TokenBytes(-1).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(TokenizerTest, VocabAndMergesFiles) {
  const std::string vocab = R"({"a": 0, "b": 1, "ab": 2, "Ġ": 3, "Ġab": 4, "</s>": 5})";
  const std::string merges = "#version: 0.2\na b\r\nĠ ab\n\n";
  const std::string config = R"({"tokenizer_class": "GPT2Tokenizer", "bos_token": "</s>",
                                 "eos_token": "</s>", "add_bos_token": true})";
  const auto tokenizer = LoadOrFail(
      {{"vocab.json", vocab}, {"merges.txt", merges}, {"tokenizer_config.json", config}});
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(Encode(*tokenizer, "ab ab ba"), (Ids{5, 2, 4, 3, 1, 0}));
  EXPECT_EQ(tokenizer->Decode({2, 4}), "ab ab");
  EXPECT_EQ(tokenizer->eos_id(), 5);
}

TEST(TokenizerTest, WordsOfAMegabyte) {
  const auto tokenizer = LoadOrFail({{"tokenizer.json", LlamaLikeJson().dump()}});
  ASSERT_NE(tokenizer, nullptr);
  const std::string word(1 << 20, 'l');
  EXPECT_EQ(Encode(*tokenizer, word, kBare).size(), word.size() + 1);
  std::string text;
  while (text.size() < (1 << 20)) text += "hello ";
  EXPECT_EQ(tokenizer->Decode(Encode(*tokenizer, text, kBare)), text);
}

TEST(TokenizerTest, ThreadsShareOne) {
  const auto tokenizer = LoadOrFail({{"tokenizer.json", LlamaLikeJson().dump()}});
  ASSERT_NE(tokenizer, nullptr);
  const Ids expected = Encode(*tokenizer, "hello world. hello");
  std::vector<std::thread> threads;
  std::vector<int> differences(4, 0);
  for (size_t i = 0; i < differences.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int repetition = 0; repetition < 50; ++repetition) {
        const auto ids = tokenizer->Encode("hello world. hello");
        differences[i] += !ids.ok() || *ids != expected;
        differences[i] += tokenizer->Decode(expected) != "<s> hello world. hello";
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(differences, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace strata
