#include "engine/evaluate/results_table.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace strata {
namespace {

// Columns that `text` takes on a terminal: its code points, all of them one column wide here.
size_t DisplayWidth(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string MillisecondsText(const std::optional<LatencyDistribution>& values,
                             double LatencyDistribution::*member) {
  return values.has_value() ? absl::StrFormat("%.1f", (*values).*member) : "N/A";
}

using Cell = std::function<std::string(const BatchSizeRun&)>;
using LatencyMember = std::optional<LatencyDistribution> LatencySummary::*;

Cell MillisecondsCell(LatencyMember values, double LatencyDistribution::*member) {
  return [values, member](const BatchSizeRun& run) {
    return MillisecondsText(run.latency.*values, member);
  };
}

// Lines the columns up: the first to the left, all others to the right.
std::string AlignColumns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size(), 0);
  for (const std::vector<std::string>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - DisplayWidth(row[i]), ' ');
      absl::StrAppend(&text, i == 0 ? "" : "  ", i == 0 ? row[i] : padding,
                      i == 0 ? padding : row[i]);
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

// What the runs took of the machine, where the source knows it.
void AddUsageRows(const Evaluation& evaluation,
                  const std::function<void(const std::string&, const Cell&)>& add_row) {
  const auto any = [&evaluation](const std::function<bool(const RunUsage&)>& has) {
    return std::any_of(
        evaluation.runs.begin(), evaluation.runs.end(),
        [&has](const BatchSizeRun& run) { return run.usage.has_value() && has(*run.usage); });
  };
  const auto add = [&](const std::string& name, double unit, auto member) {
    if (!any([member](const RunUsage& usage) { return usage.*member > 0; })) return;
    add_row(name, [unit, member](const BatchSizeRun& run) -> std::string {
      if (!run.usage.has_value()) return "N/A";
      return absl::StrFormat("%.2f", static_cast<double>((*run.usage).*member) / unit);
    });
  };
  constexpr double kMegabyte = 1e6;
  add("peak host memory (MB)", kMegabyte, &RunUsage::peak_host_bytes);
  add("peak GPU memory (MB)", kMegabyte, &RunUsage::peak_gpu_bytes);
  add("read from disk (MB)", kMegabyte, &RunUsage::disk_read_bytes);
  add("written to disk (MB)", kMegabyte, &RunUsage::disk_write_bytes);
  add("host to GPU (MB)", kMegabyte, &RunUsage::host_to_device_bytes);
  add("GPU to host (MB)", kMegabyte, &RunUsage::device_to_host_bytes);
  if (any([](const RunUsage& usage) { return usage.predicted_seconds > 0; })) {
    add("passes, predicted (s)", 1, &RunUsage::predicted_seconds);
    add("passes, measured (s)", 1, &RunUsage::measured_seconds);
  }
}

}  // namespace

std::string FormatEvaluation(const EvaluationTask& task, const Evaluation& evaluation) {
  const TaskDescription& description = task.description();
  std::vector<std::vector<std::string>> rows = {{"batch size"}};
  for (const BatchSizeRun& run : evaluation.runs) {
    rows.front().push_back(absl::StrCat(run.batch_size));
  }
  const auto add_row = [&](const std::string& name, const Cell& cell) {
    std::vector<std::string> row = {name};
    for (const BatchSizeRun& run : evaluation.runs) row.push_back(cell(run));
    rows.push_back(std::move(row));
  };
  for (size_t metric = 0; metric < description.metrics.size(); ++metric) {
    for (size_t filter = 0; filter < description.filters.size(); ++filter) {
      const std::string& name = description.filters[filter];
      add_row(absl::StrCat(description.metrics[metric].name, name == "none" ? "" : ", ",
                           name == "none" ? "" : name),
              [metric, filter](const BatchSizeRun& run) {
                const MeanOfTasks& result = run.Metric(metric, filter);
                if (result.num_tasks == 0) return std::string("N/A");
                return MeanText(result.mean, result.standard_error);
              });
    }
  }
  const std::pair<const char*, LatencyMember> terms[] = {{"TTFT", &LatencySummary::ttft_ms},
                                                         {"TPOT", &LatencySummary::tpot_ms},
                                                         {"ITL", &LatencySummary::itl_ms},
                                                         {"E2EL", &LatencySummary::e2el_ms}};
  const std::pair<const char*, double LatencyDistribution::*> statistics[] = {
      {"mean", &LatencyDistribution::mean},
      {"median", &LatencyDistribution::median},
      {"p90", &LatencyDistribution::p90},
      {"p99", &LatencyDistribution::p99}};
  for (const auto& [term, values] : terms) {
    for (const auto& [statistic, member] : statistics) {
      add_row(absl::StrCat(term, " ", statistic, " (ms)"), MillisecondsCell(values, member));
    }
  }
  add_row("output tokens/s", [](const BatchSizeRun& run) {
    return absl::StrFormat("%.2f", run.latency.output_throughput);
  });
  add_row("all tokens/s", [](const BatchSizeRun& run) {
    return absl::StrFormat("%.2f", run.latency.total_token_throughput);
  });
  add_row("requests/s", [](const BatchSizeRun& run) {
    return absl::StrFormat("%.3f", run.latency.request_throughput);
  });
  if (evaluation.options.goodput.any()) {
    add_row("goodput (requests/s)", [](const BatchSizeRun& run) {
      const std::optional<double>& goodput = run.latency.request_goodput;
      return goodput.has_value() ? absl::StrFormat("%.3f", *goodput) : "N/A";
    });
  }
  add_row("cut by length", [](const BatchSizeRun& run) {
    return absl::StrFormat("%.1f %%", 100 * run.latency.ShareCutByLength());
  });
  add_row("truncated prompts",
          [](const BatchSizeRun& run) { return absl::StrCat(run.latency.num_prompts_truncated); });
  add_row("failed", [](const BatchSizeRun& run) { return absl::StrCat(run.NumFailed()); });

  AddUsageRows(evaluation, add_row);

  const std::string samples = description.num_samples == 1
                                  ? std::string()
                                  : absl::StrCat(", ", description.num_samples, " samples each");
  return absl::StrCat(description.name, ", ", description.num_fewshot, "-shot, ", task.num_items(),
                      " of ", description.num_rows, " questions", samples, "\n",
                      AlignColumns(rows));
}

}  // namespace strata
