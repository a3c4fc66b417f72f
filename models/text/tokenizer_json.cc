#include "models/text/tokenizer_json.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "models/text/bpe_model.h"
#include "models/text/unigram_model.h"
#include "models/text/word_level_model.h"

namespace strata {
namespace {

using nlohmann::json;

const json& Member(const json& object, const char* key) {
  static const json kNull;
  const auto it = object.find(key);
  return it == object.end() ? kNull : *it;
}

absl::Status ReadOptionalString(const json& object, absl::string_view key, absl::string_view place,
                                std::string& value) {
  if (!HasValue(object, key)) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(value, GetString(object, key, place));
  return absl::OkStatus();
}

absl::Status ReadOptionalBool(const json& object, absl::string_view key, absl::string_view place,
                              bool& value) {
  if (!HasValue(object, key)) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(value, GetBool(object, key, place));
  return absl::OkStatus();
}

// Files from before "type" was written are told apart by their members.
absl::StatusOr<std::string> ModelType(const json& model, absl::string_view place) {
  if (HasValue(model, "type")) return GetString(model, "type", place);
  if (HasValue(model, "merges")) return "BPE";
  if (Member(model, "vocab").is_array()) return "Unigram";
  if (HasValue(model, "max_input_chars_per_word")) return "WordPiece";
  if (HasValue(model, "unk_token")) return "WordLevel";
  return absl::InvalidArgumentError(absl::StrCat(place, ": key 'type' is missing"));
}

// "vocab": {token: id}
absl::StatusOr<Vocabulary> ReadVocabularyObject(const json& model, absl::string_view place) {
  const json& vocab = Member(model, "vocab");
  if (!vocab.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(place, ": expected an object 'vocab'"));
  }
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(vocab.size());
  for (const auto& [token, id] : vocab.items()) {
    if (!id.is_number_integer() ||
        (id.is_number_unsigned() && id.get<uint64_t>() >= kMaxTokenIds)) {
      return absl::InvalidArgumentError(absl::StrCat(
          place, ": vocab: token '", token, "': expected an id of 0 to ", kMaxTokenIds - 1));
    }
    entries.push_back({token, id.get<int64_t>()});
  }
  return Vocabulary::Create(entries, absl::StrCat(place, ": vocab"));
}

// Cuts "left right" where both sides and what they join to are tokens: tokens may hold spaces
// themselves. nullopt unless there is exactly one such place.
std::optional<BpeModel::Merge> CutMerge(const std::string& text, const Vocabulary& vocabulary) {
  size_t space = text.find(' ');
  if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
    return BpeModel::Merge(text.substr(0, space), text.substr(space + 1));
  }
  std::optional<BpeModel::Merge> merge;
  for (; space != std::string::npos; space = text.find(' ', space + 1)) {
    const std::string left = text.substr(0, space);
    const std::string right = text.substr(space + 1);
    if (!vocabulary.IdOf(left) || !vocabulary.IdOf(right) || !vocabulary.IdOf(left + right)) {
      continue;
    }
    if (merge.has_value()) return std::nullopt;
    merge.emplace(left, right);
  }
  return merge;
}

// A merge is "left right", or [left, right] in newer files.
absl::StatusOr<std::vector<BpeModel::Merge>> ReadMerges(const json& model,
                                                        const Vocabulary& vocabulary,
                                                        absl::string_view place) {
  const json& list = Member(model, "merges");
  if (!list.is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(place, ": expected a list 'merges'"));
  }
  std::vector<BpeModel::Merge> merges;
  merges.reserve(list.size());
  for (const json& merge : list) {
    std::optional<BpeModel::Merge> pair;
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      pair.emplace(merge[0].get<std::string>(), merge[1].get<std::string>());
    } else if (merge.is_string()) {
      const std::string& text = merge.get_ref<const std::string&>();
      if (merges.empty() && absl::StartsWith(text, "#version")) continue;
      pair = CutMerge(text, vocabulary);
    }
    if (!pair.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat(place, ": merge ", merges.size(),
                       ": expected \"left right\" or [left, right], two known tokens"));
    }
    merges.push_back(*std::move(pair));
  }
  return merges;
}

absl::Status BuildBpe(const json& model, absl::string_view place, TokenizerParts& parts) {
  BpeOptions options;
  if (HasValue(model, "dropout")) {
    STRATA_ASSIGN_OR_RETURN(const double dropout, GetNumber(model, "dropout", place));
    if (dropout != 0) {
      return absl::UnimplementedError(
          absl::StrCat(place, ": dropout ", dropout, " makes encoding random"));
    }
  }
  STRATA_RETURN_IF_ERROR(ReadOptionalString(model, "unk_token", place, options.unk_token));
  STRATA_RETURN_IF_ERROR(ReadOptionalString(model, "continuing_subword_prefix", place,
                                            options.continuing_subword_prefix));
  STRATA_RETURN_IF_ERROR(
      ReadOptionalString(model, "end_of_word_suffix", place, options.end_of_word_suffix));
  STRATA_RETURN_IF_ERROR(ReadOptionalBool(model, "fuse_unk", place, options.fuse_unk));
  STRATA_RETURN_IF_ERROR(ReadOptionalBool(model, "byte_fallback", place, options.byte_fallback));
  STRATA_RETURN_IF_ERROR(ReadOptionalBool(model, "ignore_merges", place, options.ignore_merges));
  STRATA_ASSIGN_OR_RETURN(Vocabulary vocabulary, ReadVocabularyObject(model, place));
  parts.vocabulary = std::make_unique<Vocabulary>(std::move(vocabulary));
  STRATA_ASSIGN_OR_RETURN(const std::vector<BpeModel::Merge> merges,
                          ReadMerges(model, *parts.vocabulary, place));
  STRATA_ASSIGN_OR_RETURN(parts.model, BpeModel::Create(*parts.vocabulary, merges, options, place));
  if (!parts.config.unk_token.has_value() && !options.unk_token.empty()) {
    parts.config.unk_token = options.unk_token;
  }
  return absl::OkStatus();
}

// "vocab": [[token, score], ...]
absl::Status BuildUnigram(const json& model, absl::string_view place, TokenizerParts& parts) {
  const json& vocab = Member(model, "vocab");
  if (!vocab.is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(place, ": expected a list 'vocab'"));
  }
  std::vector<Vocabulary::Entry> entries;
  std::vector<double> scores;
  for (const json& pair : vocab) {
    const auto id = static_cast<int64_t>(entries.size());
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_number()) {
      return absl::InvalidArgumentError(
          absl::StrCat(place, ": vocab: id ", id, ": expected [token, score]"));
    }
    entries.push_back({pair[0].get<std::string>(), id});
    scores.push_back(pair[1].get<double>());
  }
  STRATA_ASSIGN_OR_RETURN(Vocabulary vocabulary,
                          Vocabulary::Create(entries, absl::StrCat(place, ": vocab")));
  parts.vocabulary = std::make_unique<Vocabulary>(std::move(vocabulary));
  UnigramModel::Args args{*parts.vocabulary, std::move(scores), std::nullopt, false};
  STRATA_RETURN_IF_ERROR(ReadOptionalBool(model, "byte_fallback", place, args.byte_fallback));
  if (HasValue(model, "unk_id")) {
    STRATA_ASSIGN_OR_RETURN(const int64_t unk_id,
                            GetInt(model, "unk_id", 0, parts.vocabulary->size() - 1, place));
    args.unk_id = static_cast<int32_t>(unk_id);
    if (!parts.config.unk_token.has_value()) {
      parts.config.unk_token = std::string(*parts.vocabulary->TokenOf(unk_id));
    }
  }
  STRATA_ASSIGN_OR_RETURN(parts.model, UnigramModel::Create(std::move(args), place));
  return absl::OkStatus();
}

absl::Status BuildWordLevel(const json& model, absl::string_view place, TokenizerParts& parts) {
  STRATA_ASSIGN_OR_RETURN(const std::string unk_token, GetString(model, "unk_token", place));
  STRATA_ASSIGN_OR_RETURN(Vocabulary vocabulary, ReadVocabularyObject(model, place));
  parts.vocabulary = std::make_unique<Vocabulary>(std::move(vocabulary));
  parts.model = std::make_unique<WordLevelModel>(*parts.vocabulary, unk_token);
  if (!parts.config.unk_token.has_value()) parts.config.unk_token = unk_token;
  return absl::OkStatus();
}

absl::Status BuildModel(const json& document, absl::string_view origin, TokenizerParts& parts) {
  const std::string place = absl::StrCat(origin, ": model");
  const json& model = Member(document, "model");
  if (!model.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(place, ": expected an object"));
  }
  STRATA_ASSIGN_OR_RETURN(const std::string type, ModelType(model, place));
  if (type == "BPE") return BuildBpe(model, place, parts);
  if (type == "Unigram") return BuildUnigram(model, place, parts);
  if (type == "WordLevel") return BuildWordLevel(model, place, parts);
  return absl::UnimplementedError(absl::StrCat(place, " '", type, "'"));
}

absl::StatusOr<std::vector<AddedToken>> ReadAddedTokens(const json& document,
                                                        absl::string_view origin) {
  std::vector<AddedToken> tokens;
  const json& list = Member(document, "added_tokens");
  if (list.is_null()) return tokens;
  if (!list.is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(origin, ": added_tokens: not a list"));
  }
  for (const json& object : list) {
    const std::string place = absl::StrCat(origin, ": added_tokens[", tokens.size(), "]");
    STRATA_ASSIGN_OR_RETURN(AddedToken token, ReadAddedToken(object, place));
    STRATA_ASSIGN_OR_RETURN(token.id, GetInt(object, "id", 0, kMaxTokenIds - 1, place));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace

absl::StatusOr<TokenizerParts> ReadTokenizerJson(const json& document, TokenizerConfig config,
                                                 absl::string_view origin) {
  if (!document.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(origin, ": expected an object"));
  }
  if (HasValue(document, "version")) {
    STRATA_ASSIGN_OR_RETURN(const std::string version, GetString(document, "version", origin));
    if (version != "1.0") {
      return absl::UnimplementedError(absl::StrCat(origin, ": version '", version, "'"));
    }
  }
  TokenizerParts parts;
  parts.config = std::move(config);
  STRATA_RETURN_IF_ERROR(BuildModel(document, origin, parts));
  STRATA_ASSIGN_OR_RETURN(
      parts.normalizer,
      Normalizer::Create(Member(document, "normalizer"), absl::StrCat(origin, ": normalizer")));
  STRATA_ASSIGN_OR_RETURN(parts.pre_tokenizer,
                          PreTokenizer::Create(Member(document, "pre_tokenizer"),
                                               absl::StrCat(origin, ": pre_tokenizer")));
  STRATA_ASSIGN_OR_RETURN(
      TokenDecoder decoder,
      TokenDecoder::Create(Member(document, "decoder"), absl::StrCat(origin, ": decoder")));
  parts.decoder = std::make_unique<TokenDecoder>(std::move(decoder));
  STRATA_ASSIGN_OR_RETURN(parts.affixes,
                          ReadPostProcessor(Member(document, "post_processor"),
                                            absl::StrCat(origin, ": post_processor")));
  STRATA_ASSIGN_OR_RETURN(std::vector<AddedToken> listed, ReadAddedTokens(document, origin));
  STRATA_ASSIGN_OR_RETURN(
      std::vector<AddedToken> tokens,
      CombineAddedTokens(std::move(listed), parts.config, *parts.vocabulary, origin));
  STRATA_ASSIGN_OR_RETURN(AddedTokens added,
                          AddedTokens::Create(std::move(tokens), *parts.normalizer, origin));
  parts.added = std::make_unique<AddedTokens>(std::move(added));
  for (const std::vector<int32_t>* ids : {&parts.affixes.prefix, &parts.affixes.suffix}) {
    for (const int32_t id : *ids) {
      if (parts.added->TokenOf(id) != nullptr || parts.vocabulary->TokenOf(id).has_value())
        continue;
      return absl::InvalidArgumentError(
          absl::StrCat(origin, ": post_processor: id ", id, " is not in the vocabulary"));
    }
  }
  STRATA_RETURN_IF_ERROR(ApplyBosAndEos(origin, parts));
  return parts;
}

}  // namespace strata
