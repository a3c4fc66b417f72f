// Text from ids while they are generated.
//
// Push gives out only what is certain: whole characters, and no space that a later token may take
// away. Whatever the pushes and Finish return, one after the other, is exactly what
// Tokenizer::Decode returns for all ids together, with the same options. One text, one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/types/span.h"
#include "models/text/token_decoder.h"
#include "models/text/tokenizer.h"

namespace strata {

class Detokenizer {
 public:
  // `tokenizer` must outlive this.
  explicit Detokenizer(const Tokenizer& tokenizer, const DecodeOptions& options = {});

  // The text that `id` completes, often empty. An id outside the vocabulary adds nothing.
  std::string Push(int32_t id);
  std::string Push(absl::Span<const int32_t> ids);

  // The text that was held back: U+FFFD for an incomplete character. Then begins a new text.
  std::string Finish();

 private:
  void Append(int32_t id, std::string& out);
  void Start();

  const Tokenizer& tokenizer_;
  const DecodeOptions options_;
  std::unique_ptr<TokenDecoder::Stream> stream_;
};

}  // namespace strata
