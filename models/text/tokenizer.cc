#include "models/text/tokenizer.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "models/text/detokenizer.h"
#include "models/text/sentencepiece_tokenizer.h"
#include "models/text/tokenizer_json.h"
#include "models/text/tokenizer_parts.h"
#include "models/text/unicode.h"
#include "models/text/vocab_merges.h"

namespace strata {
namespace {

constexpr size_t kMaxTextBytes = 128 << 20;

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

absl::StatusOr<TokenizerParts> LoadParts(absl::string_view directory) {
  const std::string tokenizer_json = absl::StrCat(directory, "/tokenizer.json");
  const std::string tokenizer_model = absl::StrCat(directory, "/tokenizer.model");
  const std::string vocab_json = absl::StrCat(directory, "/vocab.json");
  const std::string merges_txt = absl::StrCat(directory, "/merges.txt");
  STRATA_ASSIGN_OR_RETURN(TokenizerConfig config, LoadTokenizerConfig(directory));
  if (Exists(tokenizer_json)) {
    STRATA_ASSIGN_OR_RETURN(const nlohmann::json document, ReadJsonFile(tokenizer_json));
    return ReadTokenizerJson(document, std::move(config), tokenizer_json);
  }
  if (Exists(tokenizer_model)) return ReadSentencePieceModel(tokenizer_model, std::move(config));
  if (Exists(vocab_json) && Exists(merges_txt)) {
    STRATA_ASSIGN_OR_RETURN(const nlohmann::json document,
                            TokenizerJsonOfVocabMerges(directory, config));
    return ReadTokenizerJson(document, std::move(config), vocab_json);
  }
  return absl::NotFoundError(absl::StrCat(
      directory,
      ": no tokenizer: neither tokenizer.json, nor tokenizer.model, nor vocab.json with "
      "merges.txt"));
}

SpecialText ToSpecialText(EncodeOptions::SpecialText text) {
  return text == EncodeOptions::SpecialText::kParse ? SpecialText::kParse : SpecialText::kPlain;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Load(absl::string_view directory) {
  STRATA_ASSIGN_OR_RETURN(TokenizerParts parts, LoadParts(directory));
  return std::unique_ptr<Tokenizer>(
      new Tokenizer(std::make_unique<const TokenizerParts>(std::move(parts))));
}

Tokenizer::Tokenizer(std::unique_ptr<const TokenizerParts> parts) : parts_(std::move(parts)) {
  const auto fill = [&](const std::optional<std::string>& token, Role& role) {
    if (!token.has_value()) return;
    role.text = *token;
    role.id = IdOf(*token);
  };
  fill(parts_->config.bos_token, bos_);
  fill(parts_->config.eos_token, eos_);
  fill(parts_->config.unk_token, unk_);
  fill(parts_->config.pad_token, pad_);
}

Tokenizer::~Tokenizer() = default;

absl::StatusOr<std::vector<int32_t>> Tokenizer::Encode(absl::string_view text,
                                                       const EncodeOptions& options) const {
  if (text.size() > kMaxTextBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a text of ", text.size(), " bytes to encode, at most ", kMaxTextBytes));
  }
  std::string valid;
  if (!IsValidUtf8(text)) {
    valid = ValidUtf8(text);
    text = valid;
  }
  const bool add = options.special_tokens == EncodeOptions::SpecialTokens::kAdd;
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 3 + 8);
  if (add) ids = parts_->affixes.prefix;
  STRATA_ASSIGN_OR_RETURN(std::vector<AddedTokens::Section> sections,
                          parts_->added->Cut(text, ToSpecialText(options.special_text)));
  for (AddedTokens::Section& section : sections) {
    if (section.id.has_value()) {
      ids.push_back(*section.id);
      continue;
    }
    SplitText split;
    split.text = std::move(section.text);
    split.words.push_back({0, split.text.size(), section.at_beginning});
    STRATA_RETURN_IF_ERROR(parts_->pre_tokenizer->Apply(split));
    for (const SplitText::Word& word : split.words) {
      STRATA_RETURN_IF_ERROR(parts_->model->Encode(split.TextOf(word), ids));
    }
  }
  if (add) ids.insert(ids.end(), parts_->affixes.suffix.begin(), parts_->affixes.suffix.end());
  return ids;
}

std::string Tokenizer::Decode(absl::Span<const int32_t> ids, const DecodeOptions& options) const {
  Detokenizer detokenizer(*this, options);
  std::string text = detokenizer.Push(ids);
  text += detokenizer.Finish();
  return text;
}

absl::StatusOr<std::string> Tokenizer::TokenBytes(int64_t id) const {
  if (const AddedToken* added = parts_->added->TokenOf(id); added != nullptr) {
    return added->special ? added->content : parts_->decoder->BytesOf(added->content);
  }
  const std::optional<absl::string_view> token = parts_->vocabulary->TokenOf(id);
  if (!token.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("token id ", id, " is not in the vocabulary of ", vocab_size(), " ids"));
  }
  return parts_->decoder->BytesOf(*token);
}

std::optional<std::string> Tokenizer::TokenOf(int64_t id) const {
  if (const AddedToken* added = parts_->added->TokenOf(id); added != nullptr) return added->content;
  const std::optional<absl::string_view> token = parts_->vocabulary->TokenOf(id);
  if (!token.has_value()) return std::nullopt;
  return std::string(*token);
}

std::optional<int32_t> Tokenizer::IdOf(absl::string_view token) const {
  return FindId(*parts_, token);
}

bool Tokenizer::IsSpecial(int64_t id) const {
  const AddedToken* added = parts_->added->TokenOf(id);
  return added != nullptr && added->special;
}

int64_t Tokenizer::vocab_size() const {
  return std::max(parts_->vocabulary->size(), parts_->added->max_id() + 1);
}

}  // namespace strata
