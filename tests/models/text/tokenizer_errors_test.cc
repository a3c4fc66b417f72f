// Every fault in a tokenizer's files is a status that names the file and the object.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <ostream>
#include <random>

#include "kernels/base/file.h"
#include "models/text/tokenizer.h"
#include "tests/models/text/tokenizer_files.h"

namespace strata {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Fault {
  std::string name;
  std::function<void(json&)> inject;
  std::string message;  // a part of it
};

void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

json Nested(int depth, const char* type, const char* list) {
  json object = {{"type", type}, {list, json::array()}};
  for (int i = 0; i < depth; ++i) object = {{"type", type}, {list, {object}}};
  return object;
}

json Split(const std::string& regex) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", regex}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}

class TokenizerFaultTest : public testing::TestWithParam<Fault> {};

TEST_P(TokenizerFaultTest, IsNamed) {
  json document = LlamaLikeJson();
  GetParam().inject(document);
  const auto tokenizer =
      Tokenizer::Load(WriteTokenizerFiles(TestName(), {{"tokenizer.json", document.dump()}}));
  ASSERT_FALSE(tokenizer.ok());
  EXPECT_THAT(std::string(tokenizer.status().message()), HasSubstr(GetParam().message));
  EXPECT_THAT(std::string(tokenizer.status().message()), HasSubstr("tokenizer.json"));
}

INSTANTIATE_TEST_SUITE_P(
    Json, TokenizerFaultTest,
    testing::Values(
        Fault{"NotAnObject", [](json& j) { j = json::array(); }, "expected an object"},
        Fault{"Version", [](json& j) { j["version"] = "2.0"; }, "version '2.0'"},
        Fault{"NoModel", [](json& j) { j.erase("model"); }, "model"},
        Fault{"UnknownModel", [](json& j) { j["model"]["type"] = "WordPiece"; }, "WordPiece"},
        Fault{"NoVocab", [](json& j) { j["model"].erase("vocab"); }, "'vocab'"},
        Fault{"VocabList",
              [](json& j) {
                j["model"]["vocab"] = {1, 2};
              },
              "'vocab'"},
        Fault{"NegativeId", [](json& j) { j["model"]["vocab"]["h"] = -1; }, "'h'"},
        Fault{"HugeId", [](json& j) { j["model"]["vocab"]["h"] = 1LL << 40; }, "'h'"},
        Fault{"HugerId", [](json& j) { j["model"]["vocab"]["h"] = UINT64_MAX; }, "'h'"},
        Fault{"FractionId", [](json& j) { j["model"]["vocab"]["h"] = 1.5; }, "'h'"},
        Fault{"TextId", [](json& j) { j["model"]["vocab"]["h"] = "1"; }, "'h'"},
        Fault{"DuplicateId", [](json& j) { j["model"]["vocab"]["h"] = 261; }, "261"},
        Fault{"UnknownMergePart", [](json& j) { j["model"]["merges"] = {"h zz"}; }, "'zz'"},
        Fault{"UnknownMergeResult", [](json& j) { j["model"]["merges"] = {"h d"}; }, "'hd'"},
        Fault{"MergeOfThree", [](json& j) { j["model"]["merges"] = {"h e l"}; }, "merge 0"},
        Fault{"MergeNumber", [](json& j) { j["model"]["merges"] = {7}; }, "merge 0"},
        Fault{"MergesObject",
              [](json& j) {
                j["model"]["merges"] = {{"a", 1}};
              },
              "merge"},
        Fault{"UnknownUnk", [](json& j) { j["model"]["unk_token"] = "<no>"; }, "'<no>'"},
        Fault{"Dropout", [](json& j) { j["model"]["dropout"] = 0.1; }, "dropout"},
        Fault{"FlagText", [](json& j) { j["model"]["fuse_unk"] = "yes"; }, "fuse_unk"},
        Fault{"LongPrefix", [](json& j) { j["model"]["continuing_subword_prefix"] = "##########"; },
              "shorter"},
        Fault{"UnknownNormalizer",
              [](json& j) {
                j["normalizer"] = {{"type", "Magic"}};
              },
              "normalizer 'Magic'"},
        Fault{"NormalizerText", [](json& j) { j["normalizer"] = "NFC"; }, "normalizer"},
        Fault{"DeepNormalizer",
              [](json& j) { j["normalizer"] = Nested(500, "Sequence", "normalizers"); }, "nested"},
        Fault{"DeepPreTokenizer",
              [](json& j) { j["pre_tokenizer"] = Nested(500, "Sequence", "pretokenizers"); },
              "nested"},
        Fault{"BadBase64",
              [](json& j) {
                j["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", "$$$"}};
              },
              "base64"},
        Fault{"TruncatedCharsmap",
              [](json& j) {
                j["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", "//8="}};
              },
              "truncated"},
        Fault{"HugeCharsmap",
              [](json& j) {
                j["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", "AP///wAA"}};
              },
              "precompiled_charsmap"},
        Fault{"UnknownPreTokenizer",
              [](json& j) {
                j["pre_tokenizer"] = {{"type", "Magic"}};
              },
              "pre-tokenizer 'Magic'"},
        Fault{"BadRegex", [](json& j) { j["pre_tokenizer"] = Split("a("); }, "regular expression"},
        Fault{"HugeRegex", [](json& j) { j["pre_tokenizer"] = Split(std::string(100000, 'a')); },
              "regular expression"},
        Fault{"RecursiveRegex", [](json& j) { j["pre_tokenizer"] = Split("(?R)"); }, "group"},
        Fault{"DeepRegex",
              [](json& j) {
                j["pre_tokenizer"] = Split(std::string(5000, '(') + std::string(5000, ')'));
              },
              "regular expression"},
        Fault{"BadBehavior",
              [](json& j) {
                j["pre_tokenizer"] = Split("a");
                j["pre_tokenizer"]["behavior"] = "Shuffled";
              },
              "Shuffled"},
        Fault{"UnknownDecoder",
              [](json& j) {
                j["decoder"] = {{"type", "CTC"}};
              },
              "'CTC'"},
        Fault{"DecoderAfterFuse",
              [](json& j) {
                j["decoder"] = {{"type", "Sequence"},
                                {"decoders", {{{"type", "Fuse"}}, {{"type", "ByteFallback"}}}}};
              },
              "after Fuse"},
        Fault{"HugeStrip", [](json& j) { j["decoder"]["decoders"][3]["start"] = 1LL << 40; },
              "start"},
        Fault{"UnknownProcessor",
              [](json& j) {
                j["post_processor"] = {{"type", "Magic"}};
              },
              "post-processor 'Magic'"},
        Fault{"UndefinedSpecial",
              [](json& j) { j["post_processor"]["special_tokens"] = json::object(); }, "'<s>'"},
        Fault{"SpecialIdUnknown",
              [](json& j) { j["post_processor"]["special_tokens"]["<s>"]["ids"] = {4000}; },
              "4000"},
        Fault{"NegativeSpecialId",
              [](json& j) { j["post_processor"]["special_tokens"]["<s>"]["ids"] = {-4}; }, "'<s>'"},
        Fault{"TemplateWithoutText", [](json& j) { j["post_processor"]["single"] = json::array(); },
              "sequence A"},
        Fault{"AddedTokenTwice", [](json& j) { j["added_tokens"].push_back(j["added_tokens"][0]); },
              "<unk>"},
        Fault{"AddedTokenOtherId", [](json& j) { j["added_tokens"][0]["id"] = 900; }, "900"},
        Fault{"AddedTokenTakenId",
              [](json& j) {
                j["added_tokens"][0]["content"] = "<x>";
                j["added_tokens"][0]["id"] = 5;
              },
              "'<x>'"},
        Fault{"AddedTokenNegative", [](json& j) { j["added_tokens"][0]["id"] = -1; }, "id"},
        Fault{"AddedTokenEmpty",
              [](json& j) {
                j["added_tokens"][0]["content"] = "";
                j["added_tokens"][0]["id"] = 900;
              },
              "empty"},
        Fault{"AddedTokensObject", [](json& j) { j["added_tokens"] = json::object(); },
              "added_tokens"},
        Fault{"UnigramUnkId",
              [](json& j) {
                j["model"] = {
                    {"type", "Unigram"}, {"unk_id", 9}, {"vocab", json::parse(R"([["a", -1.0]])")}};
              },
              "unk_id"},
        Fault{"UnigramScoreText",
              [](json& j) {
                j["model"] = {{"type", "Unigram"}, {"vocab", json::parse(R"([["a", "b"]])")}};
              },
              "[token, score]"}),
    [](const testing::TestParamInfo<Fault>& fault) { return fault.param.name; });

TEST(TokenizerErrorsTest, NoTokenizer) {
  const auto tokenizer = Tokenizer::Load(WriteTokenizerFiles(TestName(), {}));
  EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Tokenizer::Load("/nonexistent").status().code(), absl::StatusCode::kNotFound);
}

TEST(TokenizerErrorsTest, ConfigurationFaults) {
  const std::string document = LlamaLikeJson().dump();
  const std::pair<const char*, const char*> faults[] = {
      {R"([1])", "tokenizer_config.json"},
      {R"({"bos_token": 5})", "bos_token"},
      {R"({"add_bos_token": "yes"})", "add_bos_token"},
      {R"({"add_bos_token": true})", "not named"},
      {R"({"add_eos_token": true, "eos_token": "<none>"})", "'<none>'"},
      {R"({"added_tokens_decoder": {"x": {"content": "a"}}})", "'x'"},
      {R"({"added_tokens_decoder": {"-3": {"content": "a"}}})", "-3"},
      {R"({"added_tokens_decoder": {"5": {"content": "a"}}})", "'a'"},
      {R"({"added_tokens_decoder": {"700": {"content": "</s>"}}})", "700"},
      {R"({"additional_special_tokens": "a"})", "additional_special_tokens"},
      {R"({"tokenizer_class": 3})", "tokenizer_class"},
  };
  for (const auto& [config, message] : faults) {
    SCOPED_TRACE(config);
    const auto tokenizer = Tokenizer::Load(WriteTokenizerFiles(
        TestName(), {{"tokenizer.json", document}, {"tokenizer_config.json", config}}));
    ASSERT_FALSE(tokenizer.ok());
    EXPECT_THAT(std::string(tokenizer.status().message()), HasSubstr(message));
  }
}

TEST(TokenizerErrorsTest, VocabMergesFaults) {
  const std::string vocab = R"({"a": 0, "b": 1, "ab": 2})";
  const auto load = [&](const std::string& merges, const std::string& config) {
    return Tokenizer::Load(WriteTokenizerFiles(TestName(), {{"vocab.json", vocab},
                                                            {"merges.txt", merges},
                                                            {"tokenizer_config.json", config}}))
        .status();
  };
  EXPECT_TRUE(load("a b\n", "{}").ok());
  EXPECT_THAT(std::string(load("#version: 0.2\na b\nab\n", "{}").message()), HasSubstr("line 3"));
  EXPECT_THAT(std::string(load("a c\n", "{}").message()), HasSubstr("'c'"));
  EXPECT_THAT(std::string(load("a \xFF\n", "{}").message()), HasSubstr("UTF-8"));
  EXPECT_THAT(std::string(load("a b\n", R"({"tokenizer_class": "BertTokenizer"})").message()),
              HasSubstr("BertTokenizer"));
}

TEST(TokenizerErrorsTest, RunawayExpressionIsAStatus) {
  json document = LlamaLikeJson();
  document["normalizer"] = nullptr;
  document["pre_tokenizer"] = Split("(l+)+$");
  const auto tokenizer =
      Tokenizer::Load(WriteTokenizerFiles(TestName(), {{"tokenizer.json", document.dump()}}));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const auto ids = (*tokenizer)->Encode(std::string(60, 'l') + "o");
  EXPECT_EQ(ids.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(TokenizerErrorsTest, GrowingReplacementIsAStatus) {
  json document = LlamaLikeJson();
  const json grow = {
      {"type", "Replace"}, {"pattern", {{"String", "l"}}}, {"content", std::string(4096, 'l')}};
  document["normalizer"] = {{"type", "Sequence"}, {"normalizers", {grow, grow, grow}}};
  const auto tokenizer =
      Tokenizer::Load(WriteTokenizerFiles(TestName(), {{"tokenizer.json", document.dump()}}));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->Encode("l").status().code(), absl::StatusCode::kResourceExhausted);
}

// Damaged copies of a file load or are refused; either way nothing breaks, and what loads works.
void Damage(const std::string& original, const std::string& file, int repetitions, unsigned seed) {
  std::mt19937 random(seed);
  int num_loaded = 0;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    std::string damaged = original;
    if (repetition % 4 == 0) {
      damaged.resize(random() % damaged.size());
    } else {
      for (unsigned i = 0; i <= random() % 4; ++i) {
        damaged[random() % damaged.size()] = static_cast<char>(random());
      }
    }
    const auto tokenizer = Tokenizer::Load(WriteTokenizerFiles(TestName(), {{file, damaged}}));
    if (!tokenizer.ok()) {
      EXPECT_THAT(std::string(tokenizer.status().message()), HasSubstr(file));
      continue;
    }
    ++num_loaded;
    const auto ids = (*tokenizer)->Encode("hello \xE2\x96\x81 w\xC3\xB6rld. </s>\n");
    if (ids.ok()) (*tokenizer)->Decode(*ids);
  }
  testing::Test::RecordProperty("loaded", num_loaded);
}

TEST(TokenizerErrorsTest, DamagedTokenizerJson) {
  Damage(LlamaLikeJson().dump(), "tokenizer.json", 400, 1);
}

TEST(TokenizerErrorsTest, DamagedSentencePieceModel) {
  const std::string path =
      std::string(STRATA_SOURCE_DIR) + "/../shared/models/stories260K/tokenizer.model";
  const auto original = ReadFile(path);
  if (!original.ok()) GTEST_SKIP() << original.status();
  Damage(*original, "tokenizer.model", 400, 2);
}

}  // namespace
}  // namespace strata
