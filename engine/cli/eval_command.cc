#include "engine/cli/eval_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/cli/commit.h"
#include "engine/cli/eval_source.h"
#include "engine/cli/eval_task.h"
#include "engine/cli/exit_code.h"
#include "engine/cli/interrupt.h"
#include "engine/cli/progress_output.h"
#include "engine/cli/report_command.h"
#include "engine/evaluate/evaluation.h"
#include "engine/evaluate/results_table.h"
#include "engine/evaluate/results_writer.h"
#include "engine/evaluate/sha256.h"
#include "kernels/base/file.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

absl::StatusOr<EvaluationOptions> ToEvaluationOptions(const EvalOptions& options) {
  EvaluationOptions evaluation = {
      .batch_sizes = options.batch_sizes,
      .sampling = {
          .temperature = options.temperature, .top_p = options.top_p, .seed = options.model.seed}};
  STRATA_RETURN_IF_ERROR(Validate(evaluation.sampling));
  if (!options.goodput.empty()) {
    STRATA_ASSIGN_OR_RETURN(evaluation.goodput, ParseGoodputBounds(options.goodput));
  }
  return evaluation;
}

// The journal of an evaluation that keeps its results; null for one that does not.
absl::StatusOr<std::unique_ptr<CompletionJournal>> OpenJournal(const EvalOptions& options,
                                                               const EvaluationTask& task,
                                                               const PreparedSource& source,
                                                               std::ostream& err) {
  if (options.output.empty()) {
    if (!options.resume) return nullptr;
    return absl::InvalidArgumentError("--resume needs --output: the answers are kept there");
  }
  std::error_code error;
  std::filesystem::create_directories(options.output, error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot make the directory '", options.output, "': ", error.message()));
  }
  nlohmann::json identity = {{"job", "eval"},
                             {"task", task.description().name},
                             {"task_hash", TaskHash(task)},
                             {"num_samples", task.description().num_samples},
                             {"max_new_tokens", task.description().max_new_tokens},
                             {"think_end", task.description().think_end},
                             {"temperature", options.temperature},
                             {"top_p", options.top_p},
                             {"seed", options.model.seed}};
  for (const auto& [name, value] : source.identity) identity[name] = value;
  nlohmann::json notes = {{"model", source.model}, {"commit", kCommit}};
  for (const auto& [name, value] : source.settings) notes[name] = value;
  const std::filesystem::path path = std::filesystem::path(options.output) /
                                     absl::StrCat("answers_", task.description().name, ".jsonl");
  STRATA_ASSIGN_OR_RETURN(
      CompletionJournal journal,
      CompletionJournal::Open(
          {.records_path = path.string(),
           .identity = identity.dump(),
           .notes = notes.dump(),
           .mode = options.resume ? JournalOptions::Mode::kResume : JournalOptions::Mode::kStart}));
  if (options.resume)
    err << "resuming: " << journal.num_found() << " answers are there" << std::endl;
  return std::make_unique<CompletionJournal>(std::move(journal));
}

// Why requests failed, by the first of them; the sample file has all.
void ReportFailures(const BatchSizeRun& run, std::ostream& err) {
  const auto first =
      std::find_if(run.samples.begin(), run.samples.end(),
                   [](const EvaluationSample& sample) { return !sample.status.ok(); });
  if (first == run.samples.end()) return;
  err << "batch " << run.batch_size << ": " << run.NumFailed() << " of " << run.samples.size()
      << " failed, the first, question " << first->item_index + 1 << ": " << first->status.message()
      << std::endl;
}

// Evaluates, prints and writes; the number of failed requests over all batch sizes.
absl::StatusOr<int64_t> Evaluate(const EvalOptions& options, std::ostream& out, std::ostream& err) {
  STRATA_ASSIGN_OR_RETURN(const EvaluationOptions evaluation_options, ToEvaluationOptions(options));
  // The task first: a wrong path or a missing sandbox should not cost the loading of a model.
  STRATA_ASSIGN_OR_RETURN(const PreparedTask prepared, PrepareTask(options, err));
  const EvaluationTask& task = *prepared.task;
  const Interrupt interrupt;
  STRATA_ASSIGN_OR_RETURN(const PreparedSource source, PrepareSource(options, err));
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<CompletionJournal> journal,
                          OpenJournal(options, task, source, err));

  const absl::Time started = absl::Now();
  const std::unique_ptr<ProgressReporter> progress = MakeProgressReporter(err);
  STRATA_ASSIGN_OR_RETURN(
      const Evaluation evaluation,
      RunEvaluation(task, *source.source, evaluation_options, *progress, journal.get()));

  EvaluationFacts facts = {.model_source = source.kind,
                           .model = source.model,
                           .limit = options.limit,
                           .git_hash = kCommit,
                           .started = started,
                           .total_seconds = absl::ToDoubleSeconds(absl::Now() - started),
                           .settings = source.settings};
  facts.settings.emplace_back("data", prepared.data_path);
  STRATA_ASSIGN_OR_RETURN(const std::string data, ReadFile(prepared.data_path));
  facts.settings.emplace_back("data_sha256", Sha256Hex(data));
  if (options.chat) {
    facts.settings.emplace_back("chat", options.fewshot_as_multiturn ? "turns" : "one turn");
  }
  if (prepared.sandbox != nullptr) {
    facts.settings.emplace_back("sandbox", prepared.sandbox->description());
  }
  if (!options.output.empty()) {
    STRATA_ASSIGN_OR_RETURN(const ResultPaths paths,
                            WriteResults(options.output, task, evaluation, facts));
    STRATA_ASSIGN_OR_RETURN(const std::string report, WriteDirectoryReport(options.output, err));
    err << "wrote " << paths.results << ", " << paths.samples << " and " << report << std::endl;
  }
  if (options.json) {
    out << ResultsJson(task, evaluation, facts) << std::endl;
  } else {
    out << source.headline << "\n" << FormatEvaluation(task, evaluation) << std::flush;
  }
  int64_t num_failed = 0;
  for (const BatchSizeRun& run : evaluation.runs) {
    num_failed += run.NumFailed();
    ReportFailures(run, err);
  }
  // What failed is asked or marked again by --resume; what is complete needs no journal any more.
  if (journal != nullptr && num_failed == 0) STRATA_RETURN_IF_ERROR(std::move(*journal).Remove());
  return num_failed;
}

}  // namespace

int RunEval(const EvalOptions& options, std::ostream& out, std::ostream& err) {
  const absl::StatusOr<int64_t> num_failed = Evaluate(options, out, err);
  if (num_failed.ok()) return *num_failed > 0 ? kExitPartial : kExitDone;
  if (absl::IsCancelled(num_failed.status())) {
    err << "\nstrata eval: interrupted"
        << (options.output.empty() ? "" : "; the answers are kept, --resume goes on") << std::endl;
  } else {
    err << "strata eval: " << num_failed.status().message() << std::endl;
  }
  return ExitCodeOf(num_failed.status());
}

void RegisterEval(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand("eval", "Accuracy and latency of a model on a task");
  const auto options = std::make_shared<EvalOptions>();
  const auto add = [verb](const char* name, auto& value, const char* help) {
    return verb->add_option(name, value, help);
  };
  add("task", options->task, "gsm8k or mbpp")->required();
  AddModelOptions(*verb, options->model);
  verb->get_option("--model")->required(false);  // or --endpoint
  add("--protocol", options->protocol,
      "Form of the task: gsm8k, gsm8k_cot, gsm8k_cot_zeroshot; mbpp, mbpp_instruct");
  CLI::Option* data =
      add("--data", options->data,
          "The data set: gsm8k's test rows, mbpp.jsonl or sanitized-mbpp.json, as JSON "
          "lines, a JSON array or Parquet (default: looked for)");
  add("--data-dir", options->data_dir, "Directory that holds it (default: the usual places)")
      ->excludes(data);
  add("--fewshot-data", options->fewshot_data,
      "Rows for the examples (default: gsm8k beside --data, *test.jsonl -> *train.jsonl; mbpp "
      "tasks 2, 3 and 4 of --data; of test-X.parquet train-X.parquet and prompt-X.parquet)");
  add("--fewshot-file", options->fewshot_file,
      "gsm8k_cot: the worked examples, JSON lines {\"question\", \"answer\"}");
  add("--batch-sizes", options->batch_sizes, "Sequences in flight, one run each")
      ->delimiter(',')
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  add("--num-fewshot", options->num_fewshot,
      "Examples before each question (default: gsm8k 5, gsm8k_cot all of the file, mbpp 3)");
  verb->add_flag("--same-fewshot", options->same_fewshot,
                 "The first training rows before every question, so that prompts begin alike");
  CLI::Option* chat =
      verb->add_flag("--chat", options->chat, "Put the question through the model's chat template");
  verb->add_flag("--fewshot-as-multiturn", options->fewshot_as_multiturn,
                 "Each example as a turn of its own")
      ->needs(chat);
  add("--think-end", options->think_end,
      "Mark behind which a reasoning model's answer begins, e.g. </think>");
  add("--max-new-tokens", options->max_new_tokens, "Tokens of an answer, at most (default: 256)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30));
  add("--num-samples", options->num_samples, "Answers to each question")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  add("--pass-at", options->pass_at, "mbpp: the k of pass@k (default: 1)")->delimiter(',');
  add("--maj-at", options->maj_at, "gsm8k: the k of maj@k (default: --num-samples, if several)")
      ->delimiter(',');
  add("--temperature", options->temperature, "0: greedy")->capture_default_str();
  add("--top-p", options->top_p, "Draw among the likeliest tokens of this mass")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  verb->add_flag("--confirm-run-unsafe-code", options->confirm_run_unsafe_code,
                 "mbpp: yes, run what the model writes (in a sandbox, or not at all)");
  verb->add_flag("--static-batching", options->static_batching,
                 "Begin a batch only when the one before it has ended");
  add("--goodput", options->goodput,
      "Bounds in ms, e.g. ttft:500,tpot:50,e2el:9000: report requests/s that keep all of them");
  CLI::Option* endpoint = add("--endpoint", options->endpoint,
                              "Ask an OpenAI-compatible server, e.g. http://localhost:8000/v1");
  add("--endpoint-model", options->endpoint_model, "The server's name of the model")
      ->needs(endpoint);
  add("--api-key-env", options->api_key_variable,
      "Environment variable that holds the server's key")
      ->needs(endpoint);
  add("--limit", options->limit, "Ask only the first so many questions");
  CLI::Option* output =
      add("--output", options->output, "Directory for results, samples and report.html");
  verb->add_flag("--resume", options->resume, "Go on where a run with this --output was ended")
      ->needs(output);
  verb->add_flag("--json", options->json, "Print the results as one JSON object");
  verb->callback([options, &exit_code] { exit_code = RunEval(*options, std::cout, std::cerr); });
}

}  // namespace strata
