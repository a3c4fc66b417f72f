#include "models/text/pre_tokenizer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "models/text/byte_alphabet.h"
#include "models/text/metaspace.h"
#include "models/text/split_behavior.h"
#include "models/text/text_pattern.h"
#include "models/text/unicode.h"

namespace strata {
namespace {

using nlohmann::json;

// What GPT-2 splits with (github.com/openai/gpt-2, src/encoder.py).
constexpr absl::string_view kGpt2Expression =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

class PatternSplit final : public PreTokenizer {
 public:
  PatternSplit(TextPattern pattern, Delimiters delimiters, SplitBehavior behavior)
      : pattern_(std::move(pattern)), delimiters_(delimiters), behavior_(behavior) {}

  absl::Status Apply(SplitText& split) const override {
    TextPattern::Search search(pattern_);
    std::vector<RegexMatch> matches;
    std::vector<SplitText::Word> words;
    for (const SplitText::Word& word : split.words) {
      matches.clear();
      STRATA_RETURN_IF_ERROR(search.FindAll(split.TextOf(word), matches));
      SplitWord(word, matches, delimiters_, behavior_, words);
    }
    split.words = std::move(words);
    return absl::OkStatus();
  }

 private:
  const TextPattern pattern_;
  const Delimiters delimiters_;
  const SplitBehavior behavior_;
};

// Every character of a class is a match by itself.
class CharacterSplit final : public PreTokenizer {
 public:
  CharacterSplit(bool (*contains)(char32_t), SplitBehavior behavior)
      : contains_(contains), behavior_(behavior) {}

  absl::Status Apply(SplitText& split) const override {
    std::vector<RegexMatch> matches;
    std::vector<SplitText::Word> words;
    for (const SplitText::Word& word : split.words) {
      const absl::string_view text = split.TextOf(word);
      matches.clear();
      for (size_t i = 0; i < text.size();) {
        const Utf8Character character = ReadUtf8(text, i);
        const size_t end = i + character.num_bytes;
        if (contains_(character.code_point)) matches.push_back({i, end});
        i = end;
      }
      SplitWord(word, matches, Delimiters::kMatches, behavior_, words);
    }
    split.words = std::move(words);
    return absl::OkStatus();
  }

 private:
  bool (*const contains_)(char32_t);
  const SplitBehavior behavior_;
};

// Runs of word characters, and runs of what is neither word nor space: Rust's \w+|[^\w\s]+.
class WhitespacePreTokenizer final : public PreTokenizer {
 public:
  absl::Status Apply(SplitText& split) const override {
    enum class Kind { kSpace, kWord, kOther };
    std::vector<SplitText::Word> words;
    for (const SplitText::Word& word : split.words) {
      Kind previous = Kind::kSpace;
      for (size_t i = word.begin; i < word.end;) {
        const Utf8Character character = ReadUtf8(split.text, i);
        const char32_t c = character.code_point;
        const Kind kind = IsWord(c) ? Kind::kWord : IsWhitespace(c) ? Kind::kSpace : Kind::kOther;
        const size_t end = i + character.num_bytes;
        if (kind != Kind::kSpace) {
          if (kind == previous) {
            words.back().end = end;
          } else {
            words.push_back({i, end, word.at_beginning && i == word.begin});
          }
        }
        previous = kind;
        i = end;
      }
    }
    split.words = std::move(words);
    return absl::OkStatus();
  }
};

// Puts a space before every word that has none.
class PrefixSpace final : public PreTokenizer {
 public:
  absl::Status Apply(SplitText& split) const override {
    SplitText out;
    out.text.reserve(split.text.size() + split.words.size());
    out.words.reserve(split.words.size());
    for (const SplitText::Word& word : split.words) {
      const absl::string_view text = split.TextOf(word);
      const size_t begin = out.text.size();
      if (text[0] != ' ') out.text.push_back(' ');
      out.text.append(text.data(), text.size());
      out.words.push_back({begin, out.text.size(), word.at_beginning});
    }
    split = std::move(out);
    return absl::OkStatus();
  }
};

// Writes every word in the byte alphabet.
class ByteCharacters final : public PreTokenizer {
 public:
  absl::Status Apply(SplitText& split) const override {
    SplitText out;
    out.text.reserve(2 * split.text.size());
    out.words.reserve(split.words.size());
    for (const SplitText::Word& word : split.words) {
      const size_t begin = out.text.size();
      AppendByteCharacters(split.TextOf(word), out.text);
      out.words.push_back({begin, out.text.size(), word.at_beginning});
    }
    split = std::move(out);
    return absl::OkStatus();
  }
};

class MetaspacePreTokenizer final : public PreTokenizer {
 public:
  explicit MetaspacePreTokenizer(Metaspace metaspace)
      : metaspace_(std::move(metaspace)), pattern_(TextPattern::Literal(metaspace_.replacement)) {}

  absl::Status Apply(SplitText& split) const override {
    SplitText out;
    std::vector<RegexMatch> matches;
    TextPattern::Search search(pattern_);
    for (const SplitText::Word& word : split.words) {
      const absl::string_view text = split.TextOf(word);
      const SplitText::Word rewritten = Rewrite(text, word.at_beginning, out.text);
      if (!metaspace_.split) {
        out.words.push_back(rewritten);
        continue;
      }
      matches.clear();
      STRATA_RETURN_IF_ERROR(search.FindAll(out.TextOf(rewritten), matches));
      SplitWord(rewritten, matches, Delimiters::kMatches, SplitBehavior::kMergedWithNext,
                out.words);
    }
    split = std::move(out);
    return absl::OkStatus();
  }

 private:
  SplitText::Word Rewrite(absl::string_view text, bool at_beginning, std::string& out) const {
    const std::string& replacement = metaspace_.replacement;
    const size_t begin = out.size();
    const bool prepend = metaspace_.prepend == Metaspace::Prepend::kAlways ||
                         (metaspace_.prepend == Metaspace::Prepend::kFirst && at_beginning);
    const bool starts_with_replacement =
        text[0] == ' ' || text.substr(0, replacement.size()) == replacement;
    if (prepend && !starts_with_replacement) out.append(replacement);
    for (const char c : text) {
      if (c == ' ') {
        out.append(replacement);
      } else {
        out.push_back(c);
      }
    }
    return {begin, out.size(), at_beginning};
  }

  const Metaspace metaspace_;
  const TextPattern pattern_;
};

class SequencePreTokenizer final : public PreTokenizer {
 public:
  explicit SequencePreTokenizer(std::vector<std::unique_ptr<PreTokenizer>> steps)
      : steps_(std::move(steps)) {}
  absl::Status Apply(SplitText& split) const override {
    for (const auto& step : steps_) STRATA_RETURN_IF_ERROR(step->Apply(split));
    return absl::OkStatus();
  }

 private:
  const std::vector<std::unique_ptr<PreTokenizer>> steps_;
};

using PreTokenizerOr = absl::StatusOr<std::unique_ptr<PreTokenizer>>;

PreTokenizerOr CreateByteLevel(const json& object, absl::string_view origin) {
  STRATA_ASSIGN_OR_RETURN(const bool prefix, GetBool(object, "add_prefix_space", origin));
  bool use_regex = true;  // files from before the option split
  if (HasValue(object, "use_regex")) {
    STRATA_ASSIGN_OR_RETURN(use_regex, GetBool(object, "use_regex", origin));
  }
  std::vector<std::unique_ptr<PreTokenizer>> steps;
  if (prefix) steps.push_back(std::make_unique<PrefixSpace>());
  if (use_regex) {
    STRATA_ASSIGN_OR_RETURN(TextPattern pattern, TextPattern::Expression(kGpt2Expression, origin));
    steps.push_back(std::make_unique<PatternSplit>(std::move(pattern), Delimiters::kMatches,
                                                   SplitBehavior::kIsolated));
  }
  steps.push_back(std::make_unique<ByteCharacters>());
  return std::make_unique<SequencePreTokenizer>(std::move(steps));
}

PreTokenizerOr CreateSplit(const json& object, absl::string_view origin) {
  STRATA_ASSIGN_OR_RETURN(TextPattern pattern, TextPattern::Create(object, origin));
  STRATA_ASSIGN_OR_RETURN(const SplitBehavior behavior,
                          ReadSplitBehavior(object, "behavior", origin));
  STRATA_ASSIGN_OR_RETURN(const bool invert, GetBool(object, "invert", origin));
  return std::make_unique<PatternSplit>(
      std::move(pattern), invert ? Delimiters::kGaps : Delimiters::kMatches, behavior);
}

PreTokenizerOr CreateSequence(const json& object, absl::string_view origin) {
  if (!object.contains("pretokenizers") || !object["pretokenizers"].is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(origin, ": expected a list 'pretokenizers'"));
  }
  std::vector<std::unique_ptr<PreTokenizer>> steps;
  for (const json& step : object["pretokenizers"]) {
    STRATA_ASSIGN_OR_RETURN(
        std::unique_ptr<PreTokenizer> pre_tokenizer,
        PreTokenizer::Create(step, absl::StrCat(origin, "[", steps.size(), "]")));
    steps.push_back(std::move(pre_tokenizer));
  }
  return std::make_unique<SequencePreTokenizer>(std::move(steps));
}

}  // namespace

PreTokenizerOr PreTokenizer::Create(const json& object, absl::string_view origin) {
  if (object.is_null()) {
    return std::make_unique<SequencePreTokenizer>(std::vector<std::unique_ptr<PreTokenizer>>());
  }
  STRATA_ASSIGN_OR_RETURN(const std::string type, GetString(object, "type", origin));
  const std::string place = absl::StrCat(origin, " ", type);
  if (type == "ByteLevel") return CreateByteLevel(object, place);
  if (type == "Split") return CreateSplit(object, place);
  if (type == "Sequence") return CreateSequence(object, place);
  if (type == "Whitespace") return std::make_unique<WhitespacePreTokenizer>();
  if (type == "WhitespaceSplit") {
    return std::make_unique<CharacterSplit>(&IsWhitespace, SplitBehavior::kRemoved);
  }
  if (type == "Digits") {
    STRATA_ASSIGN_OR_RETURN(const bool individual, GetBool(object, "individual_digits", place));
    return std::make_unique<CharacterSplit>(
        &IsNumeric, individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
  }
  if (type == "Punctuation") {
    SplitBehavior behavior = SplitBehavior::kIsolated;
    if (HasValue(object, "behavior")) {
      STRATA_ASSIGN_OR_RETURN(behavior, ReadSplitBehavior(object, "behavior", place));
    }
    return std::make_unique<CharacterSplit>(&IsPunctuation, behavior);
  }
  if (type == "BertPreTokenizer") {
    std::vector<std::unique_ptr<PreTokenizer>> steps;
    steps.push_back(std::make_unique<CharacterSplit>(&IsWhitespace, SplitBehavior::kRemoved));
    steps.push_back(std::make_unique<CharacterSplit>(&IsPunctuation, SplitBehavior::kIsolated));
    return std::make_unique<SequencePreTokenizer>(std::move(steps));
  }
  if (type == "CharDelimiterSplit") {
    STRATA_ASSIGN_OR_RETURN(const std::string delimiter, GetString(object, "delimiter", place));
    if (delimiter.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(place, ": the delimiter is empty"));
    }
    return std::make_unique<PatternSplit>(TextPattern::Literal(delimiter), Delimiters::kMatches,
                                          SplitBehavior::kRemoved);
  }
  if (type == "Metaspace") {
    STRATA_ASSIGN_OR_RETURN(Metaspace metaspace, ReadMetaspace(object, place));
    return std::make_unique<MetaspacePreTokenizer>(std::move(metaspace));
  }
  return absl::UnimplementedError(absl::StrCat(origin, ": pre-tokenizer '", type, "'"));
}

}  // namespace strata
