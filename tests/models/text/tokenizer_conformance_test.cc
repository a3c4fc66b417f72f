// Ids and texts that other projects recorded (llama.cpp, transformers.js), reproduced over the real
// vocabularies beside the checkout.

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "kernels/base/file.h"
#include "kernels/base/json.h"
#include "models/text/detokenizer.h"
#include "models/text/tokenizer.h"

namespace strata {
namespace {

struct Suite {
  std::string name;
  std::string vocabulary;  // directory below shared/models
  std::string vectors;     // file in shared/conformance/tokenizers
  bool omit_special_tokens = false;
  // The recorded texts were cleaned up: what transformers.js does where the config is silent.
  bool cleanup = false;
  // Rows that a second reading of the same vocabulary encodes otherwise, by name.
  std::set<std::string> ambiguous = {};
  // The texts spell tokens that were not special where the ids come from.
  bool plain = false;
};

void PrintTo(const Suite& suite, std::ostream* out) { *out << suite.name; }

const std::string kShared = std::string(STRATA_SOURCE_DIR) + "/../shared";

// Leaves only tokenizer.model and the configuration of `directory` in a directory of its own.
std::string ModelOnly(const std::string& directory) {
  namespace fs = std::filesystem;
  const fs::path target = fs::path(testing::TempDir()) / "strata_conformance_llama_2_model";
  fs::create_directories(target);
  for (const char* name : {"tokenizer.model", "tokenizer_config.json", "special_tokens_map.json"}) {
    fs::copy_file(fs::path(directory) / name, target / name, fs::copy_options::overwrite_existing);
  }
  return target.string();
}

class TokenizerConformanceTest : public testing::TestWithParam<Suite> {};

TEST_P(TokenizerConformanceTest, EncodesAndDecodesAsRecorded) {
  const Suite& suite = GetParam();
  const std::string vectors = kShared + "/conformance/tokenizers/" + suite.vectors;
  if (!std::filesystem::exists(vectors)) GTEST_SKIP() << "no " << vectors;
  std::string directory = kShared + "/models/" + suite.vocabulary;
  if (suite.name == "Llama2Model" || suite.name == "LlamaSpmModel")
    directory = ModelOnly(directory);
  const auto tokenizer = Tokenizer::Load(directory);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();

  const auto text = ReadFile(vectors);
  ASSERT_TRUE(text.ok()) << text.status();
  const auto rows = ParseJsonLines(*text, vectors);
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_FALSE(rows->empty());
  EncodeOptions options;
  if (suite.omit_special_tokens) options.special_tokens = EncodeOptions::SpecialTokens::kOmit;
  if (suite.plain) options.special_text = EncodeOptions::SpecialText::kPlain;
  DecodeOptions decode_options;
  if (suite.cleanup) decode_options.space_cleanup = DecodeOptions::SpaceCleanup::kOn;
  for (const nlohmann::json& row : *rows) {
    const std::string name = row.value("name", "");
    SCOPED_TRACE(row["text"].dump());
    const auto expected = row["ids"].get<std::vector<int32_t>>();
    const auto ids = (*tokenizer)->Encode(row["text"].get<std::string>(), options);
    ASSERT_TRUE(ids.ok()) << ids.status();
    if (suite.ambiguous.count(name) > 0) {
      EXPECT_EQ((*tokenizer)->Decode(*ids), row["decoded"].get<std::string>()) << name;
      continue;
    }
    EXPECT_EQ(*ids, expected) << name;
    if (row.contains("decoded") && row["decoded"].is_string()) {
      EXPECT_EQ((*tokenizer)->Decode(expected, decode_options), row["decoded"].get<std::string>());
    }
    // One id at a time, the same text.
    Detokenizer detokenizer(**tokenizer, decode_options);
    std::string streamed;
    for (const int32_t id : expected) streamed += detokenizer.Push(id);
    streamed += detokenizer.Finish();
    EXPECT_EQ(streamed, (*tokenizer)->Decode(expected, decode_options));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Recorded, TokenizerConformanceTest,
    testing::Values(
        Suite{"LlamaSpm", "tokenizers/llama-2", "llamacpp_llama-spm.jsonl", true},
        Suite{"LlamaSpmModel", "tokenizers/llama-2", "llamacpp_llama-spm.jsonl", true},
        Suite{"Gpt2LlamaCpp", "tokenizers/gpt2", "llamacpp_gpt-2.jsonl", true},
        Suite{"Qwen2LlamaCpp", "tokenizers/qwen2.5", "llamacpp_qwen2.jsonl", true},
        Suite{"Qwen3LlamaCpp", "tokenizers/qwen3", "llamacpp_qwen2.jsonl", true},
        Suite{"DeepseekCoderLlamaCpp", "tokenizers/deepseek-coder", "llamacpp_deepseek-coder.jsonl",
              true},
        Suite{"DeepseekLlm", "tokenizers/deepseek-llm", "llamacpp_deepseek-llm.jsonl", true},
        // GPT-2 has no </s>, OPT has.
        Suite{"Opt", "tokenizers/opt", "derived_opt.jsonl", false, false, {}, true},
        Suite{"Gpt2", "tokenizers/gpt2", "hf_Xenova__gpt2.jsonl", false, true},
        // Two texts hold U+00A0 twice; this tokenizer.json has plain spaces in that token's place.
        Suite{"Llama2",
              "tokenizers/llama-2",
              "hf_Xenova__llama-tokenizer.jsonl",
              false,
              false,
              {"TEXT_WITH_ESCAPE_CHARACTERS", "TEXT_WITH_ESCAPE_CHARACTERS_2"}},
        Suite{"Llama2Model", "tokenizers/llama-2", "hf_Xenova__llama-tokenizer.jsonl"},
        Suite{"T5Small", "tokenizers/t5-small", "hf_Xenova__t5-small.jsonl"},
        Suite{"Qwen1_5", "tokenizers/qwen2.5", "hf_Xenova__Qwen1.5-0.5B-Chat.jsonl"},
        Suite{"DeepseekCoder", "tokenizers/deepseek-coder",
              "hf_Xenova__deepseek-coder-1.3b-instruct.jsonl"}),
    [](const testing::TestParamInfo<Suite>& suite) { return suite.param.name; });

}  // namespace
}  // namespace strata
