// tokenizer.json, Hugging Face's format, into the parts of a tokenizer.
//
// Everything that the file asks for is built or refused: an unknown component is an error that
// names it. "truncation" and "padding" are not the tokenizer's business here (the engine decides),
// as transformers ignores them too.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/tokenizer_parts.h"

namespace strata {

// `document` is the parsed file, `origin` its path for messages. InvalidArgument / Unimplemented.
absl::StatusOr<TokenizerParts> ReadTokenizerJson(const nlohmann::json& document,
                                                 TokenizerConfig config, absl::string_view origin);

}  // namespace strata
