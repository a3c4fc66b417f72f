#include "models/text/tokenizer_parts.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"

namespace strata {

absl::StatusOr<std::vector<AddedToken>> CombineAddedTokens(std::vector<AddedToken> listed,
                                                           const TokenizerConfig& config,
                                                           const Vocabulary& vocabulary,
                                                           absl::string_view origin) {
  std::vector<AddedToken> tokens = std::move(listed);
  absl::flat_hash_map<std::string, size_t> positions;
  for (size_t i = 0; i < tokens.size(); ++i) positions.emplace(tokens[i].content, i);
  for (const AddedToken& token : config.added_tokens) {
    const auto [it, inserted] = positions.emplace(token.content, tokens.size());
    if (inserted) {
      tokens.push_back(token);
      continue;
    }
    AddedToken& known = tokens[it->second];
    if (known.id != token.id) {
      return absl::InvalidArgumentError(
          absl::StrCat(origin, ": added token '", token.content, "' has id ", known.id,
                       ", in the tokenizer's configuration ", token.id));
    }
    known = token;
  }
  for (const AddedToken& token : config.named_tokens) {
    const std::optional<int32_t> id = vocabulary.IdOf(token.content);
    if (!id.has_value() || !positions.emplace(token.content, tokens.size()).second) continue;
    tokens.push_back(token);
    tokens.back().id = *id;
  }
  for (const AddedToken& token : tokens) {
    const std::optional<int32_t> id = vocabulary.IdOf(token.content);
    if (id.has_value() && *id != token.id) {
      return absl::InvalidArgumentError(absl::StrCat(origin, ": added token '", token.content,
                                                     "' has id ", token.id,
                                                     ", in the model's vocabulary ", *id));
    }
    const std::optional<absl::string_view> other = vocabulary.TokenOf(token.id);
    if (other.has_value() && *other != token.content) {
      return absl::InvalidArgumentError(absl::StrCat(origin, ": added token '", token.content,
                                                     "' has id ", token.id, ", which belongs to '",
                                                     *other, "' in the model's vocabulary"));
    }
  }
  return tokens;
}

std::optional<int32_t> FindId(const TokenizerParts& parts, absl::string_view token) {
  const std::optional<int32_t> added = parts.added->IdOf(token);
  return added.has_value() ? added : parts.vocabulary->IdOf(token);
}

absl::Status ApplyBosAndEos(absl::string_view origin, TokenizerParts& parts) {
  const TokenizerConfig& config = parts.config;
  const auto resolve = [&](const std::optional<std::string>& token, const char* key,
                           int32_t& id) -> absl::Status {
    const std::optional<int32_t> found =
        token.has_value() ? FindId(parts, *token) : std::optional<int32_t>();
    if (!found.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(
          origin, ": ", key, " is true, but the token is ",
          token.has_value() ? absl::StrCat("'", *token, "', not in the vocabulary") : "not named"));
    }
    id = *found;
    return absl::OkStatus();
  };
  std::vector<int32_t>& prefix = parts.affixes.prefix;
  std::vector<int32_t>& suffix = parts.affixes.suffix;
  int32_t id = 0;
  if (config.add_bos_token.has_value()) {
    if (*config.add_bos_token) {
      STRATA_RETURN_IF_ERROR(resolve(config.bos_token, "add_bos_token", id));
      if (prefix.empty() || prefix.front() != id) prefix.insert(prefix.begin(), id);
    } else if (!prefix.empty() && config.bos_token.has_value() &&
               FindId(parts, *config.bos_token) == prefix.front()) {
      prefix.erase(prefix.begin());
    }
  }
  if (config.add_eos_token.has_value()) {
    if (*config.add_eos_token) {
      STRATA_RETURN_IF_ERROR(resolve(config.eos_token, "add_eos_token", id));
      if (suffix.empty() || suffix.back() != id) suffix.push_back(id);
    } else if (!suffix.empty() && config.eos_token.has_value() &&
               FindId(parts, *config.eos_token) == suffix.back()) {
      suffix.pop_back();
    }
  }
  return absl::OkStatus();
}

}  // namespace strata
