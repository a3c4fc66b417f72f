#include "engine/evaluate/evaluation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

constexpr int64_t kWarmupNewTokens = 4;

absl::Status CheckOptions(const EvaluationOptions& options) {
  if (options.batch_sizes.empty()) return absl::InvalidArgumentError("no batch size is given");
  for (const int64_t batch_size : options.batch_sizes) {
    if (batch_size < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("batch size: expected 1 or more, got ", batch_size));
    }
  }
  if (options.num_warmup_requests < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "number of warm-up requests: expected 0 or more, got ", options.num_warmup_requests));
  }
  return absl::OkStatus();
}

std::vector<CompletionRequest> RequestsOf(const EvaluationTask& task,
                                          const EvaluationOptions& options) {
  std::vector<CompletionRequest> requests;
  requests.reserve(static_cast<size_t>(task.num_items()));
  for (int64_t item_index = 0; item_index < task.num_items(); ++item_index) {
    requests.push_back({.id = item_index,
                        .prompt = task.Item(item_index).prompt,
                        .stop = task.description().stop,
                        .max_new_tokens = task.description().max_new_tokens,
                        .sampling = options.sampling});
  }
  return requests;
}

absl::Status WarmUp(const std::vector<CompletionRequest>& requests,
                    const EvaluationOptions& options, CompletionSource& source) {
  const size_t num_requests =
      std::min(requests.size(), static_cast<size_t>(options.num_warmup_requests));
  if (num_requests == 0) return absl::OkStatus();
  std::vector<CompletionRequest> first(requests.begin(),
                                       requests.begin() + static_cast<ptrdiff_t>(num_requests));
  for (CompletionRequest& request : first) {
    request.max_new_tokens = std::min(request.max_new_tokens, kWarmupNewTokens);
  }
  return source.Complete(first, options.batch_sizes.front(), [](const CompletionResult&) {});
}

// Takes the results of one batch size as they come: marks, counts, reports.
class RunRecorder {
 public:
  RunRecorder(const EvaluationTask& task, int64_t batch_size, ProgressReporter& progress)
      : task_(task), progress_(progress), is_seen_(static_cast<size_t>(task.num_items())) {
    run_.batch_size = batch_size;
    run_.accuracies.resize(task.description().filters.size());
    run_.samples.resize(static_cast<size_t>(task.num_items()));
  }

  void Add(CompletionResult result) {
    const bool is_expected = result.id >= 0 && result.id < task_.num_items() &&
                             !is_seen_[static_cast<size_t>(result.id)];
    if (!is_expected) {
      fault_ = absl::InternalError(
          absl::StrCat("the completion source reported request ", result.id, " unasked or twice"));
      return;
    }
    is_seen_[static_cast<size_t>(result.id)] = true;
    ++num_done_;
    latency_.Add(result);
    EvaluationSample& sample = run_.samples[static_cast<size_t>(result.id)];
    sample.item_index = result.id;
    sample.status = result.status;
    if (result.status.ok()) Mark(std::move(result), sample);
    Report();
  }

  absl::StatusOr<BatchSizeRun> Finish() && {
    STRATA_RETURN_IF_ERROR(fault_);
    if (num_done_ != task_.num_items()) {
      return absl::InternalError(absl::StrCat("the completion source reported ", num_done_, " of ",
                                              task_.num_items(), " requests"));
    }
    run_.latency = latency_.Summarize();
    return std::move(run_);
  }

 private:
  void Mark(CompletionResult result, EvaluationSample& sample) {
    absl::StatusOr<std::vector<FilteredScore>> scores = task_.Score(result.id, result.text);
    sample.status = scores.status();
    if (!scores.ok()) return;
    STRATA_CHECK(scores->size() == run_.accuracies.size(), "a task gives one score per filter");
    for (size_t i = 0; i < scores->size(); ++i) run_.accuracies[i].Add((*scores)[i].correct);
    sample.scores = *std::move(scores);
    sample.completion = std::move(result.text);
    sample.finish_reason = result.finish_reason;
  }

  void Report() {
    EvaluationProgress progress{.batch_size = run_.batch_size,
                                .num_done = num_done_,
                                .num_total = task_.num_items(),
                                .output_tokens_per_s = latency_.OutputThroughput(),
                                .elapsed_s = latency_.DurationSeconds()};
    const std::vector<std::string>& filters = task_.description().filters;
    for (size_t i = 0; i < filters.size(); ++i) {
      progress.accuracies.push_back({filters[i], run_.accuracies[i].Mean()});
    }
    progress.num_failed = num_done_ - run_.accuracies.front().num_scored;
    progress_.Report(progress);
  }

  const EvaluationTask& task_;
  ProgressReporter& progress_;
  std::vector<bool> is_seen_;  // [number of items]
  int64_t num_done_ = 0;
  absl::Status fault_;
  LatencyRecorder latency_;
  BatchSizeRun run_;
};

}  // namespace

int64_t BatchSizeRun::NumFailed() const {
  return std::count_if(samples.begin(), samples.end(),
                       [](const EvaluationSample& sample) { return !sample.status.ok(); });
}

absl::StatusOr<Evaluation> RunEvaluation(const EvaluationTask& task, CompletionSource& source,
                                         const EvaluationOptions& options,
                                         ProgressReporter& progress) {
  STRATA_RETURN_IF_ERROR(CheckOptions(options));
  STRATA_CHECK(!task.description().filters.empty(), "a task has at least one filter");
  const std::vector<CompletionRequest> requests = RequestsOf(task, options);
  STRATA_RETURN_IF_ERROR(WarmUp(requests, options, source));
  Evaluation evaluation{.options = options};
  for (const int64_t batch_size : options.batch_sizes) {
    RunRecorder recorder(task, batch_size, progress);
    STRATA_RETURN_IF_ERROR(
        source.Complete(requests, batch_size,
                        [&recorder](CompletionResult result) { recorder.Add(std::move(result)); }));
    STRATA_ASSIGN_OR_RETURN(BatchSizeRun run, std::move(recorder).Finish());
    evaluation.runs.push_back(std::move(run));
  }
  return evaluation;
}

}  // namespace strata
