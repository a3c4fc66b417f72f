#include "engine/cli/batch_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "engine/cli/commit.h"
#include "engine/cli/exit_code.h"
#include "engine/cli/interrupt.h"
#include "engine/cli/progress_output.h"
#include "engine/evaluate/engine_source.h"
#include "engine/evaluate/jobs/batch_input.h"
#include "engine/evaluate/jobs/batch_job.h"
#include "engine/evaluate/jobs/journal.h"
#include "engine/evaluate/jobs/model_fingerprint.h"
#include "engine/evaluate/sha256.h"
#include "kernels/base/file.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "offload/plan/policy_json.h"

namespace strata {
namespace {

namespace filesystem = std::filesystem;

constexpr size_t kMaxFaultsShown = 20;
constexpr int64_t kMaxInputBytes = int64_t{64} << 30;

absl::Status CheckPaths(const BatchOptions& options) {
  std::error_code error;
  if (filesystem::equivalent(options.input_path, options.output_path, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--output '", options.output_path, "' is the input file"));
  }
  if (filesystem::is_directory(options.output_path, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--output '", options.output_path, "' is a directory, expected a file"));
  }
  const filesystem::path directory = filesystem::path(options.output_path).parent_path();
  if (!directory.empty() && !filesystem::is_directory(directory, error)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--output '", options.output_path, "': there is no directory '", directory.string(), "'"));
  }
  const bool has_output = filesystem::exists(options.output_path, error) &&
                          filesystem::file_size(options.output_path, error) > 0;
  if (has_output && !options.resume) {
    return absl::InvalidArgumentError(
        absl::StrCat("--output '", options.output_path,
                     "' holds work already: resume it with --resume, or name another"));
  }
  return absl::OkStatus();
}

// All faults that there is room for, each with its line number.
std::string FaultText(const std::vector<std::string>& faults) {
  const size_t num_shown = std::min(faults.size(), kMaxFaultsShown);
  std::string text =
      absl::StrJoin(faults.begin(), faults.begin() + static_cast<ptrdiff_t>(num_shown), "\n");
  if (num_shown < faults.size()) {
    absl::StrAppend(&text, "\n... and ", faults.size() - num_shown, " more");
  }
  return text;
}

// The room that the plan gives a sequence: the longest row's, at three bytes a token.
Workload WorkloadOf(const BatchInput& input, const BatchOptions& options) {
  int64_t prompt_tokens = 1, output_tokens = 1;
  for (const BatchRow& row : input.rows) {
    size_t longest = row.messages.size() / 3;
    for (const std::string& prompt : row.prompts) longest = std::max(longest, prompt.size() / 3);
    for (const std::vector<int32_t>& ids : row.prompt_ids) longest = std::max(longest, ids.size());
    prompt_tokens = std::max(prompt_tokens, static_cast<int64_t>(longest));
    output_tokens = std::max(output_tokens, row.max_new_tokens.value_or(options.max_new_tokens));
  }
  return {.num_sequences = options.batch_size,
          .prompt_tokens = prompt_tokens,
          .output_tokens = output_tokens};
}

absl::StatusOr<JournalOptions> JournalOptionsOf(const BatchOptions& options,
                                                const std::string& input_text,
                                                const EngineOptions& engine_options,
                                                Engine& engine) {
  STRATA_ASSIGN_OR_RETURN(const ModelFiles files,
                          LocateModel(engine_options.model, engine_options.hub_cache));
  STRATA_ASSIGN_OR_RETURN(const std::string model, ModelFingerprint(files));
  const std::string chat_template =
      engine.chat_template().has_value() ? Sha256Hex(engine.chat_template()->source()) : "none";
  const nlohmann::json identity = {{"job", "batch"},
                                   {"input_sha256", Sha256Hex(input_text)},
                                   {"skip_malformed", options.skip_malformed},
                                   {"model_fingerprint", model},
                                   {"load_format", options.model.load_format},
                                   {"chat_template_sha256", chat_template},
                                   {"seed", options.model.seed},
                                   {"max_new_tokens", options.max_new_tokens},
                                   {"kv", std::string(DTypeName(engine.kv_dtype()))}};
  // None of these changes the text, so a job may go on under others.
  nlohmann::json notes = {{"model", options.model.model},
                          {"input", options.input_path},
                          {"backend", engine.DeviceName()},
                          {"commit", kCommit},
                          {"batch_size", options.batch_size}};
  STRATA_ASSIGN_OR_RETURN(notes["policy"], ParseJson(ToJson(engine.policy()), "policy"));
  return JournalOptions{
      .records_path = options.output_path,
      .identity = identity.dump(),
      .notes = notes.dump(),
      .mode = options.resume ? JournalOptions::Mode::kResume : JournalOptions::Mode::kStart};
}

// The exit code of a job that ran to its end.
absl::StatusOr<int> Batch(const BatchOptions& options, std::ostream& err) {
  STRATA_RETURN_IF_ERROR(CheckPaths(options));
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(options.input_path, kMaxInputBytes));
  STRATA_ASSIGN_OR_RETURN(const BatchInput input, ReadBatchInput(text, options.input_path));
  if (!input.faults.empty() && !options.skip_malformed) {
    return absl::InvalidArgumentError(absl::StrCat(
        input.faults.size() == 1 ? "1 malformed line"
                                 : absl::StrCat(input.faults.size(), " malformed lines"),
        ", nothing was done (--skip-malformed runs "
        "the others):\n",
        FaultText(input.faults)));
  }
  if (!input.faults.empty()) {
    err << "skipping " << input.faults.size() << " malformed lines:\n"
        << FaultText(input.faults) << std::endl;
  }
  STRATA_ASSIGN_OR_RETURN(EngineOptions engine_options, ToEngineOptions(options.model));
  const Objective objective = engine_options.placement.workload.objective;
  engine_options.placement.workload = WorkloadOf(input, options);
  engine_options.placement.workload.objective = objective;
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine, Engine::Create(engine_options));
  if (engine->tokenizer() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("model '", options.model.model, "' has no tokenizer, which batch needs"));
  }

  STRATA_ASSIGN_OR_RETURN(const JournalOptions journal_options,
                          JournalOptionsOf(options, text, engine_options, *engine));
  BatchOutput output;
  STRATA_ASSIGN_OR_RETURN(Journal journal,
                          Journal::Open(journal_options, [&output](absl::string_view line) {
                            return output.Add(line);
                          }));
  if (options.resume) {
    err << "resuming: " << output.num_done() << " of " << input.rows.size() << " rows are done";
    if (journal.num_torn_bytes() > 0) err << ", a torn line was cut off";
    err << std::endl;
  }

  const Interrupt interrupt;
  EngineSource source(*engine, {.is_interrupted = Interrupt::Requested});
  const std::unique_ptr<ProgressReporter> progress = MakeProgressReporter(err);
  SamplingParams sampling = engine->generation_config().sampling;
  sampling.seed = options.model.seed;
  STRATA_ASSIGN_OR_RETURN(const BatchSummary summary,
                          RunBatchJob(input, output,
                                      {.model = options.model.model,
                                       .batch_size = options.batch_size,
                                       .max_new_tokens = options.max_new_tokens,
                                       .sampling = sampling},
                                      source, journal, *progress));
  err << absl::StrFormat("%d rows done, %d failed, %d malformed; %d output tokens in %.2f s",
                         summary.num_rows - summary.num_failed, summary.num_failed,
                         input.faults.size(), summary.num_output_tokens, summary.elapsed_s)
      << std::endl;
  return summary.num_failed > 0 || !input.faults.empty() ? kExitPartial : kExitDone;
}

}  // namespace

int RunBatch(const BatchOptions& options, std::ostream& err) {
  const absl::StatusOr<int> code = Batch(options, err);
  if (code.ok()) return *code;
  if (absl::IsCancelled(code.status())) {
    err << "\nstrata batch: interrupted; what is finished is written, --resume goes on"
        << std::endl;
  } else {
    err << "strata batch: " << code.status().message() << std::endl;
  }
  return ExitCodeOf(code.status());
}

void RegisterBatch(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand("batch", "Offline jobs in OpenAI's batch format, resumable");
  const auto options = std::make_shared<BatchOptions>();
  AddModelOptions(*verb, options->model);
  verb->add_option("--input", options->input_path,
                   "JSON lines {\"custom_id\", \"method\", \"url\", \"body\"}")
      ->required();
  verb->add_option("--output", options->output_path,
                   "Where the results go, one line each as it is finished")
      ->required();
  verb->add_option("--batch-size", options->batch_size, "Sequences in flight")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  verb->add_option("--max-new-tokens", options->max_new_tokens,
                   "Token limit of rows that name none")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30))
      ->capture_default_str();
  verb->add_flag("--resume", options->resume, "Go on where an earlier run was ended");
  verb->add_flag("--skip-malformed", options->skip_malformed,
                 "Leave malformed lines out and end with code 4 instead of refusing the file");
  verb->callback([options, &exit_code] { exit_code = RunBatch(*options, std::cerr); });
}

}  // namespace strata
