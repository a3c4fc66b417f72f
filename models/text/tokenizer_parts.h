// What a Tokenizer consists of; the loaders build it, Tokenizer runs it.
//
// The model and the added tokens refer to the vocabulary and the normalizer, so those live behind
// pointers and the whole may move.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/added_tokens.h"
#include "models/text/normalizer.h"
#include "models/text/post_processor.h"
#include "models/text/pre_tokenizer.h"
#include "models/text/subword_model.h"
#include "models/text/token_decoder.h"
#include "models/text/tokenizer_config.h"
#include "models/text/vocabulary.h"

namespace strata {

struct TokenizerParts {
  std::unique_ptr<const Vocabulary> vocabulary;  // of the model, without tokens added to it
  std::unique_ptr<const Normalizer> normalizer;
  std::unique_ptr<const AddedTokens> added;
  std::unique_ptr<const PreTokenizer> pre_tokenizer;
  std::unique_ptr<const SubwordModel> model;
  std::unique_ptr<const TokenDecoder> decoder;
  SpecialAffixes affixes;
  TokenizerConfig config;
};

// The tokens of `listed` (a tokenizer file's own) and of `config` together: options in the config
// win, named tokens join if the vocabulary has them. InvalidArgument naming `origin` when a token
// has two ids, or an id two tokens.
absl::StatusOr<std::vector<AddedToken>> CombineAddedTokens(std::vector<AddedToken> listed,
                                                           const TokenizerConfig& config,
                                                           const Vocabulary& vocabulary,
                                                           absl::string_view origin);

// Makes `parts.affixes` do what add_bos_token and add_eos_token of the config say; what they do not
// say stays. InvalidArgument naming `origin` when the token to add is unknown.
absl::Status ApplyBosAndEos(absl::string_view origin, TokenizerParts& parts);

// The id of an added token or of the model's token.
std::optional<int32_t> FindId(const TokenizerParts& parts, absl::string_view token);

}  // namespace strata
