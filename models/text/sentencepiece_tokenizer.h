// tokenizer.model, SentencePiece's format, into the parts of a tokenizer.
//
// Encoding is libsentencepiece's, its normalizer included; added tokens, BOS, EOS and decoding are
// ours, so that a tokenizer.model and the tokenizer.json made from it behave alike.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "models/text/tokenizer_parts.h"

namespace strata {

// Reads the file at `path`. Control and unknown pieces are special tokens. Without add_bos_token or
// add_eos_token in `config`, BOS is added, except that T5 adds EOS instead (as transformers does).
// NotFound, InvalidArgument, Unimplemented (spaces as suffixes) naming `path`.
absl::StatusOr<TokenizerParts> ReadSentencePieceModel(const std::string& path,
                                                      TokenizerConfig config);

}  // namespace strata
