#include "models/text/sentencepiece_tokenizer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/file.h"
#include "kernels/base/status.h"
#include "models/text/sentencepiece_library.h"
#include "models/text/sentencepiece_proto.h"

namespace strata {
namespace {

using nlohmann::json;

class SentencePieceModel final : public SubwordModel {
 public:
  explicit SentencePieceModel(std::unique_ptr<const SentencePieceLibrary> library)
      : library_(std::move(library)) {}

  absl::Status Encode(absl::string_view word, std::vector<int32_t>& ids) const override {
    std::string error;
    if (library_->Encode(word.data(), word.size(), ids, error)) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("sentencepiece: ", error));
  }

 private:
  const std::unique_ptr<const SentencePieceLibrary> library_;
};

// The decoder that a tokenizer.json converted from this model has.
json DecoderOf(const SentencePieceProto& proto) {
  json steps = json::array();
  steps.push_back(
      {{"type", "Replace"}, {"pattern", {{"String", "\xE2\x96\x81"}}}, {"content", " "}});
  steps.push_back({{"type", "ByteFallback"}});
  steps.push_back({{"type", "Fuse"}});
  if (proto.add_dummy_prefix) {
    steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  return {{"type", "Sequence"}, {"decoders", std::move(steps)}};
}

absl::Status ReadPieces(const SentencePieceLibrary& library, const std::string& path,
                        TokenizerParts& parts, std::vector<AddedToken>& special) {
  using PieceType = SentencePieceLibrary::PieceType;
  std::vector<Vocabulary::Entry> entries;
  for (int id = 0; id < library.num_pieces(); ++id) {
    entries.push_back({library.PieceOf(id), id});
    const PieceType type = library.TypeOf(id);
    if (type != PieceType::kControl && type != PieceType::kUnknown) continue;
    AddedToken token;
    token.content = entries.back().token;
    token.id = id;
    token.normalized = false;
    token.special = true;
    special.push_back(std::move(token));
  }
  STRATA_ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::Create(entries, path));
  parts.vocabulary = std::make_unique<Vocabulary>(std::move(vocabulary));
  return absl::OkStatus();
}

// What the configuration leaves open follows from the model and its class.
void FillConfig(const SentencePieceLibrary& library, TokenizerConfig& config) {
  const auto fill = [&](int id, std::optional<std::string>& role) {
    if (!role.has_value() && id >= 0 && id < library.num_pieces()) role = library.PieceOf(id);
  };
  fill(library.bos_id(), config.bos_token);
  fill(library.eos_id(), config.eos_token);
  fill(library.unk_id(), config.unk_token);
  fill(library.pad_id(), config.pad_token);
  const bool t5 = absl::StartsWith(config.tokenizer_class, "T5");
  if (!config.add_bos_token.has_value()) {
    config.add_bos_token = !t5 && config.bos_token.has_value();
  }
  if (!config.add_eos_token.has_value()) config.add_eos_token = t5;
}

}  // namespace

absl::StatusOr<TokenizerParts> ReadSentencePieceModel(const std::string& path,
                                                      TokenizerConfig config) {
  constexpr int64_t kMaxModelBytes = 256 << 20;
  STRATA_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, kMaxModelBytes));
  STRATA_ASSIGN_OR_RETURN(const SentencePieceProto proto, ReadSentencePieceProto(bytes, path));
  if (proto.treat_whitespace_as_suffix) {
    return absl::UnimplementedError(absl::StrCat(path, ": treat_whitespace_as_suffix"));
  }
  std::string error;
  std::unique_ptr<const SentencePieceLibrary> library = SentencePieceLibrary::Load(bytes, error);
  if (library == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a SentencePiece model: ", error));
  }
  TokenizerParts parts;
  parts.config = std::move(config);
  FillConfig(*library, parts.config);
  std::vector<AddedToken> special;
  STRATA_RETURN_IF_ERROR(ReadPieces(*library, path, parts, special));
  parts.model = std::make_unique<SentencePieceModel>(std::move(library));
  STRATA_ASSIGN_OR_RETURN(parts.normalizer, Normalizer::Create(json(), path));
  STRATA_ASSIGN_OR_RETURN(parts.pre_tokenizer, PreTokenizer::Create(json(), path));
  STRATA_ASSIGN_OR_RETURN(TokenDecoder decoder, TokenDecoder::Create(DecoderOf(proto), path));
  parts.decoder = std::make_unique<TokenDecoder>(std::move(decoder));
  STRATA_ASSIGN_OR_RETURN(
      std::vector<AddedToken> tokens,
      CombineAddedTokens(std::move(special), parts.config, *parts.vocabulary, path));
  STRATA_ASSIGN_OR_RETURN(AddedTokens added,
                          AddedTokens::Create(std::move(tokens), *parts.normalizer, path));
  parts.added = std::make_unique<AddedTokens>(std::move(added));
  STRATA_RETURN_IF_ERROR(ApplyBosAndEos(path, parts));
  return parts;
}

}  // namespace strata
