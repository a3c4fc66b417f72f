#include "engine/evaluate/score_mbpp.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "engine/evaluate/accuracy.h"
#include "engine/evaluate/mbpp_program_set.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t kMaxTaskId = int64_t{1} << 31;

// An input row, and what it is measured by.
struct InputRow {
  ordered_json document;
  int64_t task_id = 0;
  std::optional<size_t> answer_index;  // into the program set; absent: `error` says why
  std::string error;
};

// How many samples of a task there are, and how many are right under each filter.
struct TaskCounts {
  int64_t num_samples = 0;
  std::vector<int64_t> num_correct;  // [number of filters]
};

// The row's own tests, for a caller without the data set.
absl::StatusOr<MbppRow> OwnTests(const json& row, const std::string& origin) {
  const auto it = row.find("test_list");
  const bool has_tests =
      it != row.end() && it->is_array() && !it->empty() &&
      std::all_of(it->begin(), it->end(), [](const json& value) { return value.is_string(); });
  if (!has_tests) {
    return absl::InvalidArgumentError(
        absl::StrCat(origin,
                     ": no data was given to find the task's tests in (--data), and the row has no "
                     "'test_list' of its own, an array of strings"));
  }
  return MbppRow{.test_list = it->get<std::vector<std::string>>()};
}

std::map<int64_t, const MbppRow*> RowsById(const MbppScoringOptions& options) {
  std::map<int64_t, const MbppRow*> rows;
  if (options.rows.has_value()) {
    for (const MbppRow& row : *options.rows) rows[row.task_id] = &row;
  }
  return rows;
}

absl::StatusOr<std::vector<InputRow>> ReadRows(absl::string_view text, absl::string_view origin,
                                               const MbppScoringOptions& options,
                                               MbppProgramSet& programs) {
  const std::map<int64_t, const MbppRow*> data = RowsById(options);
  std::vector<InputRow> rows;
  size_t num_answers = 0;
  int64_t line_number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    if (line.find_first_not_of(" \t\r") == absl::string_view::npos) continue;
    const std::string line_origin = absl::StrCat(origin, ":", line_number);
    STRATA_ASSIGN_OR_RETURN(const json row, ParseJson(line, line_origin));
    InputRow input;
    STRATA_ASSIGN_OR_RETURN(input.task_id, GetInt(row, "task_id", 0, kMaxTaskId, line_origin));
    STRATA_ASSIGN_OR_RETURN(const std::string completion,
                            GetString(row, "completion", line_origin));
    // ParseJson has accepted the line, so this cannot throw; it keeps the order of the keys.
    input.document = ordered_json::parse(line.begin(), line.end());
    if (!options.rows.has_value()) {
      STRATA_ASSIGN_OR_RETURN(const MbppRow own, OwnTests(row, line_origin));
      programs.Add(own, completion);
      input.answer_index = num_answers++;
    } else if (const auto it = data.find(input.task_id); it != data.end()) {
      programs.Add(*it->second, completion);
      input.answer_index = num_answers++;
    } else {
      input.error = absl::StrCat(line_origin, ": the data has no task ", input.task_id);
    }
    rows.push_back(std::move(input));
  }
  if (rows.empty()) return absl::InvalidArgumentError(absl::StrCat("'", origin, "' has no rows"));
  return rows;
}

void AddVerdicts(const std::vector<MbppFilter>& filters, const std::vector<MbppVerdict>& verdicts,
                 ordered_json& document) {
  for (size_t i = 0; i < filters.size(); ++i) {
    const std::string suffix = i == 0 ? "" : absl::StrCat("_", MbppFilterName(filters[i]));
    document[absl::StrCat("passed", suffix)] = verdicts[i].verdict.passed();
    document[absl::StrCat("result", suffix)] = verdicts[i].verdict.Text();
  }
}

void AddScores(const MbppScoringOptions& options, const std::vector<MbppFilter>& filters,
               const std::map<int64_t, TaskCounts>& tasks, MbppScoringSummary& summary) {
  const bool is_asked = !options.pass_at.empty();
  for (const int64_t k : is_asked ? options.pass_at : std::vector<int64_t>{1, 10, 100}) {
    const bool is_known = std::all_of(
        tasks.begin(), tasks.end(), [k](const auto& task) { return task.second.num_samples >= k; });
    if (!is_known || tasks.empty()) {
      if (is_asked) summary.left_out.push_back(k);
      continue;
    }
    for (size_t i = 0; i < filters.size(); ++i) {
      std::vector<double> values;
      for (const auto& [task_id, counts] : tasks) {
        values.push_back(PassAtK(counts.num_samples, counts.num_correct[i], k));
      }
      summary.scores.push_back({.k = k, .filter = filters[i], .result = MeanOver(values)});
    }
  }
}

// Any bytes of a program's message may come along; what is no UTF-8 becomes U+FFFD.
std::string Dump(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<ScoredMbppRows> ScoreMbppRows(
    absl::string_view text, absl::string_view origin, const MbppScoringOptions& options,
    const ProgramRunner& runner,
    const std::function<void(int64_t num_done, int64_t num_total)>& on_finished) {
  for (const int64_t k : options.pass_at) {
    if (k < 1)
      return absl::InvalidArgumentError(absl::StrCat("pass@k: expected k from 1, got ", k));
  }
  MbppProgramSet programs(options.protocol);
  STRATA_ASSIGN_OR_RETURN(std::vector<InputRow> rows, ReadRows(text, origin, options, programs));
  const std::vector<absl::StatusOr<std::vector<MbppVerdict>>> verdicts =
      programs.Run(runner, on_finished);

  const std::vector<MbppFilter> filters = MbppFilters(options.protocol);
  ScoredMbppRows scored;
  scored.summary = {.protocol = options.protocol,
                    .num_rows = static_cast<int64_t>(rows.size()),
                    .runner = runner.description()};
  std::map<int64_t, TaskCounts> tasks;
  for (InputRow& row : rows) {
    if (row.answer_index.has_value() && verdicts[*row.answer_index].ok()) {
      const std::vector<MbppVerdict>& verdict = *verdicts[*row.answer_index];
      AddVerdicts(filters, verdict, row.document);
      TaskCounts& counts = tasks[row.task_id];
      counts.num_correct.resize(filters.size());
      ++counts.num_samples;
      for (size_t i = 0; i < filters.size(); ++i) {
        counts.num_correct[i] += verdict[i].verdict.passed() ? 1 : 0;
      }
      scored.summary.num_correct += verdict.front().verdict.passed() ? 1 : 0;
    } else {
      if (row.answer_index.has_value()) {
        row.error = std::string(verdicts[*row.answer_index].status().message());
      }
      row.document["error"] = row.error;
      ++scored.summary.num_failed;
    }
    absl::StrAppend(&scored.json_lines, Dump(row.document), "\n");
  }
  scored.summary.num_tasks = static_cast<int64_t>(tasks.size());
  AddScores(options, filters, tasks, scored.summary);
  return scored;
}

std::string SummaryJson(const MbppScoringSummary& summary) {
  ordered_json object = {{"task", "mbpp"},
                         {"protocol", std::string(MbppProtocolName(summary.protocol))},
                         {"num_rows", summary.num_rows},
                         {"num_failed", summary.num_failed},
                         {"num_tasks", summary.num_tasks},
                         {"num_correct", summary.num_correct}};
  for (const MbppScoringSummary::Score& score : summary.scores) {
    const absl::string_view filter = MbppFilterName(score.filter);
    object[absl::StrCat("pass_at_", score.k, ",", filter)] = score.result.mean;
    object[absl::StrCat("pass_at_", score.k, "_stderr,", filter)] =
        score.result.standard_error.has_value() ? ordered_json(*score.result.standard_error)
                                                : ordered_json("N/A");
  }
  object["sandbox"] = summary.runner;
  return Dump(object);
}

std::string SummaryText(const MbppScoringSummary& summary) {
  std::string text =
      absl::StrCat(MbppProtocolName(summary.protocol), ": ", summary.num_rows, " rows, ",
                   summary.num_tasks, " tasks, ", summary.num_correct, " rows passed\n");
  for (const MbppScoringSummary::Score& score : summary.scores) {
    const absl::string_view filter = MbppFilterName(score.filter);
    absl::StrAppend(&text, "  pass_at_", score.k, filter == "none" ? "" : ", ",
                    filter == "none" ? "" : filter, "  ",
                    MeanText(score.result.mean, score.result.standard_error), "\n");
  }
  if (!summary.left_out.empty()) {
    absl::StrAppend(&text, "  left out: pass@", absl::StrJoin(summary.left_out, ", pass@"),
                    " (more than the samples of some task)\n");
  }
  if (summary.num_failed > 0) {
    absl::StrAppend(&text, "  not scored: ", summary.num_failed, " (see 'error' in the rows)\n");
  }
  absl::StrAppend(&text, "  programs ran in ", summary.runner, "\n");
  return text;
}

}  // namespace strata
