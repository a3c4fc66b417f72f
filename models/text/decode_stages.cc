#include "models/text/decode_stages.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "models/text/byte_alphabet.h"
#include "models/text/unicode.h"

namespace strata {
namespace {

class TokenReplace final : public DecodeStage {
 public:
  explicit TokenReplace(const TokenDecoder::Replace& step) : step_(step) {}
  void Push(absl::string_view token) override {
    next().Push(ReplaceLiteral(token, step_.literal, step_.content));
  }

 private:
  const TokenDecoder::Replace& step_;
};

class FragmentReplace final : public DecodeStage {
 public:
  FragmentReplace(absl::string_view literal, absl::string_view content)
      : literal_(literal), content_(content) {}

  void Push(absl::string_view fragment) override {
    held_.append(fragment.data(), fragment.size());
    std::string out;
    size_t copied = 0;
    for (size_t at = held_.find(literal_); at != std::string::npos;
         at = held_.find(literal_, copied)) {
      out.append(held_, copied, at - copied);
      out.append(content_);
      copied = at + literal_.size();
    }
    // What may be the beginning of a match waits.
    size_t keep = std::min(literal_.size() - 1, held_.size() - copied);
    while (keep > 0 && held_.compare(held_.size() - keep, keep, literal_, 0, keep) != 0) --keep;
    out.append(held_, copied, held_.size() - keep - copied);
    held_.erase(0, held_.size() - keep);
    if (!out.empty()) next().Push(out);
  }
  void Finish() override {
    if (!held_.empty()) next().Push(std::exchange(held_, std::string()));
    next().Finish();
  }

 private:
  const std::string literal_, content_;
  std::string held_;  // a beginning of literal_, at the end of the text so far
};

class ByteLevelStage final : public DecodeStage {
 public:
  void Push(absl::string_view token) override {
    if (const std::optional<std::string> bytes = BytesOfCharacters(token); bytes.has_value()) {
      held_ += *bytes;
    } else {
      held_.append(token.data(), token.size());
    }
    Emit(TextEnd::kOpen);
  }
  void Finish() override {
    Emit(TextEnd::kClosed);
    next().Finish();
  }

 private:
  void Emit(TextEnd end) {
    std::string out;
    held_.erase(0, AppendUtf8Lossy(held_, InvalidBytes::kOnePerSequence, end, out));
    if (!out.empty()) next().Push(out);
  }

  std::string held_;  // an incomplete character
};

class ByteFallbackStage final : public DecodeStage {
 public:
  void Push(absl::string_view token) override {
    const int byte = ByteOfToken(token);
    if (byte < 0) {
      Emit(TextEnd::kClosed);
      next().Push(token);
      return;
    }
    held_.push_back(static_cast<char>(byte));
    Emit(TextEnd::kOpen);
  }
  void Finish() override {
    Emit(TextEnd::kClosed);
    next().Finish();
  }

 private:
  void Emit(TextEnd end) {
    std::string out;
    held_.erase(0, AppendUtf8Lossy(held_, InvalidBytes::kOnePerByte, end, out));
    if (!out.empty()) next().Push(out);
  }

  std::string held_;  // an incomplete character
};

class TokenStrip final : public DecodeStage {
 public:
  explicit TokenStrip(const TokenDecoder::Strip& step) : step_(step) {}
  void Push(absl::string_view token) override {
    for (int i = 0; i < step_.start && absl::StartsWith(token, step_.content); ++i) {
      token.remove_prefix(step_.content.size());
    }
    for (int i = 0; i < step_.stop && absl::EndsWith(token, step_.content); ++i) {
      token.remove_suffix(step_.content.size());
    }
    next().Push(token);
  }

 private:
  const TokenDecoder::Strip& step_;
};

class FragmentStrip final : public DecodeStage {
 public:
  explicit FragmentStrip(const TokenDecoder::Strip& step) : step_(step), to_drop_(step.start) {}

  void Push(absl::string_view fragment) override {
    const size_t size = step_.content.size();
    while (to_drop_ > 0 && absl::StartsWith(fragment, step_.content)) {
      fragment.remove_prefix(size);
      --to_drop_;
    }
    if (fragment.empty()) return;
    to_drop_ = 0;
    std::string out = std::exchange(held_, std::string());
    out.append(fragment.data(), fragment.size());
    size_t end = out.size();
    for (int i = 0;
         i < step_.stop && absl::EndsWith(absl::string_view(out).substr(0, end), step_.content);
         ++i) {
      end -= size;
    }
    held_ = out.substr(end);
    out.resize(end);
    if (!out.empty()) next().Push(out);
  }

 private:
  const TokenDecoder::Strip& step_;
  int to_drop_;
  std::string held_;  // what is removed if the text ends here; Finish forgets it
};

class SpacesStage final : public DecodeStage {
 public:
  explicit SpacesStage(const TokenDecoder::Spaces& step) : step_(step) {}
  void Push(absl::string_view token) override {
    const bool drop = first_ && step_.drop_first;
    first_ = false;
    next().Push(ReplaceLiteral(token, step_.replacement, drop ? "" : " "));
  }

 private:
  const TokenDecoder::Spaces& step_;
  bool first_ = true;
};

// A suffix is a space, except at the end of the last token.
class WordSuffixStage final : public DecodeStage {
 public:
  explicit WordSuffixStage(const TokenDecoder::WordSuffix& step) : step_(step) {}
  void Push(absl::string_view token) override {
    if (last_.has_value()) next().Push(ReplaceLiteral(*last_, step_.suffix, " "));
    last_ = std::string(token);
  }
  void Finish() override {
    if (last_.has_value()) next().Push(ReplaceLiteral(*last_, step_.suffix, ""));
    next().Finish();
  }

 private:
  const TokenDecoder::WordSuffix& step_;
  std::optional<std::string> last_;
};

class JoinStage final : public DecodeStage {
 public:
  void Push(absl::string_view token) override {
    if (!first_) next().Push(" ");
    first_ = false;
    next().Push(token);
  }

 private:
  bool first_ = true;
};

}  // namespace

std::unique_ptr<DecodeStage> MakeDecodeStage(const TokenDecoder::Step& step, PieceKind kind) {
  struct Maker {
    PieceKind kind;
    std::unique_ptr<DecodeStage> operator()(const TokenDecoder::Replace& s) const {
      if (kind == PieceKind::kFragments) return MakeReplaceStage(s.literal, s.content);
      return std::make_unique<TokenReplace>(s);
    }
    std::unique_ptr<DecodeStage> operator()(const TokenDecoder::Strip& s) const {
      if (kind == PieceKind::kFragments) return std::make_unique<FragmentStrip>(s);
      return std::make_unique<TokenStrip>(s);
    }
    std::unique_ptr<DecodeStage> operator()(const TokenDecoder::ByteLevel&) const {
      return std::make_unique<ByteLevelStage>();
    }
    std::unique_ptr<DecodeStage> operator()(const TokenDecoder::ByteFallback&) const {
      return std::make_unique<ByteFallbackStage>();
    }
    std::unique_ptr<DecodeStage> operator()(const TokenDecoder::Fuse&) const { return nullptr; }
    std::unique_ptr<DecodeStage> operator()(const TokenDecoder::Spaces& s) const {
      return std::make_unique<SpacesStage>(s);
    }
    std::unique_ptr<DecodeStage> operator()(const TokenDecoder::WordSuffix& s) const {
      return std::make_unique<WordSuffixStage>(s);
    }
    std::unique_ptr<DecodeStage> operator()(const TokenDecoder::Join&) const {
      return std::make_unique<JoinStage>();
    }
  };
  return std::visit(Maker{kind}, step);
}

std::unique_ptr<DecodeStage> MakeReplaceStage(absl::string_view literal,
                                              absl::string_view content) {
  return std::make_unique<FragmentReplace>(literal, content);
}

bool FusesTokens(const TokenDecoder::Step& step) {
  return std::holds_alternative<TokenDecoder::Fuse>(step) ||
         std::holds_alternative<TokenDecoder::ByteLevel>(step) ||
         std::holds_alternative<TokenDecoder::Join>(step);
}

int ByteOfToken(absl::string_view token) {
  if (token.size() != 6 || !absl::StartsWith(token, "<0x") || token[5] != '>' ||
      !absl::ascii_isxdigit(token[3]) || !absl::ascii_isxdigit(token[4])) {
    return -1;
  }
  const auto value = [](char digit) {
    return absl::ascii_isdigit(digit) ? digit - '0' : absl::ascii_tolower(digit) - 'a' + 10;
  };
  return 16 * value(token[3]) + value(token[4]);
}

std::string ReplaceLiteral(absl::string_view text, absl::string_view from, absl::string_view to) {
  std::string out;
  size_t copied = 0;
  for (size_t at = text.find(from); at != absl::string_view::npos; at = text.find(from, copied)) {
    absl::StrAppend(&out, text.substr(copied, at - copied), to);
    copied = at + from.size();
  }
  absl::StrAppend(&out, text.substr(copied));
  return out;
}

}  // namespace strata
