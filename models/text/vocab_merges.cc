#include "models/text/vocab_merges.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "kernels/base/file.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "models/text/unicode.h"

namespace strata {
namespace {

using nlohmann::json;

constexpr int64_t kMaxFileBytes = 256 << 20;

// transformers, models/qwen2/tokenization_qwen2.py
constexpr char kQwen2Expression[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";

absl::StatusOr<json> ReadMergesFile(const std::string& path) {
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFileBytes));
  if (!IsValidUtf8(text)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not valid UTF-8"));
  }
  json merges = json::array();
  int64_t line_number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    line = absl::StripSuffix(line, "\r");
    if (line.empty() || (line_number == 1 && absl::StartsWith(line, "#version"))) continue;
    const size_t space = line.find(' ');
    if (space == absl::string_view::npos || line.find(' ', space + 1) != absl::string_view::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": line ", line_number, ": expected two tokens with a space between"));
    }
    merges.push_back({std::string(line.substr(0, space)), std::string(line.substr(space + 1))});
  }
  return merges;
}

json ByteLevel(bool add_prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

}  // namespace

absl::StatusOr<json> TokenizerJsonOfVocabMerges(absl::string_view directory,
                                                const TokenizerConfig& config) {
  const std::string& name = config.tokenizer_class;
  const bool gpt2 = name.empty() || name == "GPT2Tokenizer" || name == "GPT2TokenizerFast";
  const bool qwen2 = name == "Qwen2Tokenizer" || name == "Qwen2TokenizerFast";
  if (!gpt2 && !qwen2) {
    return absl::UnimplementedError(
        absl::StrCat(directory, ": vocab.json and merges.txt of tokenizer_class '", name, "'"));
  }
  const bool prefix = config.add_prefix_space.value_or(false);
  json document;
  document["model"]["type"] = "BPE";
  STRATA_ASSIGN_OR_RETURN(document["model"]["vocab"],
                          ReadJsonFile(absl::StrCat(directory, "/vocab.json")));
  STRATA_ASSIGN_OR_RETURN(document["model"]["merges"],
                          ReadMergesFile(absl::StrCat(directory, "/merges.txt")));
  document["decoder"] = ByteLevel(false, true);
  if (gpt2) {
    document["pre_tokenizer"] = ByteLevel(prefix, true);
    return document;
  }
  document["normalizer"] = {{"type", "NFC"}};
  document["pre_tokenizer"] = {{"type", "Sequence"},
                               {"pretokenizers",
                                {{{"type", "Split"},
                                  {"pattern", {{"Regex", kQwen2Expression}}},
                                  {"behavior", "Isolated"},
                                  {"invert", false}},
                                 ByteLevel(prefix, false)}}};
  return document;
}

}  // namespace strata
