#include "models/text/token_decoder.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "models/text/byte_alphabet.h"
#include "models/text/decode_stages.h"
#include "models/text/metaspace.h"
#include "models/text/text_pattern.h"
#include "models/text/unicode.h"

namespace strata {
namespace {

using nlohmann::json;

constexpr int64_t kMaxStrip = 1 << 20;
constexpr size_t kMaxSteps = 64;  // real decoders have up to five

// What clean_up_tokenization_spaces replaces, in this order
// (transformers, tokenization_utils_base.py, clean_up_tokenization).
constexpr std::pair<absl::string_view, absl::string_view> kCleanups[] = {
    {" .", "."},     {" ?", "?"},   {" !", "!"},   {" ,", ","},     {" ' ", "'"},
    {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
};

absl::Status AppendSteps(const json& object, absl::string_view origin,
                         std::vector<TokenDecoder::Step>& steps);

absl::Status AppendReplace(const json& object, absl::string_view place,
                           std::vector<TokenDecoder::Step>& steps) {
  STRATA_ASSIGN_OR_RETURN(const TextPattern pattern, TextPattern::Create(object, place));
  if (pattern.literal() == nullptr) {
    return absl::UnimplementedError(absl::StrCat(place, ": a regular expression in a decoder"));
  }
  STRATA_ASSIGN_OR_RETURN(std::string content, GetString(object, "content", place));
  steps.push_back(TokenDecoder::Replace{*pattern.literal(), std::move(content)});
  return absl::OkStatus();
}

absl::Status AppendStrip(const json& object, absl::string_view place,
                         std::vector<TokenDecoder::Step>& steps) {
  TokenDecoder::Strip strip;
  STRATA_ASSIGN_OR_RETURN(strip.content, GetString(object, "content", place));
  if (strip.content.empty() ||
      static_cast<size_t>(Utf8Length(strip.content[0])) != strip.content.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, ": content '", strip.content, "', expected one character"));
  }
  STRATA_ASSIGN_OR_RETURN(const int64_t start, GetInt(object, "start", 0, kMaxStrip, place));
  STRATA_ASSIGN_OR_RETURN(const int64_t stop, GetInt(object, "stop", 0, kMaxStrip, place));
  strip.start = static_cast<int>(start);
  strip.stop = static_cast<int>(stop);
  steps.push_back(std::move(strip));
  return absl::OkStatus();
}

absl::Status AppendSequence(const json& object, absl::string_view place,
                            std::vector<TokenDecoder::Step>& steps) {
  if (!object.contains("decoders") || !object["decoders"].is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(place, ": expected a list 'decoders'"));
  }
  int64_t index = 0;
  for (const json& step : object["decoders"]) {
    STRATA_RETURN_IF_ERROR(AppendSteps(step, absl::StrCat(place, "[", index, "]"), steps));
    ++index;
  }
  return absl::OkStatus();
}

absl::Status AppendSteps(const json& object, absl::string_view origin,
                         std::vector<TokenDecoder::Step>& steps) {
  STRATA_ASSIGN_OR_RETURN(const std::string type, GetString(object, "type", origin));
  const std::string place = absl::StrCat(origin, " ", type);
  if (steps.size() >= kMaxSteps) {
    return absl::InvalidArgumentError(absl::StrCat(place, ": more than ", kMaxSteps, " steps"));
  }
  if (type == "Sequence") return AppendSequence(object, place, steps);
  if (type == "Replace") return AppendReplace(object, place, steps);
  if (type == "Strip") return AppendStrip(object, place, steps);
  if (type == "Fuse") {
    steps.push_back(TokenDecoder::Fuse{});
    return absl::OkStatus();
  }
  for (const TokenDecoder::Step& step : steps) {
    if (FusesTokens(step)) {
      return absl::UnimplementedError(absl::StrCat(place, ": after Fuse or ByteLevel"));
    }
  }
  if (type == "ByteLevel") {
    steps.push_back(TokenDecoder::ByteLevel{});
  } else if (type == "ByteFallback") {
    steps.push_back(TokenDecoder::ByteFallback{});
  } else if (type == "Metaspace") {
    STRATA_ASSIGN_OR_RETURN(Metaspace metaspace, ReadMetaspace(object, place));
    steps.push_back(TokenDecoder::Spaces{std::move(metaspace.replacement),
                                         metaspace.prepend != Metaspace::Prepend::kNever});
  } else if (type == "BPEDecoder") {
    STRATA_ASSIGN_OR_RETURN(std::string suffix, GetString(object, "suffix", place));
    if (suffix.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(place, ": the suffix is empty"));
    }
    steps.push_back(TokenDecoder::WordSuffix{std::move(suffix)});
  } else {
    return absl::UnimplementedError(absl::StrCat(origin, ": decoder '", type, "'"));
  }
  return absl::OkStatus();
}

// The stages of one text, ending in a sink.
class StageStream final : public TokenDecoder::Stream {
 public:
  StageStream(const std::vector<TokenDecoder::Step>& steps, SpaceCleanup cleanup) {
    PieceKind kind = PieceKind::kTokens;
    for (const TokenDecoder::Step& step : steps) {
      Append(MakeDecodeStage(step, kind));
      if (FusesTokens(step)) kind = PieceKind::kFragments;
    }
    if (cleanup == SpaceCleanup::kOn) {
      for (const auto& [from, to] : kCleanups) Append(MakeReplaceStage(from, to));
    }
    for (size_t i = 0; i < stages_.size(); ++i) {
      stages_[i]->set_next(i + 1 < stages_.size() ? *stages_[i + 1] : sink_);
    }
  }

  void Push(absl::string_view token, std::string& out) override {
    sink_.out = &out;
    First().Push(token);
  }
  void Finish(std::string& out) override {
    sink_.out = &out;
    First().Finish();
  }

 private:
  struct Sink final : public DecodeStage {
    void Push(absl::string_view text) override { out->append(text.data(), text.size()); }
    void Finish() override {}
    std::string* out = nullptr;
  };

  void Append(std::unique_ptr<DecodeStage> stage) {
    if (stage != nullptr) stages_.push_back(std::move(stage));
  }
  DecodeStage& First() { return stages_.empty() ? sink_ : *stages_[0]; }

  std::vector<std::unique_ptr<DecodeStage>> stages_;
  Sink sink_;
};

}  // namespace

absl::StatusOr<TokenDecoder> TokenDecoder::Create(const json& object, absl::string_view origin) {
  std::vector<Step> steps;
  if (object.is_null()) {
    steps.push_back(Join{});
  } else {
    STRATA_RETURN_IF_ERROR(AppendSteps(object, origin, steps));
  }
  return TokenDecoder(std::move(steps));
}

std::unique_ptr<TokenDecoder::Stream> TokenDecoder::Start(SpaceCleanup cleanup) const {
  return std::make_unique<StageStream>(steps_, cleanup);
}

std::string TokenDecoder::BytesOf(absl::string_view token) const {
  std::string bytes(token);
  for (const Step& step : steps_) {
    if (const auto* replace = std::get_if<Replace>(&step)) {
      bytes = ReplaceLiteral(bytes, replace->literal, replace->content);
    } else if (const auto* spaces = std::get_if<Spaces>(&step)) {
      bytes = ReplaceLiteral(bytes, spaces->replacement, " ");
    } else if (const auto* suffix = std::get_if<WordSuffix>(&step)) {
      bytes = ReplaceLiteral(bytes, suffix->suffix, " ");
    } else if (std::holds_alternative<ByteFallback>(step)) {
      const int byte = ByteOfToken(bytes);
      if (byte >= 0) return std::string(1, static_cast<char>(byte));
    } else if (std::holds_alternative<ByteLevel>(step)) {
      std::optional<std::string> raw = BytesOfCharacters(bytes);
      return raw.has_value() ? *std::move(raw) : bytes;
    }
  }
  return bytes;
}

}  // namespace strata
