#include "engine/cli/prompts.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/cli/token_ids.h"
#include "kernels/base/file.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

using nlohmann::json;

absl::StatusOr<const Tokenizer*> TokenizerOf(const Engine& engine) {
  if (engine.tokenizer() == nullptr) {
    return absl::InvalidArgumentError("the model has no tokenizer; give --prompt-ids");
  }
  return engine.tokenizer();
}

absl::StatusOr<std::vector<int32_t>> EncodeText(const std::string& text, const Engine& engine) {
  STRATA_ASSIGN_OR_RETURN(const Tokenizer* tokenizer, TokenizerOf(engine));
  return tokenizer->Encode(text);
}

// `messages` is JSON text: templates print objects with their keys as they were written.
absl::StatusOr<std::vector<int32_t>> EncodeChat(const std::string& messages, const Engine& engine) {
  STRATA_ASSIGN_OR_RETURN(const Tokenizer* tokenizer, TokenizerOf(engine));
  if (!engine.chat_template().has_value()) {
    return absl::InvalidArgumentError("--chat: the model has no chat template");
  }
  STRATA_ASSIGN_OR_RETURN(const std::string text,
                          engine.chat_template()->Render(
                              {.messages = messages,
                               .add_generation_prompt = true,
                               .now = absl::ToCivilSecond(absl::Now(), absl::LocalTimeZone())}));
  // The template has written the special tokens already.
  return tokenizer->Encode(text, {.special_tokens = EncodeOptions::SpecialTokens::kOmit});
}

std::string UserTurn(const std::string& prompt, const std::string& system) {
  std::vector<ChatMessage> messages;
  if (!system.empty()) messages.push_back({.role = "system", .content = system});
  messages.push_back({.role = "user", .content = prompt});
  return ChatMessagesToJson(messages);
}

// `text` is the row's own text.
absl::StatusOr<std::vector<int32_t>> EncodeRow(const json& row, absl::string_view text,
                                               const PromptOptions& options, const Engine& engine) {
  const auto encode_prompt = [&](const std::string& prompt) {
    return options.chat ? EncodeChat(UserTurn(prompt, options.system), engine)
                        : EncodeText(prompt, engine);
  };
  if (row.is_string()) return encode_prompt(row.get<std::string>());
  if (row.is_object() && row.contains("prompt") && row["prompt"].is_string()) {
    return encode_prompt(row["prompt"].get<std::string>());
  }
  if (row.is_object() && row.contains("messages")) {
    const nlohmann::ordered_json written = nlohmann::ordered_json::parse(text);
    return EncodeChat(written["messages"].dump(), engine);
  }
  if (row.is_object() && row.contains("prompt_ids") && row["prompt_ids"].is_array()) {
    std::vector<int32_t> ids;
    for (const json& id : row["prompt_ids"]) {
      if (!id.is_number_integer() || id < 0 || id > std::numeric_limits<int32_t>::max()) {
        return absl::InvalidArgumentError("\"prompt_ids\": expected a list of token ids");
      }
      ids.push_back(id.get<int32_t>());
    }
    return ids;
  }
  return absl::InvalidArgumentError(
      "expected a string, or an object with \"prompt\", \"messages\" or \"prompt_ids\"");
}

}  // namespace

absl::StatusOr<std::vector<std::vector<int32_t>>> EncodePrompts(const PromptOptions& options,
                                                                const Engine& engine) {
  std::vector<std::vector<int32_t>> encoded;
  const auto add = [&encoded](absl::StatusOr<std::vector<int32_t>> ids,
                              absl::string_view what) -> absl::Status {
    if (!ids.ok()) return WithContext(ids.status(), what);
    encoded.push_back(*std::move(ids));
    return absl::OkStatus();
  };
  for (const std::string& prompt : options.prompts) {
    STRATA_RETURN_IF_ERROR(add(EncodeRow(prompt, "", options, engine), "--prompt"));
  }
  if (!options.prompt_file.empty()) {
    STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(options.prompt_file));
    STRATA_ASSIGN_OR_RETURN(const std::vector<json> rows,
                            ParseJsonLines(text, options.prompt_file));
    const std::vector<absl::string_view> texts = JsonLineTexts(text);
    for (size_t i = 0; i < rows.size(); ++i) {
      STRATA_RETURN_IF_ERROR(add(EncodeRow(rows[i], texts[i], options, engine),
                                 absl::StrCat(options.prompt_file, ": row ", i + 1)));
    }
  }
  if (!options.prompt_ids.empty()) {
    STRATA_RETURN_IF_ERROR(add(ParseTokenIds(options.prompt_ids), "--prompt-ids"));
  }
  if (encoded.empty()) {
    return absl::InvalidArgumentError("no prompt; give --prompt, --prompt-file or --prompt-ids");
  }
  return encoded;
}

}  // namespace strata
