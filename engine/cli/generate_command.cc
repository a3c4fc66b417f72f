#include "engine/cli/generate_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "engine/cli/exit_code.h"
#include "engine/cli/npy_writer.h"
#include "engine/cli/prompts.h"
#include "engine/session.h"
#include "engine/trace.h"
#include "kernels/base/file.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

using nlohmann::ordered_json;

double Milliseconds(MonotonicTime from, MonotonicTime to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

ordered_json LogprobsJson(const Completion& completion) {
  ordered_json positions = ordered_json::array();
  for (size_t i = 0; i < completion.logprobs.size(); ++i) {
    ordered_json top = ordered_json::array();
    for (const TokenLogprob& token : completion.top_logprobs[i]) {
      top.push_back({{"id", token.token_id}, {"logprob", token.logprob}});
    }
    positions.push_back({{"id", completion.output_ids[i]},
                         {"logprob", completion.logprobs[i]},
                         {"top_logprobs", std::move(top)}});
  }
  return positions;
}

ordered_json ToJson(const Completion& completion, const std::vector<int32_t>& prompt_ids) {
  const std::vector<MonotonicTime>& times = completion.token_times;
  const double end_to_end = Milliseconds(completion.submitted, times.back());
  const double first = Milliseconds(completion.submitted, times.front());
  ordered_json row = {
      {"prompt_ids", prompt_ids}, {"output_ids", completion.output_ids},
      {"text", completion.text},  {"finish_reason", FinishReasonName(completion.finish_reason)},
      {"ttft_ms", first},         {"tpot_ms", nullptr},
      {"e2el_ms", end_to_end}};
  if (times.size() > 1) {
    row["tpot_ms"] = (end_to_end - first) / static_cast<double>(times.size() - 1);
  }
  if (!completion.logprobs.empty()) row["logprobs"] = LogprobsJson(completion);
  return row;
}

// Prints completions in the order of their requests; a single one is streamed.
class Printer {
 public:
  Printer(std::ostream& out, bool json, size_t num_requests)
      : out_(out), json_(json), completions_(num_requests) {}

  void OnToken(const TokenEvent& event) {
    if (streams()) out_ << event.text << std::flush;
  }

  void OnFinished(Completion completion, const std::vector<std::vector<int32_t>>& prompt_ids) {
    completions_[static_cast<size_t>(completion.request)] = std::move(completion);
    while (next_ < completions_.size() && completions_[next_].has_value()) {
      Print(*completions_[next_], prompt_ids[next_]);
      ++next_;
    }
  }

 private:
  bool streams() const { return !json_ && completions_.size() == 1; }

  void Print(const Completion& completion, const std::vector<int32_t>& prompt_ids) {
    if (json_) {
      out_ << ToJson(completion, prompt_ids)
                  .dump(-1, ' ', false, ordered_json::error_handler_t::replace)
           << std::endl;
    } else if (streams()) {
      out_ << std::endl;
    } else {
      out_ << "[" << completion.request << "] " << completion.text << std::endl;
    }
  }

  std::ostream& out_;
  bool json_;
  std::vector<std::optional<Completion>> completions_;
  size_t next_ = 0;  // the first that is not printed
};

// Tokens of the longest prompt with what is generated for it.
int64_t LongestSequence(const std::vector<Request>& requests) {
  int64_t longest = 1;
  for (const Request& request : requests) {
    longest =
        std::max(longest, static_cast<int64_t>(request.prompt_ids.size()) + request.max_new_tokens);
  }
  return longest;
}

absl::Status Generate(const GenerateOptions& options, std::ostream& out, std::ostream& err) {
  STRATA_ASSIGN_OR_RETURN(EngineOptions engine_options, ToEngineOptions(options.model));
  engine_options.placement.workload.num_sequences =
      std::min(options.batch_size, static_cast<int64_t>(options.prompts.size()) + 1);
  engine_options.placement.workload.output_tokens = options.sampling.max_new_tokens;
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine, Engine::Create(engine_options));
  STRATA_ASSIGN_OR_RETURN(const std::vector<std::vector<int32_t>> prompts,
                          EncodePrompts({.prompts = options.prompts,
                                         .prompt_file = options.prompt_file,
                                         .prompt_ids = options.prompt_ids,
                                         .chat = options.chat,
                                         .system = options.system},
                                        *engine));
  const bool keep_logits = !options.logits_path.empty();
  if (keep_logits && (prompts.size() > 1 || options.sampling.num_samples > 1)) {
    return absl::InvalidArgumentError("--logits-out takes one prompt and one sample");
  }
  if (!options.sampling.stop.empty() && engine->tokenizer() == nullptr) {
    return absl::InvalidArgumentError("--stop would have no effect: the model has no tokenizer");
  }

  std::vector<Request> requests;
  std::vector<std::vector<int32_t>> prompt_ids;  // of each request
  for (const std::vector<int32_t>& ids : prompts) {
    for (int64_t sample = 0; sample < options.sampling.num_samples; ++sample) {
      // Samples of one prompt draw from different streams, the same prompt from the same.
      Request request = MakeRequest(options.sampling, *engine,
                                    options.model.seed + static_cast<uint64_t>(sample));
      request.prompt_ids = ids;
      request.num_logprobs = options.num_logprobs;
      request.keep_logits = keep_logits;
      requests.push_back(std::move(request));
      prompt_ids.push_back(ids);
    }
  }

  Printer printer(out, options.json, requests.size());
  absl::Status written;
  const auto on_finished = [&](Completion completion) {
    if (keep_logits) {
      const int64_t rows = static_cast<int64_t>(completion.output_ids.size());
      written = WriteNpy(options.logits_path, completion.logits, rows,
                         engine->decoder().config().vocab_size);
    }
    printer.OnFinished(std::move(completion), prompt_ids);
  };
  STRATA_ASSIGN_OR_RETURN(
      const std::unique_ptr<Session> session,
      Session::Create(
          *engine,
          {.max_batch_size = std::min(options.batch_size, static_cast<int64_t>(requests.size())),
           .max_sequence_tokens = LongestSequence(requests)},
          {.on_token = [&printer](const TokenEvent& event) { printer.OnToken(event); },
           .on_finished = on_finished}));
  std::optional<TraceRecorder> trace;
  if (!options.trace_path.empty()) trace.emplace(session->executor());
  for (size_t i = 0; i < requests.size(); ++i) {
    const absl::Status submitted = session->Submit(std::move(requests[i])).status();
    if (!submitted.ok()) return WithContext(submitted, absl::StrCat("prompt ", i));
  }
  STRATA_RETURN_IF_ERROR(session->RunUntilIdle());
  if (engine->is_priced()) err << FormatRunReport(session->Report());
  if (trace.has_value()) {
    STRATA_RETURN_IF_ERROR(WriteFileAtomically(
        options.trace_path, trace->ToJson(engine->model_shape(), session->executor().schedule(),
                                          session->SimulatePasses())));
  }
  return written;
}

}  // namespace

int RunGenerate(const GenerateOptions& options, std::ostream& out, std::ostream& err) {
  const absl::Status status = Generate(options, out, err);
  if (!status.ok()) err << "strata generate: " << status.message() << std::endl;
  return ExitCodeOf(status);
}

void RegisterGenerate(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand("generate", "Prompts to text");
  const auto options = std::make_shared<GenerateOptions>();
  AddModelOptions(*verb, options->model);
  verb->add_option("--prompt", options->prompts, "A prompt (repeatable)")->allow_extra_args(false);
  verb->add_option("--prompt-file", options->prompt_file,
                   "Prompts, one JSON string or object a line");
  verb->add_option("--prompt-ids", options->prompt_ids, "A prompt as token ids: 1,2,3");
  CLI::Option* chat = verb->add_flag("--chat", options->chat,
                                     "Each prompt is a user turn of the model's chat template");
  verb->add_option("--system", options->system, "System message of the chat")->needs(chat);
  verb->add_option("--batch-size", options->batch_size, "Sequences in flight")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  AddSamplingOptions(*verb, options->sampling);
  verb->add_option("--logprobs", options->num_logprobs,
                   "Most likely tokens to report for each position (with --json)")
      ->check(CLI::Range(0, 1000))
      ->needs(verb->add_flag("--json", options->json, "Print one JSON object a prompt"));
  verb->add_option("--trace", options->trace_path,
                   "Schedule as run beside the predicted one, for Perfetto");
  verb->add_option(
      "--logits-out", options->logits_path,
      "Write the logits of every generated token as .npy, float32 [tokens, vocabulary]");
  verb->callback(
      [options, &exit_code] { exit_code = RunGenerate(*options, std::cout, std::cerr); });
}

}  // namespace strata
