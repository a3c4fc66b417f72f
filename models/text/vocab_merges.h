// vocab.json and merges.txt, the byte-level BPE format of GPT-2, OPT and Qwen2.
//
// The two files hold the model only; how text is split follows from the tokenizer's class. They are
// brought into the form of a tokenizer.json, so that one reader builds both.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/tokenizer_config.h"

namespace strata {

// The tokenizer.json equivalent of `directory`'s vocab.json and merges.txt. Classes: GPT2Tokenizer
// (also when none is given) and Qwen2Tokenizer, each also with "Fast". NotFound, InvalidArgument,
// Unimplemented naming the file or class.
absl::StatusOr<nlohmann::json> TokenizerJsonOfVocabMerges(absl::string_view directory,
                                                          const TokenizerConfig& config);

}  // namespace strata
