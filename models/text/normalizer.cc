#include "models/text/normalizer.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "models/text/precompiled_charsmap.h"
#include "models/text/text_pattern.h"
#include "models/text/unicode.h"

namespace strata {
namespace {

using nlohmann::json;

// Every step may enlarge a text; a chain of hostile replacements must not fill the memory. Real
// normalizers at most triple it.
constexpr size_t kMaxNormalizedBytes = size_t{1} << 30;

class FormNormalizer final : public Normalizer {
 public:
  explicit FormNormalizer(NormalForm form) : form_(form) {}
  absl::Status Apply(std::string& text) const override {
    text = Normalize(text, form_);
    return absl::OkStatus();
  }

 private:
  const NormalForm form_;
};

class LowercaseNormalizer final : public Normalizer {
 public:
  absl::Status Apply(std::string& text) const override {
    text = Lowercase(text);
    return absl::OkStatus();
  }
};

class StripNormalizer final : public Normalizer {
 public:
  StripNormalizer(bool left, bool right) : left_(left), right_(right) {}
  absl::Status Apply(std::string& text) const override {
    size_t begin = 0, end = 0, last_end = text.size();
    bool seen = false;
    for (size_t i = 0; i < text.size();) {
      const Utf8Character character = ReadUtf8(text, i);
      if (!IsWhitespace(character.code_point)) {
        if (!seen) begin = i;
        seen = true;
        end = i + character.num_bytes;
      }
      i += character.num_bytes;
    }
    if (!seen && (left_ || right_)) {
      text.clear();
      return absl::OkStatus();
    }
    if (right_) last_end = end;
    text = text.substr(left_ ? begin : 0, last_end - (left_ ? begin : 0));
    return absl::OkStatus();
  }

 private:
  const bool left_, right_;
};

class StripAccentsNormalizer final : public Normalizer {
 public:
  absl::Status Apply(std::string& text) const override {
    std::string out;
    for (size_t i = 0; i < text.size();) {
      const Utf8Character character = ReadUtf8(text, i);
      if (!IsCombiningMark(character.code_point)) out.append(text, i, character.num_bytes);
      i += character.num_bytes;
    }
    text = std::move(out);
    return absl::OkStatus();
  }
};

// SentencePiece's "nmt" clean-up: control characters vanish, odd spaces become spaces.
class NmtNormalizer final : public Normalizer {
 public:
  absl::Status Apply(std::string& text) const override {
    std::string out;
    for (size_t i = 0; i < text.size();) {
      const Utf8Character character = ReadUtf8(text, i);
      const char32_t c = character.code_point;
      if (IsSpace(c)) {
        out.push_back(' ');
      } else if (!IsRemoved(c)) {
        out.append(text, i, character.num_bytes);
      }
      i += character.num_bytes;
    }
    text = std::move(out);
    return absl::OkStatus();
  }

 private:
  static bool IsRemoved(char32_t c) {
    return (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F ||
           c == 0x8F || c == 0x9F;
  }
  static bool IsSpace(char32_t c) {
    return c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
           (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
           c == 0xFEFF || c == 0xFFFD;
  }
};

class PrependNormalizer final : public Normalizer {
 public:
  explicit PrependNormalizer(std::string prefix) : prefix_(std::move(prefix)) {}
  absl::Status Apply(std::string& text) const override {
    if (!text.empty()) text.insert(0, prefix_);
    return absl::OkStatus();
  }

 private:
  const std::string prefix_;
};

class ReplaceNormalizer final : public Normalizer {
 public:
  ReplaceNormalizer(TextPattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  absl::Status Apply(std::string& text) const override {
    return pattern_.ReplaceAll(content_, text);
  }

 private:
  const TextPattern pattern_;
  const std::string content_;
};

class PrecompiledNormalizer final : public Normalizer {
 public:
  explicit PrecompiledNormalizer(PrecompiledCharsmap map) : map_(std::move(map)) {}
  absl::Status Apply(std::string& text) const override {
    text = map_.Apply(text);
    return absl::OkStatus();
  }

 private:
  const PrecompiledCharsmap map_;
};

class SequenceNormalizer final : public Normalizer {
 public:
  explicit SequenceNormalizer(std::vector<std::unique_ptr<Normalizer>> steps)
      : steps_(std::move(steps)) {}
  absl::Status Apply(std::string& text) const override {
    for (const auto& step : steps_) {
      STRATA_RETURN_IF_ERROR(step->Apply(text));
      if (text.size() > kMaxNormalizedBytes) {
        return absl::ResourceExhaustedError(
            absl::StrCat("normalized text grew to ", text.size(), " bytes"));
      }
    }
    return absl::OkStatus();
  }

 private:
  const std::vector<std::unique_ptr<Normalizer>> steps_;
};

absl::StatusOr<std::unique_ptr<Normalizer>> CreateSequence(const json& object,
                                                           absl::string_view origin) {
  if (!object.contains("normalizers") || !object["normalizers"].is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(origin, ": expected a list 'normalizers'"));
  }
  std::vector<std::unique_ptr<Normalizer>> steps;
  for (const json& step : object["normalizers"]) {
    STRATA_ASSIGN_OR_RETURN(std::unique_ptr<Normalizer> normalizer,
                            Normalizer::Create(step, absl::StrCat(origin, "[", steps.size(), "]")));
    steps.push_back(std::move(normalizer));
  }
  return std::make_unique<SequenceNormalizer>(std::move(steps));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Normalizer>> Normalizer::Create(const json& object,
                                                               absl::string_view origin) {
  if (object.is_null()) {
    return std::make_unique<SequenceNormalizer>(std::vector<std::unique_ptr<Normalizer>>());
  }
  STRATA_ASSIGN_OR_RETURN(const std::string type, GetString(object, "type", origin));
  const std::string place = absl::StrCat(origin, " ", type);
  if (type == "NFC") return std::make_unique<FormNormalizer>(NormalForm::kNfc);
  if (type == "NFD") return std::make_unique<FormNormalizer>(NormalForm::kNfd);
  if (type == "NFKC") return std::make_unique<FormNormalizer>(NormalForm::kNfkc);
  if (type == "NFKD") return std::make_unique<FormNormalizer>(NormalForm::kNfkd);
  if (type == "Lowercase") return std::make_unique<LowercaseNormalizer>();
  if (type == "StripAccents") return std::make_unique<StripAccentsNormalizer>();
  if (type == "Nmt") return std::make_unique<NmtNormalizer>();
  if (type == "Strip") {
    STRATA_ASSIGN_OR_RETURN(const bool left, GetBool(object, "strip_left", place));
    STRATA_ASSIGN_OR_RETURN(const bool right, GetBool(object, "strip_right", place));
    return std::make_unique<StripNormalizer>(left, right);
  }
  if (type == "Prepend") {
    STRATA_ASSIGN_OR_RETURN(std::string prefix, GetString(object, "prepend", place));
    return std::make_unique<PrependNormalizer>(std::move(prefix));
  }
  if (type == "Replace") {
    STRATA_ASSIGN_OR_RETURN(TextPattern pattern, TextPattern::Create(object, place));
    STRATA_ASSIGN_OR_RETURN(std::string content, GetString(object, "content", place));
    return std::make_unique<ReplaceNormalizer>(std::move(pattern), std::move(content));
  }
  if (type == "Precompiled") {
    // Null in files converted from models without a map.
    std::string text;
    if (HasValue(object, "precompiled_charsmap")) {
      STRATA_ASSIGN_OR_RETURN(text, GetString(object, "precompiled_charsmap", place));
    }
    STRATA_ASSIGN_OR_RETURN(PrecompiledCharsmap map,
                            PrecompiledCharsmap::CreateFromBase64(text, place));
    return std::make_unique<PrecompiledNormalizer>(std::move(map));
  }
  if (type == "Sequence") return CreateSequence(object, place);
  return absl::UnimplementedError(absl::StrCat(origin, ": normalizer '", type, "'"));
}

}  // namespace strata
