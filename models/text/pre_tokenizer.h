// The pre-tokenizer: cuts normalized text into the words that the subword model never crosses.
//
// Built from the "pre_tokenizer" object of tokenizer.json: ByteLevel, Split, Digits, Metaspace,
// Punctuation, Whitespace, WhitespaceSplit, BertPreTokenizer, CharDelimiterSplit and Sequence, with
// Hugging Face's meaning. Immutable; any thread may call Apply.
#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

// Text cut into words. Steps cut words further, drop some, and rewrite the text.
struct SplitText {
  struct Word {
    size_t begin = 0;  // bytes in `text`, half-open, never empty
    size_t end = 0;
    bool at_beginning = false;  // begins where the whole input begins
  };
  std::string text;  // valid UTF-8
  std::vector<Word> words;

  absl::string_view TextOf(const Word& word) const {
    return absl::string_view(text).substr(word.begin, word.end - word.begin);
  }
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;

  // Cuts and rewrites `split`. ResourceExhausted when a regular expression backtracks too much.
  virtual absl::Status Apply(SplitText& split) const = 0;

  // `object` is the JSON value, null for no cuts. InvalidArgument / Unimplemented naming `origin`
  // and the component.
  static absl::StatusOr<std::unique_ptr<PreTokenizer>> Create(const nlohmann::json& object,
                                                              absl::string_view origin);

 protected:
  PreTokenizer() = default;
};

}  // namespace strata
