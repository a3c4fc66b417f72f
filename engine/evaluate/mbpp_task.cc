#include "engine/evaluate/mbpp_task.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/evaluate/data_rows.h"
#include "engine/evaluate/mbpp_program_set.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

constexpr int64_t kFirstTestTask = 11;
constexpr int64_t kLastTestTask = 510;
constexpr int64_t kExampleTasks[] = {2, 3, 4};
constexpr int64_t kMaxTaskId = int64_t{1} << 31;
constexpr size_t kMinTests = 3;  // the prompt shows three

absl::StatusOr<std::vector<std::string>> GetStrings(const nlohmann::json& row, const char* key,
                                                    const std::string& origin) {
  const auto it = row.find(key);
  if (it == row.end() || !it->is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat(origin, ": key '", key, "': expected an array of strings"));
  }
  std::vector<std::string> strings;
  for (const nlohmann::json& value : *it) {
    if (!value.is_string()) {
      return absl::InvalidArgumentError(
          absl::StrCat(origin, ": key '", key, "': expected an array of strings"));
    }
    strings.push_back(value.get<std::string>());
  }
  return strings;
}

absl::StatusOr<MbppRow> RowOf(const nlohmann::json& row, std::string document_json,
                              const std::string& origin) {
  MbppRow parsed;
  STRATA_ASSIGN_OR_RETURN(parsed.task_id, GetInt(row, "task_id", 0, kMaxTaskId, origin));
  parsed.is_sanitized = !HasValue(row, "text") && HasValue(row, "prompt");
  STRATA_ASSIGN_OR_RETURN(parsed.text,
                          GetString(row, parsed.is_sanitized ? "prompt" : "text", origin));
  STRATA_ASSIGN_OR_RETURN(parsed.code, GetString(row, "code", origin));
  STRATA_ASSIGN_OR_RETURN(parsed.test_list, GetStrings(row, "test_list", origin));
  if (parsed.test_list.size() < kMinTests) {
    return absl::InvalidArgumentError(absl::StrCat(origin, ": key 'test_list': expected at least ",
                                                   kMinTests, " asserts, got ",
                                                   parsed.test_list.size()));
  }
  if (HasValue(row, "test_imports")) {
    STRATA_ASSIGN_OR_RETURN(parsed.test_imports, GetStrings(row, "test_imports", origin));
  }
  parsed.document_json = std::move(document_json);
  return parsed;
}

absl::Status CheckOptions(const MbppTaskOptions& options) {
  constexpr int64_t kMaxFewshot = std::size(kExampleTasks);
  if (options.num_fewshot < 0 || options.num_fewshot > kMaxFewshot) {
    return absl::InvalidArgumentError(absl::StrCat("number of shots: MBPP has ", kMaxFewshot,
                                                   " examples, expected 0 to ", kMaxFewshot,
                                                   ", got ", options.num_fewshot));
  }
  if (options.limit.has_value() && *options.limit < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("limit: expected 1 or more, got ", *options.limit));
  }
  if (options.num_samples < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("number of samples: expected 1 or more, got ", options.num_samples));
  }
  if (options.max_new_tokens < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("number of new tokens: expected 1 or more, got ", options.max_new_tokens));
  }
  if (options.pass_at.empty()) return absl::InvalidArgumentError("pass@k: no k is given");
  for (const int64_t k : options.pass_at) {
    if (k < 1 || k > options.num_samples) {
      return absl::InvalidArgumentError(
          absl::StrCat("pass@k: expected k from 1 to the number of samples, ", options.num_samples,
                       ", got ", k));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<MbppRow>> ExamplesOf(const std::vector<MbppRow>& rows,
                                                int64_t num_fewshot, const std::string& path) {
  std::vector<MbppRow> examples;
  for (int64_t i = 0; i < num_fewshot; ++i) {
    const auto it = std::find_if(rows.begin(), rows.end(), [i](const MbppRow& row) {
      return row.task_id == kExampleTasks[i];
    });
    if (it == rows.end()) {
      return absl::InvalidArgumentError(absl::StrCat("few-shot data: '", path, "' has no task ",
                                                     kExampleTasks[i],
                                                     ", which the prompt shows as an example"));
    }
    examples.push_back(*it);
  }
  return examples;
}

}  // namespace

bool IsMbppTestTask(int64_t task_id) {
  return kFirstTestTask <= task_id && task_id <= kLastTestTask;
}

absl::StatusOr<std::vector<MbppRow>> LoadMbppRows(const std::string& path) {
  STRATA_ASSIGN_OR_RETURN(std::vector<DataRow> data, ReadDataRows(path));
  std::vector<MbppRow> rows;
  for (DataRow& datum : data) {
    STRATA_ASSIGN_OR_RETURN(const nlohmann::json value, ParseJson(datum.json, datum.origin));
    STRATA_ASSIGN_OR_RETURN(MbppRow row, RowOf(value, std::move(datum.json), datum.origin));
    rows.push_back(std::move(row));
  }
  absl::flat_hash_set<int64_t> ids;
  for (const MbppRow& row : rows) {
    if (!ids.insert(row.task_id).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", path, "' has task ", row.task_id, " twice"));
    }
  }
  return rows;
}

std::string MbppFewshotPath(absl::string_view data_path) {
  const size_t name_at = data_path.find_last_of('/') + 1;  // npos + 1 is 0
  absl::string_view name = data_path.substr(name_at);
  if (!absl::ConsumePrefix(&name, "test-") || !absl::EndsWith(name, ".parquet")) {
    return std::string(data_path);
  }
  return absl::StrCat(data_path.substr(0, name_at), "prompt-", name);
}

absl::StatusOr<MbppTask> MbppTask::Create(const MbppTaskOptions& options,
                                          const ProgramRunner& runner) {
  STRATA_RETURN_IF_ERROR(CheckOptions(options));
  MbppTask task(options.protocol, runner);
  task.chat_form_ = options.chat_form;
  STRATA_ASSIGN_OR_RETURN(const std::vector<MbppRow> rows, LoadMbppRows(options.data_path));
  const std::string fewshot_path =
      options.fewshot_path.empty() ? MbppFewshotPath(options.data_path) : options.fewshot_path;
  if (fewshot_path == options.data_path || options.num_fewshot == 0) {
    STRATA_ASSIGN_OR_RETURN(task.examples_,
                            ExamplesOf(rows, options.num_fewshot, options.data_path));
  } else {
    STRATA_ASSIGN_OR_RETURN(const std::vector<MbppRow> others, LoadMbppRows(fewshot_path));
    STRATA_ASSIGN_OR_RETURN(task.examples_, ExamplesOf(others, options.num_fewshot, fewshot_path));
  }
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(task.rows_),
               [](const MbppRow& row) { return IsMbppTestTask(row.task_id); });
  if (task.rows_.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("'", options.data_path,
                                                   "' has no test task (ids ", kFirstTestTask,
                                                   " to ", kLastTestTask, ")"));
  }
  const int64_t num_rows = static_cast<int64_t>(task.rows_.size());
  task.rows_.resize(static_cast<size_t>(std::min(num_rows, options.limit.value_or(num_rows))));
  const bool is_sanitized = task.rows_.front().is_sanitized;
  task.description_ = {
      .name = absl::StrCat(MbppProtocolName(options.protocol), is_sanitized ? "_sanitized" : ""),
      .version = 1,
      .num_fewshot = options.num_fewshot,
      .stop = MbppStopStrings(options.protocol),
      .max_new_tokens = options.max_new_tokens,
      .num_samples = options.num_samples,
      .think_end = options.think_end,
      .num_rows = num_rows};
  for (const MbppFilter filter : MbppFilters(options.protocol)) {
    task.description_.filters.emplace_back(MbppFilterName(filter));
  }
  for (const int64_t k : options.pass_at) {
    task.description_.metrics.push_back({.name = absl::StrCat("pass_at_", k), .k = k});
  }
  return task;
}

TaskItem MbppTask::Item(int64_t item_index) const {
  STRATA_CHECK(0 <= item_index && item_index < num_items(), "item_index is an item of the task");
  const MbppRow& row = rows_[static_cast<size_t>(item_index)];
  TaskItem item = {.prompt = MbppPrompt(protocol_, examples_, row),
                   .target = MbppTarget(row),
                   .document_json = row.document_json};
  if (chat_form_ != ChatForm::kNone) {
    MbppChatPrompt chat = MbppChat(protocol_, chat_form_, examples_, row);
    item.messages = std::move(chat.messages);
    item.answer_prefix = std::move(chat.answer_prefix);
  }
  return item;
}

absl::StatusOr<std::vector<FilteredScore>> MbppTask::Score(int64_t item_index,
                                                           absl::string_view completion) const {
  const Answer answer = {.item_index = item_index, .completion = std::string(completion)};
  return ScoreAll(absl::MakeConstSpan(&answer, 1), [](int64_t, int64_t) {}).front();
}

std::vector<absl::StatusOr<std::vector<FilteredScore>>> MbppTask::ScoreAll(
    absl::Span<const Answer> answers,
    const std::function<void(int64_t num_done, int64_t num_total)>& on_scored) const {
  MbppProgramSet programs(protocol_);
  for (const Answer& answer : answers) {
    STRATA_CHECK(0 <= answer.item_index && answer.item_index < num_items(),
                 "item_index is an item of the task");
    programs.Add(rows_[static_cast<size_t>(answer.item_index)],
                 std::string(AnswerAfterThinking(answer.completion, description_.think_end)));
  }
  std::vector<absl::StatusOr<std::vector<FilteredScore>>> scores;
  for (absl::StatusOr<std::vector<MbppVerdict>>& verdicts : programs.Run(*runner_, on_scored)) {
    if (!verdicts.ok()) {
      scores.push_back(verdicts.status());
      continue;
    }
    std::vector<FilteredScore> row;
    for (MbppVerdict& verdict : *verdicts) {
      row.push_back({std::move(verdict.program), verdict.verdict.passed()});
    }
    scores.push_back(std::move(row));
  }
  return scores;
}

}  // namespace strata
