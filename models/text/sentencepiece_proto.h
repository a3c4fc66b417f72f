// What a SentencePiece *.model file says about itself, read before the library reads it.
//
// The file is a protocol buffer (google/sentencepiece, src/sentencepiece_model.proto). The library
// trusts what it holds (its character map is followed without checks), so we look first: a small
// reader of the wire format, which also yields the options that the library's interface hides.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

struct SentencePieceProto {
  int64_t num_pieces = 0;
  bool add_dummy_prefix = true;
  bool treat_whitespace_as_suffix = false;
};

// InvalidArgument naming `origin`: truncated or malformed, too many pieces, a score that is not
// finite, a character map that leads outside itself.
absl::StatusOr<SentencePieceProto> ReadSentencePieceProto(absl::string_view bytes,
                                                          absl::string_view origin);

}  // namespace strata
