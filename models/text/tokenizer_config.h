// The small files beside a tokenizer: tokenizer_config.json, special_tokens_map.json and
// added_tokens.json.
//
// They name the special tokens, add tokens to the vocabulary, and say whether BOS and EOS are put
// around a text. Plain values. Keys about other things (chat_template, truncation, padding, model
// classes) are not read here.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/added_tokens.h"

namespace strata {

struct TokenizerConfig {
  std::optional<bool> add_bos_token;
  std::optional<bool> add_eos_token;
  std::optional<bool> add_prefix_space;
  std::optional<bool> clean_up_tokenization_spaces;
  std::string tokenizer_class;  // empty when not given

  // The special tokens that have a role, as text; nullopt when null or not given.
  std::optional<std::string> bos_token, eos_token, unk_token, pad_token;

  // Special tokens in the order they are named; the ids are of no meaning.
  std::vector<AddedToken> named_tokens;
  // Tokens with ids: added_tokens_decoder, then what else added_tokens.json has.
  std::vector<AddedToken> added_tokens;
};

// Reads whichever of the three files `directory` has. InvalidArgument naming the file and key for
// values of a wrong type.
absl::StatusOr<TokenizerConfig> LoadTokenizerConfig(absl::string_view directory);

// One added token of a JSON object with a "content"; options that are missing are false, except
// `normalized`, which is true for tokens that are not special. `id` is left 0.
absl::StatusOr<AddedToken> ReadAddedToken(const nlohmann::json& object, absl::string_view origin);

}  // namespace strata
