#include "engine/cli/tokenize_command.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/cli/exit_code.h"
#include "engine/cli/token_ids.h"
#include "kernels/base/file.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "models/text/chat_template.h"
#include "models/text/tokenizer.h"
#include "offload/checkpoint/model_locator.h"

namespace strata {
namespace {

using nlohmann::json;

// Tokenizer files do not need a config.json beside them.
absl::StatusOr<std::string> DirectoryOf(const std::string& model) {
  std::error_code error;
  if (std::filesystem::is_directory(model, error)) return model;
  STRATA_ASSIGN_OR_RETURN(
      const ModelFiles files,
      LocateModel(model, HubCacheOptions::FromEnvironment(
                             [](const char* name) -> const char* { return std::getenv(name); })));
  if (files.directory.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("'", model, "' has no tokenizer files"));
  }
  return files.directory;
}

class RowPrinter {
 public:
  RowPrinter(const Tokenizer& tokenizer, const std::optional<ChatTemplate>& chat_template,
             bool add_special_tokens, std::ostream& out)
      : tokenizer_(tokenizer),
        chat_template_(chat_template),
        add_special_tokens_(add_special_tokens),
        out_(out) {}

  absl::Status PrintText(const std::string& text, bool add_special_tokens) {
    const auto special = add_special_tokens ? EncodeOptions::SpecialTokens::kAdd
                                            : EncodeOptions::SpecialTokens::kOmit;
    STRATA_ASSIGN_OR_RETURN(const std::vector<int32_t> ids,
                            tokenizer_.Encode(text, {.special_tokens = special}));
    Print(ids, text);
    return absl::OkStatus();
  }

  absl::Status PrintText(const std::string& text) { return PrintText(text, add_special_tokens_); }

  // `row_text` is the row's own text: templates print objects with their keys as they were written.
  absl::Status PrintRow(const json& row, absl::string_view row_text) {
    if (row.is_object() && row.contains("text") && row["text"].is_string()) {
      return PrintText(row["text"].get<std::string>());
    }
    if (!row.is_object() || !row.contains("messages")) {
      return absl::InvalidArgumentError("expected an object with \"text\" or \"messages\"");
    }
    if (!chat_template_.has_value()) {
      return absl::InvalidArgumentError("\"messages\": the model has no chat template");
    }
    STRATA_ASSIGN_OR_RETURN(const std::string text,
                            chat_template_->RenderVariables(
                                row_text, absl::ToCivilSecond(absl::Now(), absl::LocalTimeZone())));
    return PrintText(text, false);  // the template has written the special tokens already
  }

  absl::Status PrintDecoded(const std::string& ids_text) {
    STRATA_ASSIGN_OR_RETURN(const std::vector<int32_t> ids, ParseTokenIds(ids_text));
    Print(ids, tokenizer_.Decode(ids));
    return absl::OkStatus();
  }

 private:
  void Print(const std::vector<int32_t>& ids, const std::string& text) {
    const nlohmann::ordered_json row = {{"ids", ids}, {"text", text}};
    out_ << row.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << "\n";
  }

  const Tokenizer& tokenizer_;
  const std::optional<ChatTemplate>& chat_template_;
  bool add_special_tokens_;
  std::ostream& out_;
};

absl::StatusOr<std::string> ReadInput(const std::string& path) {
  if (path != "-") return ReadFile(path);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

absl::Status Tokenize(const TokenizeOptions& options, std::ostream& out) {
  if (options.texts.empty() && options.input.empty() && options.decode.empty()) {
    return absl::InvalidArgumentError("nothing to do; give --text, --input or --decode");
  }
  STRATA_ASSIGN_OR_RETURN(const std::string directory, DirectoryOf(options.model));
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Load(directory));
  STRATA_ASSIGN_OR_RETURN(const std::optional<ChatTemplate> chat_template,
                          ChatTemplate::Load(directory));
  RowPrinter printer(*tokenizer, chat_template, !options.no_special_tokens, out);
  for (const std::string& text : options.texts) STRATA_RETURN_IF_ERROR(printer.PrintText(text));
  if (!options.input.empty()) {
    STRATA_ASSIGN_OR_RETURN(const std::string text, ReadInput(options.input));
    STRATA_ASSIGN_OR_RETURN(const std::vector<json> rows, ParseJsonLines(text, options.input));
    const std::vector<absl::string_view> texts = JsonLineTexts(text);
    for (size_t i = 0; i < rows.size(); ++i) {
      STRATA_RETURN_IF_ERROR(WithContext(printer.PrintRow(rows[i], texts[i]),
                                         absl::StrCat(options.input, ": row ", i + 1)));
    }
  }
  for (const std::string& ids : options.decode) {
    STRATA_RETURN_IF_ERROR(WithContext(printer.PrintDecoded(ids), "--decode"));
  }
  return absl::OkStatus();
}

}  // namespace

int RunTokenize(const TokenizeOptions& options, std::ostream& out, std::ostream& err) {
  const absl::Status status = Tokenize(options, out);
  out << std::flush;
  if (!status.ok()) err << "strata tokenize: " << status.message() << std::endl;
  return ExitCodeOf(status);
}

void RegisterTokenize(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand("tokenize", "Text or chats to token ids and back");
  const auto options = std::make_shared<TokenizeOptions>();
  verb->add_option("--model", options->model,
                   "Directory with tokenizer files, or a Hugging Face id in the local hub cache")
      ->required();
  verb->add_option("--text", options->texts, "A text (repeatable)")->allow_extra_args(false);
  verb->add_option("--input", options->input,
                   "Rows {\"text\"} or {\"messages\", template variables}; - is standard input");
  verb->add_option("--decode", options->decode, "Token ids 1,2,3 to text (repeatable)")
      ->allow_extra_args(false);
  verb->add_flag("--no-special-tokens", options->no_special_tokens,
                 "Leave out BOS, EOS and the like around a text");
  verb->callback(
      [options, &exit_code] { exit_code = RunTokenize(*options, std::cout, std::cerr); });
}

}  // namespace strata
