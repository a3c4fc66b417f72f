// Chat templates: a list of messages -> the text that a chat model was trained on.
//
// Models ship a Jinja template that Hugging Face transformers renders; this is the same rendering
// (ImmutableSandboxedEnvironment with trim_blocks, lstrip_blocks, loop controls, raise_exception,
// strftime_now, tojson, {% generation %}) with an own interpreter, limits included. Messages and
// tools come as JSON text, not as nlohmann::json, because templates print them and the order of
// keys is part of what the model was trained on. A ChatTemplate is immutable; threads may share it.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "models/text/jinja_budget.h"

namespace strata {

namespace jinja {
class Dict;
struct Statement;
}  // namespace jinja

// One plain message, for callers that have no JSON at hand.
struct ChatMessage {
  std::string role;
  std::string content;
};

// The JSON array of `messages`, as ChatInput takes it.
std::string ChatMessagesToJson(const std::vector<ChatMessage>& messages);

// What a template is rendered with. All JSON texts are strict: duplicate keys, broken UTF-8, deep
// nesting and integers beyond 64 bits are refused.
struct ChatInput {
  std::string messages;                  // JSON array of objects
  std::optional<std::string> tools;      // JSON array; absent: none, as in transformers
  std::optional<std::string> documents;  // JSON array; absent: none
  bool add_generation_prompt = false;    // end with the beginning of an assistant's message
  std::optional<std::string> bos_token;  // overrides the tokenizer's
  std::optional<std::string> eos_token;
  std::string variables;                 // JSON object of further variables; they win. "": none
  std::optional<absl::CivilSecond> now;  // what strftime_now shows; absent: using it is an error
};

class ChatTemplate {
 public:
  // Parses a template. InvalidArgument and Unimplemented name `origin` and the line.
  static absl::StatusOr<ChatTemplate> Parse(absl::string_view source, absl::string_view origin);

  // The template of a model directory: `chat_template.jinja`, else `chat_template` of
  // tokenizer_config.json (text, or a list of {name, template}), else of chat_template.json;
  // nullopt if there is none. Of a list, `name` is taken; with the empty name "default" is, and
  // "tool_use" when tools are given, as in transformers. The special tokens (bos_token, eos_token,
  // ...) of tokenizer_config.json become variables. NotFound for a name that the list lacks.
  static absl::StatusOr<std::optional<ChatTemplate>> Load(const std::string& directory,
                                                          absl::string_view name = "");

  // The prompt. InvalidArgument: input that is not valid, or the template's own refusal
  // (raise_exception), with its message; ResourceExhausted: a limit. Template errors name origin
  // and line.
  absl::StatusOr<std::string> Render(const ChatInput& input,
                                     const jinja::RenderLimits& limits = {}) const;

  // Renders with exactly the variables of a JSON object (and the special tokens); nothing else is
  // defined.
  absl::StatusOr<std::string> RenderVariables(absl::string_view variables,
                                              std::optional<absl::CivilSecond> now,
                                              const jinja::RenderLimits& limits = {}) const;

  // The template's text, and that of the variant for tools ("" if there is none).
  const std::string& source() const { return plain_.source; }
  const std::string& tool_source() const { return with_tools_.source; }

 private:
  struct Parsed {
    std::string source;
    std::string origin;
    std::shared_ptr<const std::vector<jinja::Statement>> body;  // null: there is no such variant
  };
  ChatTemplate() = default;
  static absl::StatusOr<Parsed> ParseVariant(absl::string_view source, absl::string_view origin);
  // From the value of a `chat_template` member.
  static absl::StatusOr<ChatTemplate> FromJson(const nlohmann::json& value, absl::string_view name,
                                               absl::string_view origin);
  absl::StatusOr<std::string> RenderWith(const Parsed& variant, const jinja::Dict& variables,
                                         std::optional<absl::CivilSecond> now,
                                         jinja::Budget& budget) const;

  Parsed plain_;
  Parsed with_tools_;
  std::vector<std::pair<std::string, std::string>> special_tokens_;  // name, text
};

}  // namespace strata
