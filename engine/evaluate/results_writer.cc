#include "engine/evaluate/results_writer.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/evaluate/sha256.h"
#include "kernels/base/file.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

using nlohmann::ordered_json;

// Text that a model made may hold anything; bytes that are no UTF-8 become U+FFFD.
std::string Dump(const ordered_json& value, int indent) {
  return value.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

// The data set's row; what is no JSON stands as a string.
ordered_json Document(const TaskItem& item) {
  ordered_json document = ordered_json::parse(item.document_json, nullptr, false);
  return document.is_discarded() ? ordered_json(item.document_json) : document;
}

ordered_json GenerationArguments(const TaskDescription& task, const SamplingParams& sampling) {
  ordered_json arguments = {{"until", task.stop},
                            {"do_sample", sampling.temperature > 0},
                            {"temperature", sampling.temperature},
                            {"max_gen_toks", task.max_new_tokens}};
  if (sampling.temperature > 0) {
    arguments["top_p"] = sampling.top_p;
    arguments["top_k"] = sampling.top_k;
    arguments["seed"] = sampling.seed;
  }
  return arguments;
}

ordered_json BoundsJson(const GoodputBounds& bounds) {
  ordered_json object = ordered_json::object();
  if (bounds.ttft_ms.has_value()) object["ttft"] = *bounds.ttft_ms;
  if (bounds.tpot_ms.has_value()) object["tpot"] = *bounds.tpot_ms;
  if (bounds.e2el_ms.has_value()) object["e2el"] = *bounds.e2el_ms;
  return object;
}

void AddUsage(const RunUsage& usage, ordered_json& object) {
  object["peak_gpu_bytes"] = usage.peak_gpu_bytes;
  object["peak_host_bytes"] = usage.peak_host_bytes;
  object["bytes_read_disk"] = usage.disk_read_bytes;
  object["bytes_written_disk"] = usage.disk_write_bytes;
  object["bytes_h2d"] = usage.host_to_device_bytes;
  object["bytes_d2h"] = usage.device_to_host_bytes;
  object["num_passes"] = usage.num_passes;
  object["num_rows_computed"] = usage.num_rows;
  object["measured_s"] = usage.measured_seconds;
  if (usage.predicted_seconds > 0) {
    object["predicted_s"] = usage.predicted_seconds;
    object["ceiling_s"] = usage.ceiling_seconds;
    object["bound_by"] = usage.bound_by;
  }
}

void AddDistribution(const std::string& name, const std::optional<LatencyDistribution>& values,
                     ordered_json& object) {
  const auto add = [&](const char* statistic, double LatencyDistribution::*member) {
    object[absl::StrCat(statistic, "_", name, "_ms")] =
        values.has_value() ? ordered_json((*values).*member) : ordered_json(nullptr);
  };
  add("mean", &LatencyDistribution::mean);
  add("median", &LatencyDistribution::median);
  add("std", &LatencyDistribution::std);
  add("p90", &LatencyDistribution::p90);
  add("p99", &LatencyDistribution::p99);
}

void AddLatency(const LatencySummary& latency, ordered_json& object) {
  object["duration"] = latency.duration_s;
  object["completed"] = latency.completed;
  object["failed"] = latency.failed;
  object["total_input_tokens"] = latency.total_input_tokens;
  object["total_output_tokens"] = latency.total_output_tokens;
  object["request_throughput"] = latency.request_throughput;
  object["output_throughput"] = latency.output_throughput;
  object["total_token_throughput"] = latency.total_token_throughput;
  if (latency.request_goodput.has_value()) object["request_goodput"] = *latency.request_goodput;
  AddDistribution("ttft", latency.ttft_ms, object);
  AddDistribution("tpot", latency.tpot_ms, object);
  AddDistribution("itl", latency.itl_ms, object);
  AddDistribution("e2el", latency.e2el_ms, object);
  object["num_cut_by_length"] = latency.num_cut_by_length;
  object["share_cut_by_length"] = latency.ShareCutByLength();
  object["num_prompts_truncated"] = latency.num_prompts_truncated;
}

// Accuracy and latency of one batch size.
void AddRun(const TaskDescription& task, const BatchSizeRun& run, ordered_json& object) {
  for (size_t metric = 0; metric < task.metrics.size(); ++metric) {
    const std::string& name = task.metrics[metric].name;
    for (size_t filter = 0; filter < task.filters.size(); ++filter) {
      const MeanOfTasks& result = run.Metric(metric, filter);
      object[absl::StrCat(name, ",", task.filters[filter])] =
          result.num_tasks == 0 ? ordered_json(nullptr) : ordered_json(result.mean);
      object[absl::StrCat(name, "_stderr,", task.filters[filter])] =
          result.standard_error.has_value() ? ordered_json(*result.standard_error)
                                            : ordered_json("N/A");
    }
  }
  object["num_failed"] = run.NumFailed();
  object["num_resumed"] = run.num_resumed;
  AddLatency(run.latency, object);
  if (run.usage.has_value()) AddUsage(*run.usage, object);
}

// What the model is asked: a chat's messages, or the plain prompt.
const std::string& Asked(const TaskItem& item) {
  return item.messages.empty() ? item.prompt : item.messages;
}

struct ItemHashes {
  std::string document;
  std::string prompt;
  std::string target;
};

ItemHashes HashesOf(const TaskItem& item, const ordered_json& document) {
  return {Sha256Hex(Dump(document, 2)), Sha256Hex(Asked(item)), Sha256Hex(item.target)};
}

}  // namespace

std::string TaskHash(const EvaluationTask& task) {
  std::string hashes;
  for (int64_t item_index = 0; item_index < task.num_items(); ++item_index) {
    const TaskItem item = task.Item(item_index);
    const ItemHashes item_hashes = HashesOf(item, Document(item));
    absl::StrAppend(&hashes, item_hashes.document, item_hashes.prompt, item_hashes.target);
  }
  std::string all;
  for (size_t i = 0; i < task.description().filters.size(); ++i) all += hashes;
  return Sha256Hex(all);
}

namespace {

ordered_json ConfigJson(const TaskDescription& task, const Evaluation& evaluation,
                        const EvaluationFacts& facts) {
  ordered_json config = {
      {"model", facts.model_source},
      {"model_args", absl::StrCat("pretrained=", facts.model)},
      {"batch_size", evaluation.options.batch_sizes.front()},
      {"batch_sizes", evaluation.options.batch_sizes},
      {"limit", facts.limit.has_value() ? ordered_json(*facts.limit) : ordered_json(nullptr)},
      {"gen_kwargs", GenerationArguments(task, evaluation.options.sampling)},
      {"fewshot_seed", task.fewshot_seed},
      {"num_warmup_requests", evaluation.options.num_warmup_requests},
  };
  if (evaluation.options.goodput.any()) config["goodput"] = BoundsJson(evaluation.options.goodput);
  if (!task.think_end.empty()) config["think_end_token"] = task.think_end;
  for (const auto& [name, value] : facts.settings) config[name] = value;
  return config;
}

// One item's samples under one filter.
ordered_json SampleJson(const EvaluationTask& task, const BatchSizeRun& run,
                        absl::Span<const EvaluationSample> samples, size_t filter_index) {
  const TaskDescription& description = task.description();
  const TaskItem item = task.Item(samples.front().item_index);
  const ordered_json document = Document(item);
  const ItemHashes hashes = HashesOf(item, document);
  ordered_json responses = ordered_json::array(), extracted = ordered_json::array();
  ordered_json metrics = ordered_json::array(), finish_reasons = ordered_json::array();
  absl::Status status;
  for (const EvaluationSample& sample : samples) {
    status.Update(sample.status);
    const bool is_scored = sample.status.ok();
    responses.push_back(sample.completion);
    extracted.push_back(is_scored ? sample.scores[filter_index].extracted : std::string());
    const bool is_cut = sample.finish_reason == CompletionResult::FinishReason::kLength;
    finish_reasons.push_back(is_cut ? "length" : "stop");
  }
  for (const TaskMetric& metric : description.metrics) metrics.push_back(metric.name);
  ordered_json row = {
      {"doc_id", samples.front().item_index},
      {"doc", document},
      {"target", item.target},
      {"arguments", {{"gen_args_0", {{"arg_0", Asked(item)}}}}},
      {"resps", ordered_json::array({responses})},
      {"filtered_resps", extracted},
      {"filter", description.filters[filter_index]},
      {"metrics", metrics},
      {"doc_hash", hashes.document},
      {"prompt_hash", hashes.prompt},
      {"target_hash", hashes.target},
      {"batch_size", run.batch_size},
  };
  if (status.ok()) {
    for (const TaskMetric& metric : description.metrics) {
      row[metric.name] = MetricValue(metric, samples, filter_index);
    }
    row["finish_reason"] = samples.size() == 1 ? finish_reasons[0] : finish_reasons;
  } else {
    row["error"] = std::string(status.message());
  }
  return row;
}

}  // namespace

std::string ResultsJson(const EvaluationTask& task, const Evaluation& evaluation,
                        const EvaluationFacts& facts) {
  const TaskDescription& description = task.description();
  const std::string& name = description.name;
  STRATA_CHECK(!evaluation.runs.empty(), "an evaluation has at least one run");

  ordered_json first = {{"alias", name}, {"sample_len", task.num_items()}};
  AddRun(description, evaluation.runs.front(), first);
  ordered_json runs = ordered_json::array();
  for (const BatchSizeRun& run : evaluation.runs) {
    ordered_json entry = {{"task", name}, {"batch_size", run.batch_size}};
    AddRun(description, run, entry);
    runs.push_back(std::move(entry));
  }
  const ordered_json task_config = {
      {"task", name},
      {"num_fewshot", description.num_fewshot},
      {"output_type", "generate_until"},
      {"generation_kwargs", GenerationArguments(description, evaluation.options.sampling)},
      {"repeats", description.num_samples},
      {"metadata", {{"version", description.version}}},
  };
  ordered_json higher_is_better;
  for (const TaskMetric& metric : description.metrics) higher_is_better[metric.name] = true;
  const ordered_json results = {
      {"results", {{name, first}}},
      {"runs", runs},
      {"group_subtasks", {{name, ordered_json::array()}}},
      {"configs", {{name, task_config}}},
      {"versions", {{name, description.version}}},
      {"n-shot", {{name, description.num_fewshot}}},
      {"higher_is_better", {{name, higher_is_better}}},
      {"n-samples",
       {{name, {{"original", description.num_rows}, {"effective", task.num_items()}}}}},
      {"config", ConfigJson(description, evaluation, facts)},
      {"git_hash", facts.git_hash},
      {"date", absl::ToDoubleSeconds(facts.started - absl::UnixEpoch())},
      {"task_hashes", {{name, TaskHash(task)}}},
      {"model_source", facts.model_source},
      {"model_name", facts.model},
      {"total_evaluation_time_seconds", absl::StrCat(facts.total_seconds)},
  };
  return Dump(results, 2) + "\n";
}

std::string SamplesJsonLines(const EvaluationTask& task, const Evaluation& evaluation) {
  const ordered_json arguments =
      GenerationArguments(task.description(), evaluation.options.sampling);
  const size_t num_samples = static_cast<size_t>(task.description().num_samples);
  std::string lines;
  for (const BatchSizeRun& run : evaluation.runs) {
    for (size_t filter = 0; filter < task.description().filters.size(); ++filter) {
      for (size_t first = 0; first < run.samples.size(); first += num_samples) {
        ordered_json row = SampleJson(
            task, run, absl::MakeConstSpan(run.samples).subspan(first, num_samples), filter);
        row["arguments"]["gen_args_0"]["arg_1"] = arguments;
        absl::StrAppend(&lines, Dump(row, -1), "\n");
      }
    }
  }
  return lines;
}

absl::StatusOr<ResultPaths> WriteResults(const std::string& directory, const EvaluationTask& task,
                                         const Evaluation& evaluation,
                                         const EvaluationFacts& facts) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot make the directory '", directory, "': ", error.message()));
  }
  const std::string date =
      absl::FormatTime("%Y-%m-%dT%H-%M-%E6S", facts.started, absl::LocalTimeZone());
  const std::filesystem::path base(directory);
  const ResultPaths paths = {
      .results = base / absl::StrCat("results_", date, ".json"),
      .samples = base / absl::StrCat("samples_", task.description().name, "_", date, ".jsonl")};
  STRATA_RETURN_IF_ERROR(WriteFileAtomically(paths.samples, SamplesJsonLines(task, evaluation)));
  STRATA_RETURN_IF_ERROR(WriteFileAtomically(paths.results, ResultsJson(task, evaluation, facts)));
  return paths;
}

}  // namespace strata
