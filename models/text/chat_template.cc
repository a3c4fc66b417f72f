#include "models/text/chat_template.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "kernels/base/file.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "models/text/jinja_interpreter.h"
#include "models/text/jinja_json.h"
#include "models/text/jinja_parser.h"

namespace strata {
namespace {

using jinja::Dict;
using jinja::Value;

constexpr int64_t kMaxTemplateBytes = 4 << 20;
constexpr int64_t kMaxConfigBytes = 64 << 20;

constexpr absl::string_view kSpecialTokens[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                                "pad_token", "cls_token", "mask_token"};

bool IsFile(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error);
}

// The text of a special token, which is a string or an object with `content`; nullopt if neither.
std::optional<std::string> TokenText(const nlohmann::json& config, absl::string_view name) {
  const auto it = config.find(std::string(name));
  if (it == config.end()) return std::nullopt;
  if (it->is_string()) return it->get<std::string>();
  if (!it->is_object()) return std::nullopt;
  const auto content = it->find("content");
  if (content == it->end() || !content->is_string()) return std::nullopt;
  return content->get<std::string>();
}

absl::Status AddJson(absl::string_view name, absl::string_view text, Dict& variables,
                     jinja::Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(Value value, jinja::ParseJsonValue(text, name, budget));
  if (!value.is_sequence()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": expected a JSON array, got '", value.type_name(), "'"));
  }
  variables.SetString(name, std::move(value));
  return absl::OkStatus();
}

// Adds the members of a JSON object.
absl::Status AddVariables(absl::string_view text, Dict& variables, jinja::Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const Value object,
                          jinja::ParseJsonValue(text, "chat template variables", budget));
  if (!object.is_dict()) {
    return absl::InvalidArgumentError("chat template variables: expected a JSON object");
  }
  for (const Dict::Entry& entry : object.AsDict()->entries()) {
    variables.SetString(entry.key.AsString(), entry.value);
  }
  return absl::OkStatus();
}

}  // namespace

std::string ChatMessagesToJson(const std::vector<ChatMessage>& messages) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const ChatMessage& message : messages) {
    array.push_back({{"role", message.role}, {"content", message.content}});
  }
  return array.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

absl::StatusOr<ChatTemplate::Parsed> ChatTemplate::ParseVariant(absl::string_view source,
                                                                absl::string_view origin) {
  if (static_cast<int64_t>(source.size()) > kMaxTemplateBytes) {
    return absl::ResourceExhaustedError(absl::StrCat(origin, ": the chat template has ",
                                                     source.size(), " bytes, more than ",
                                                     kMaxTemplateBytes));
  }
  STRATA_ASSIGN_OR_RETURN(jinja::Block body, jinja::ParseTemplate(source, origin));
  return Parsed{.source = std::string(source),
                .origin = std::string(origin),
                .body = std::make_shared<const jinja::Block>(std::move(body))};
}

absl::StatusOr<ChatTemplate> ChatTemplate::Parse(absl::string_view source,
                                                 absl::string_view origin) {
  ChatTemplate made;
  STRATA_ASSIGN_OR_RETURN(made.plain_, ParseVariant(source, origin));
  return made;
}

absl::StatusOr<ChatTemplate> ChatTemplate::FromJson(const nlohmann::json& value,
                                                    absl::string_view name,
                                                    absl::string_view origin) {
  const std::string member_origin = absl::StrCat(origin, " chat_template");
  if (value.is_string()) return Parse(value.get_ref<const std::string&>(), member_origin);
  if (!value.is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat(member_origin, ": expected a string or a list of {name, template}, got ",
                     value.type_name()));
  }
  const absl::string_view wanted = name.empty() ? absl::string_view("default") : name;
  std::string names;
  ChatTemplate made;
  for (const nlohmann::json& variant : value) {
    STRATA_ASSIGN_OR_RETURN(const std::string variant_name,
                            GetString(variant, "name", member_origin));
    STRATA_ASSIGN_OR_RETURN(const std::string source,
                            GetString(variant, "template", member_origin));
    absl::StrAppend(&names, names.empty() ? "" : ", ", variant_name);
    const std::string variant_origin = absl::StrCat(member_origin, " '", variant_name, "'");
    if (absl::string_view(variant_name) == wanted) {
      STRATA_ASSIGN_OR_RETURN(made.plain_, ParseVariant(source, variant_origin));
    } else if (name.empty() && variant_name == "tool_use") {
      STRATA_ASSIGN_OR_RETURN(made.with_tools_, ParseVariant(source, variant_origin));
    }
  }
  if (made.plain_.body == nullptr) {
    return absl::NotFoundError(
        absl::StrCat(member_origin, ": no template '", wanted, "' among [", names, "]"));
  }
  return made;
}

absl::StatusOr<std::optional<ChatTemplate>> ChatTemplate::Load(const std::string& directory,
                                                               absl::string_view name) {
  const std::string jinja_path = directory + "/chat_template.jinja";
  const std::string config_path = directory + "/tokenizer_config.json";
  const std::string json_path = directory + "/chat_template.json";
  nlohmann::json config = nlohmann::json::object();
  if (IsFile(config_path)) {
    STRATA_ASSIGN_OR_RETURN(config, ReadJsonFile(config_path, kMaxConfigBytes));
    if (!config.is_object()) {
      return absl::InvalidArgumentError(absl::StrCat(config_path, ": expected a JSON object"));
    }
  }
  std::optional<ChatTemplate> found;
  if (IsFile(jinja_path) && (name.empty() || name == "default")) {
    STRATA_ASSIGN_OR_RETURN(const std::string source, ReadFile(jinja_path, kMaxTemplateBytes));
    STRATA_ASSIGN_OR_RETURN(found, Parse(source, jinja_path));
  } else if (HasValue(config, "chat_template")) {
    STRATA_ASSIGN_OR_RETURN(found, FromJson(config["chat_template"], name, config_path));
  } else if (IsFile(json_path)) {
    STRATA_ASSIGN_OR_RETURN(const nlohmann::json file, ReadJsonFile(json_path, kMaxConfigBytes));
    if (!HasValue(file, "chat_template")) {
      return absl::InvalidArgumentError(
          absl::StrCat(json_path, ": key 'chat_template' is missing"));
    }
    STRATA_ASSIGN_OR_RETURN(found, FromJson(file["chat_template"], name, json_path));
  }
  if (!found.has_value()) return found;
  for (absl::string_view token : kSpecialTokens) {
    std::optional<std::string> text = TokenText(config, token);
    if (text.has_value()) found->special_tokens_.emplace_back(token, *std::move(text));
  }
  return found;
}

absl::StatusOr<std::string> ChatTemplate::Render(const ChatInput& input,
                                                 const jinja::RenderLimits& limits) const {
  jinja::Budget budget(limits);
  Dict variables;
  for (const auto& [token, text] : special_tokens_) {
    variables.SetString(token, Value::String(text));
  }
  if (input.bos_token.has_value())
    variables.SetString("bos_token", Value::String(*input.bos_token));
  if (input.eos_token.has_value())
    variables.SetString("eos_token", Value::String(*input.eos_token));
  STRATA_RETURN_IF_ERROR(AddJson("messages", input.messages, variables, budget));
  variables.SetString("tools", Value());
  variables.SetString("documents", Value());
  if (input.tools.has_value()) {
    STRATA_RETURN_IF_ERROR(AddJson("tools", *input.tools, variables, budget));
  }
  if (input.documents.has_value()) {
    STRATA_RETURN_IF_ERROR(AddJson("documents", *input.documents, variables, budget));
  }
  variables.SetString("add_generation_prompt", Value::Bool(input.add_generation_prompt));
  if (!input.variables.empty()) {
    STRATA_RETURN_IF_ERROR(AddVariables(input.variables, variables, budget));
  }
  const bool use_tools = input.tools.has_value() && with_tools_.body != nullptr;
  return RenderWith(use_tools ? with_tools_ : plain_, variables, input.now, budget);
}

absl::StatusOr<std::string> ChatTemplate::RenderVariables(absl::string_view variables,
                                                          std::optional<absl::CivilSecond> now,
                                                          const jinja::RenderLimits& limits) const {
  jinja::Budget budget(limits);
  Dict all;
  for (const auto& [token, text] : special_tokens_) all.SetString(token, Value::String(text));
  STRATA_RETURN_IF_ERROR(AddVariables(variables, all, budget));
  return RenderWith(plain_, all, now, budget);
}

absl::StatusOr<std::string> ChatTemplate::RenderWith(const Parsed& variant, const Dict& variables,
                                                     std::optional<absl::CivilSecond> now,
                                                     jinja::Budget& budget) const {
  jinja::Interpreter interpreter(*variant.body, variant.origin, budget);
  return interpreter.Render(variables, now);
}

}  // namespace strata
