// SentencePiece's precompiled character map: a normalizer as a double-array trie.
//
// The blob inside T5's tokenizer.json and inside *.model files: a little-endian uint32 with the
// trie's size in bytes, the trie (uint32 units of darts-clone), and the replacement texts, each
// ending with a zero byte. Everything the trie can reach is checked at creation, because the file
// is not ours. Immutable; any thread may read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

class PrecompiledCharsmap {
 public:
  // From the blob, or from its base64 text. InvalidArgument naming `origin` when it is truncated,
  // or when a step or a replacement lies outside it.
  static absl::StatusOr<PrecompiledCharsmap> Create(absl::string_view blob,
                                                    absl::string_view origin);
  static absl::StatusOr<PrecompiledCharsmap> CreateFromBase64(absl::string_view text,
                                                              absl::string_view origin);

  // `text` (valid UTF-8) with each grapheme cluster below six bytes, or else each character,
  // replaced by what its shortest known beginning maps to. As spm_precompiled, which
  // Hugging Face's tokenizers use, and which reproduces SentencePiece on real text.
  std::string Apply(absl::string_view text) const;

 private:
  PrecompiledCharsmap() = default;

  // Appends the replacement of `chunk`; false when there is none.
  bool Transform(absl::string_view chunk, std::string& out) const;

  std::vector<uint32_t> units_;
  std::string replacements_;  // ends with a zero byte
};

}  // namespace strata
