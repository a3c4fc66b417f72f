// The subword model of a tokenizer: one word of normalized text to token ids.
//
// BPE, Unigram, WordLevel, or a SentencePiece library model, behind one call. Immutable; any
// thread may call Encode.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace strata {

class SubwordModel {
 public:
  virtual ~SubwordModel() = default;

  // Appends the ids of `word` (valid UTF-8, not empty) to `ids`. InvalidArgument when the word has
  // a part that the vocabulary cannot express and the model has no unknown token.
  virtual absl::Status Encode(absl::string_view word, std::vector<int32_t>& ids) const = 0;

 protected:
  SubwordModel() = default;
};

}  // namespace strata
