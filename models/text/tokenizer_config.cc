#include "models/text/tokenizer_config.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "models/text/vocabulary.h"

namespace strata {
namespace {

using nlohmann::json;

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

absl::Status ReadFlag(const json& object, absl::string_view key, absl::string_view origin,
                      std::optional<bool>& flag) {
  if (!HasValue(object, key)) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(flag, GetBool(object, key, origin));
  return absl::OkStatus();
}

// A special token is a string, or an object with its options.
absl::StatusOr<AddedToken> ReadNamedToken(const json& value, absl::string_view origin) {
  AddedToken token;
  if (value.is_string()) {
    token.content = value.get<std::string>();
    token.normalized = false;
  } else {
    STRATA_ASSIGN_OR_RETURN(token, ReadAddedToken(value, origin));
  }
  token.special = true;
  return token;
}

void AddNamed(AddedToken token, TokenizerConfig& config) {
  const auto same = [&](const AddedToken& other) { return other.content == token.content; };
  if (token.content.empty() ||
      std::any_of(config.named_tokens.begin(), config.named_tokens.end(), same)) {
    return;
  }
  config.named_tokens.push_back(std::move(token));
}

// The *_token keys, which tokenizer_config.json and special_tokens_map.json share.
absl::Status ReadNamedTokens(const json& object, absl::string_view origin,
                             TokenizerConfig& config) {
  const auto read = [&](const char* key, std::optional<std::string>* role) -> absl::Status {
    if (!HasValue(object, key)) return absl::OkStatus();
    STRATA_ASSIGN_OR_RETURN(AddedToken token,
                            ReadNamedToken(object[key], absl::StrCat(origin, ": key '", key, "'")));
    if (role != nullptr && !role->has_value()) *role = token.content;
    AddNamed(std::move(token), config);
    return absl::OkStatus();
  };
  STRATA_RETURN_IF_ERROR(read("bos_token", &config.bos_token));
  STRATA_RETURN_IF_ERROR(read("eos_token", &config.eos_token));
  STRATA_RETURN_IF_ERROR(read("unk_token", &config.unk_token));
  STRATA_RETURN_IF_ERROR(read("pad_token", &config.pad_token));
  for (const char* key : {"sep_token", "cls_token", "mask_token"}) {
    STRATA_RETURN_IF_ERROR(read(key, nullptr));
  }
  if (!HasValue(object, "additional_special_tokens")) return absl::OkStatus();
  const json& tokens = object["additional_special_tokens"];
  const std::string place = absl::StrCat(origin, ": key 'additional_special_tokens'");
  if (!tokens.is_array()) return absl::InvalidArgumentError(absl::StrCat(place, ": not a list"));
  for (const json& value : tokens) {
    STRATA_ASSIGN_OR_RETURN(AddedToken token, ReadNamedToken(value, place));
    AddNamed(std::move(token), config);
  }
  return absl::OkStatus();
}

// "added_tokens_decoder": {"151643": {"content": ...}}
absl::Status ReadAddedTokensDecoder(const json& object, absl::string_view origin,
                                    TokenizerConfig& config) {
  if (!HasValue(object, "added_tokens_decoder")) return absl::OkStatus();
  const json& tokens = object["added_tokens_decoder"];
  const std::string place = absl::StrCat(origin, ": key 'added_tokens_decoder'");
  if (!tokens.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(place, ": not an object"));
  }
  for (const auto& [key, value] : tokens.items()) {
    int64_t id = 0;
    if (!absl::SimpleAtoi(key, &id)) {
      return absl::InvalidArgumentError(absl::StrCat(place, ": '", key, "' is not an id"));
    }
    STRATA_ASSIGN_OR_RETURN(AddedToken token,
                            ReadAddedToken(value, absl::StrCat(place, " '", key, "'")));
    token.id = id;
    config.added_tokens.push_back(std::move(token));
  }
  std::sort(config.added_tokens.begin(), config.added_tokens.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  return absl::OkStatus();
}

// added_tokens.json: {content: id}
absl::Status ReadAddedTokensFile(const json& object, absl::string_view path,
                                 TokenizerConfig& config) {
  if (!object.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected an object"));
  }
  for (const auto& [content, unused] : object.items()) {
    STRATA_ASSIGN_OR_RETURN(const int64_t id, GetInt(object, content, 0, kMaxTokenIds - 1, path));
    const auto same = [content = content](const AddedToken& token) {
      return token.content == content;
    };
    const auto known = std::find_if(config.added_tokens.begin(), config.added_tokens.end(), same);
    if (known != config.added_tokens.end()) {
      if (known->id == id) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": '", content, "' has id ", id, ", elsewhere ", known->id));
    }
    const auto named = std::find_if(config.named_tokens.begin(), config.named_tokens.end(), same);
    AddedToken token;
    if (named != config.named_tokens.end()) token = *named;
    token.content = content;
    token.id = id;
    config.added_tokens.push_back(std::move(token));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AddedToken> ReadAddedToken(const json& object, absl::string_view origin) {
  AddedToken token;
  STRATA_ASSIGN_OR_RETURN(token.content, GetString(object, "content", origin));
  const auto read = [&](const char* key, bool absent, bool& flag) -> absl::Status {
    flag = absent;
    if (!HasValue(object, key)) return absl::OkStatus();
    STRATA_ASSIGN_OR_RETURN(flag, GetBool(object, key, origin));
    return absl::OkStatus();
  };
  STRATA_RETURN_IF_ERROR(read("special", false, token.special));
  STRATA_RETURN_IF_ERROR(read("single_word", false, token.single_word));
  STRATA_RETURN_IF_ERROR(read("lstrip", false, token.lstrip));
  STRATA_RETURN_IF_ERROR(read("rstrip", false, token.rstrip));
  STRATA_RETURN_IF_ERROR(read("normalized", !token.special, token.normalized));
  return token;
}

absl::StatusOr<TokenizerConfig> LoadTokenizerConfig(absl::string_view directory) {
  TokenizerConfig config;
  if (const std::string path = absl::StrCat(directory, "/tokenizer_config.json"); Exists(path)) {
    STRATA_ASSIGN_OR_RETURN(const json object, ReadJsonFile(path));
    if (!object.is_object()) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": expected an object"));
    }
    STRATA_RETURN_IF_ERROR(ReadFlag(object, "add_bos_token", path, config.add_bos_token));
    STRATA_RETURN_IF_ERROR(ReadFlag(object, "add_eos_token", path, config.add_eos_token));
    STRATA_RETURN_IF_ERROR(ReadFlag(object, "add_prefix_space", path, config.add_prefix_space));
    STRATA_RETURN_IF_ERROR(ReadFlag(object, "clean_up_tokenization_spaces", path,
                                    config.clean_up_tokenization_spaces));
    if (HasValue(object, "tokenizer_class")) {
      STRATA_ASSIGN_OR_RETURN(config.tokenizer_class, GetString(object, "tokenizer_class", path));
    }
    STRATA_RETURN_IF_ERROR(ReadNamedTokens(object, path, config));
    STRATA_RETURN_IF_ERROR(ReadAddedTokensDecoder(object, path, config));
  }
  if (const std::string path = absl::StrCat(directory, "/special_tokens_map.json"); Exists(path)) {
    STRATA_ASSIGN_OR_RETURN(const json object, ReadJsonFile(path));
    STRATA_RETURN_IF_ERROR(ReadNamedTokens(object, path, config));
  }
  if (const std::string path = absl::StrCat(directory, "/added_tokens.json"); Exists(path)) {
    STRATA_ASSIGN_OR_RETURN(const json object, ReadJsonFile(path));
    STRATA_RETURN_IF_ERROR(ReadAddedTokensFile(object, path, config));
  }
  return config;
}

}  // namespace strata
