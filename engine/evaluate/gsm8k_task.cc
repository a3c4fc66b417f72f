#include "engine/evaluate/gsm8k_task.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/evaluate/data_rows.h"
#include "engine/evaluate/gsm8k_protocol.h"
#include "engine/evaluate/gsm8k_score.h"
#include "engine/evaluate/python_random.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

constexpr int64_t kFewshotSeed = 1234;  // the harness's default fewshot_seed
constexpr int64_t kDefaultShots = 5;

absl::StatusOr<Gsm8kRow> ParseRow(absl::string_view text, const std::string& origin) {
  STRATA_ASSIGN_OR_RETURN(const nlohmann::json row, ParseJson(text, origin));
  Gsm8kRow parsed;
  STRATA_ASSIGN_OR_RETURN(parsed.question, GetString(row, "question", origin));
  STRATA_ASSIGN_OR_RETURN(parsed.answer, GetString(row, "answer", origin));
  if (!absl::StrContains(parsed.answer, "#### ")) {
    return absl::InvalidArgumentError(
        absl::StrCat(origin, ": key 'answer': expected a final line '#### n', got none"));
  }
  parsed.document_json = std::string(text);
  return parsed;
}

absl::StatusOr<Gsm8kRow> ParseExample(absl::string_view text, const std::string& origin) {
  STRATA_ASSIGN_OR_RETURN(const nlohmann::json row, ParseJson(text, origin));
  Gsm8kRow parsed;
  STRATA_ASSIGN_OR_RETURN(parsed.question, GetString(row, "question", origin));
  const char* answer = HasValue(row, "answer") ? "answer" : "target";
  STRATA_ASSIGN_OR_RETURN(parsed.answer, GetString(row, answer, origin));
  return parsed;
}

absl::StatusOr<std::vector<Gsm8kRow>> LoadRows(
    const std::string& path,
    absl::StatusOr<Gsm8kRow> (*parse)(absl::string_view text, const std::string& origin)) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<DataRow> data, ReadDataRows(path));
  std::vector<Gsm8kRow> rows;
  for (const DataRow& datum : data) {
    STRATA_ASSIGN_OR_RETURN(Gsm8kRow row, parse(datum.json, datum.origin));
    rows.push_back(std::move(row));
  }
  return rows;
}

absl::Status CheckAtLeast(absl::string_view what, int64_t value, int64_t least) {
  if (value >= least) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": expected ", least, " or more, got ", value));
}

absl::Status CheckOptions(const Gsm8kTaskOptions& options) {
  STRATA_RETURN_IF_ERROR(CheckAtLeast("number of shots", options.num_fewshot.value_or(0), 0));
  STRATA_RETURN_IF_ERROR(CheckAtLeast("limit", options.limit.value_or(1), 1));
  STRATA_RETURN_IF_ERROR(CheckAtLeast("number of samples", options.num_samples, 1));
  STRATA_RETURN_IF_ERROR(CheckAtLeast("number of new tokens", options.max_new_tokens, 1));
  for (const int64_t k : options.maj_at) {
    STRATA_RETURN_IF_ERROR(CheckAtLeast("maj@k", k, 1));
    if (k > options.num_samples) {
      return absl::InvalidArgumentError(
          absl::StrCat("maj@", k, " needs ", k, " samples, got ", options.num_samples));
    }
  }
  const bool is_cot = options.protocol == Gsm8kProtocol::kGsm8kCot;
  if (options.protocol == Gsm8kProtocol::kGsm8kCotZeroshot && options.num_fewshot.value_or(0) > 0) {
    return absl::InvalidArgumentError("gsm8k_cot_zeroshot has no examples, so no number of shots");
  }
  if (!is_cot && !options.examples_path.empty()) {
    return absl::InvalidArgumentError("a file of worked examples is for gsm8k_cot alone");
  }
  if (options.protocol != Gsm8kProtocol::kGsm8k && options.same_shots) {
    return absl::InvalidArgumentError(
        "--same-fewshot is for gsm8k: the others show the same anyway");
  }
  if (is_cot && options.examples_path.empty() && options.num_fewshot != 0) {
    return absl::InvalidArgumentError(
        "gsm8k_cot shows worked examples that are no part of GSM8K: give a file of them with "
        "--fewshot-file, JSON lines with \"question\" and \"answer\" (\"... The answer is 6.\")");
  }
  return absl::OkStatus();
}

std::vector<TaskMetric> MetricsOf(const Gsm8kTaskOptions& options) {
  std::vector<TaskMetric> metrics = {{.name = "exact_match"}};
  std::vector<int64_t> votes = options.maj_at;
  if (votes.empty() && options.num_samples > 1) votes = {options.num_samples};
  for (const int64_t k : votes) {
    metrics.push_back(
        {.name = absl::StrCat("maj_at_", k), .k = k, .kind = TaskMetric::Kind::kMajority});
  }
  return metrics;
}

}  // namespace

absl::StatusOr<std::vector<Gsm8kRow>> LoadGsm8kRows(const std::string& path) {
  return LoadRows(path, ParseRow);
}

absl::StatusOr<std::vector<Gsm8kRow>> LoadGsm8kExamples(const std::string& path) {
  return LoadRows(path, ParseExample);
}

absl::StatusOr<std::string> Gsm8kTrainPath(absl::string_view test_path) {
  const size_t name_at = test_path.find_last_of('/') + 1;  // npos + 1 is 0
  const absl::string_view folder = test_path.substr(0, name_at);
  absl::string_view name = test_path.substr(name_at);
  if (absl::ConsumePrefix(&name, "test-") && absl::EndsWith(name, ".parquet")) {
    return absl::StrCat(folder, "train-", name);
  }
  absl::string_view stem = test_path;
  const bool is_test_file = absl::ConsumeSuffix(&stem, "test.jsonl") &&
                            (stem.empty() || stem.back() == '/' || stem.back() == '_');
  if (is_test_file) return absl::StrCat(stem, "train.jsonl");
  return absl::InvalidArgumentError(absl::StrCat(
      "no few-shot data is known for '", test_path,
      "': its name is not test.jsonl, *_test.jsonl or test-*.parquet, so name the training file"));
}

std::vector<std::vector<int64_t>> DrawGsm8kShots(int64_t num_train_rows, int64_t num_rows,
                                                 int64_t num_fewshot) {
  STRATA_CHECK(0 <= num_fewshot && num_fewshot <= num_train_rows,
               "there are not more shots than training rows");
  PythonRandom random(static_cast<uint64_t>(kFewshotSeed));
  std::vector<std::vector<int64_t>> shots;
  shots.reserve(static_cast<size_t>(num_rows));
  for (int64_t row_index = 0; row_index < num_rows; ++row_index) {
    shots.push_back(random.Sample(num_train_rows, num_fewshot));
  }
  return shots;
}

absl::Status Gsm8kTask::TakeExamples(const Gsm8kTaskOptions& options, int64_t num_items) {
  if (protocol_ == Gsm8kProtocol::kGsm8kCotZeroshot || options.num_fewshot == 0) {
    return absl::OkStatus();
  }
  const bool is_cot = protocol_ == Gsm8kProtocol::kGsm8kCot;
  std::string path = is_cot ? options.examples_path : options.train_path;
  if (path.empty()) {
    STRATA_ASSIGN_OR_RETURN(path, Gsm8kTrainPath(options.test_path));
  }
  absl::StatusOr<std::vector<Gsm8kRow>> rows =
      is_cot ? LoadGsm8kExamples(path) : LoadGsm8kRows(path);
  if (!rows.ok()) return WithContext(rows.status(), "few-shot data");
  train_rows_ = *std::move(rows);
  const int64_t num_rows = static_cast<int64_t>(train_rows_.size());
  const int64_t num_fewshot = options.num_fewshot.value_or(is_cot ? num_rows : kDefaultShots);
  if (num_fewshot > num_rows) {
    return absl::InvalidArgumentError(absl::StrCat("number of shots: expected at most the ",
                                                   num_rows, " rows of '", path, "', got ",
                                                   num_fewshot));
  }
  if (is_cot || options.same_shots) {
    std::vector<int64_t> first(static_cast<size_t>(num_fewshot));
    std::iota(first.begin(), first.end(), 0);
    shots_.assign(static_cast<size_t>(num_items), first);
  } else {
    shots_ = DrawGsm8kShots(num_rows, num_items, num_fewshot);
  }
  return absl::OkStatus();
}

absl::StatusOr<Gsm8kTask> Gsm8kTask::Create(const Gsm8kTaskOptions& options) {
  STRATA_RETURN_IF_ERROR(CheckOptions(options));
  Gsm8kTask task;
  task.protocol_ = options.protocol;
  task.chat_form_ = options.chat_form;
  STRATA_ASSIGN_OR_RETURN(task.test_rows_, LoadGsm8kRows(options.test_path));
  const int64_t num_rows = static_cast<int64_t>(task.test_rows_.size());
  const int64_t num_items = std::min(num_rows, options.limit.value_or(num_rows));
  task.test_rows_.resize(static_cast<size_t>(num_items));
  STRATA_RETURN_IF_ERROR(task.TakeExamples(options, num_items));
  task.description_ = {
      .name = std::string(Gsm8kProtocolName(options.protocol)),
      .version = 3,
      .metrics = MetricsOf(options),
      .filters = {"strict-match", "flexible-extract"},
      .num_fewshot = task.shots_.empty() ? 0 : static_cast<int64_t>(task.shots_[0].size()),
      .fewshot_seed = kFewshotSeed,
      .stop = Gsm8kStopStrings(options.protocol),
      .max_new_tokens = options.max_new_tokens,
      .num_samples = options.num_samples,
      .think_end = options.think_end,
      .num_rows = num_rows};
  return task;
}

TaskItem Gsm8kTask::Item(int64_t item_index) const {
  STRATA_CHECK(0 <= item_index && item_index < num_items(), "item_index is an item of the task");
  const Gsm8kRow& row = test_rows_[static_cast<size_t>(item_index)];
  TaskItem item{.target = row.answer, .document_json = row.document_json};
  std::vector<std::pair<std::string, std::string>> examples;
  if (!shots_.empty()) {
    for (const int64_t shot : shots_[static_cast<size_t>(item_index)]) {
      const Gsm8kRow& example = train_rows_[static_cast<size_t>(shot)];
      examples.emplace_back(Gsm8kQuestionPart(example.question, protocol_), example.answer);
      absl::StrAppend(&item.prompt, examples.back().first, " ", example.answer, "\n\n");
    }
  }
  const std::string question = Gsm8kQuestionPart(row.question, protocol_);
  absl::StrAppend(&item.prompt, question);
  if (chat_form_ != ChatForm::kNone) {
    item.messages = ChatMessagesOf(chat_form_, examples, question, item.prompt);
  }
  return item;
}

absl::StatusOr<std::vector<FilteredScore>> Gsm8kTask::Score(int64_t item_index,
                                                            absl::string_view completion) const {
  STRATA_CHECK(0 <= item_index && item_index < num_items(), "item_index is an item of the task");
  const absl::string_view answer = AnswerAfterThinking(completion, description_.think_end);
  Gsm8kScore score = ScoreGsm8k(CutAtStopStrings(answer, description_.stop),
                                test_rows_[static_cast<size_t>(item_index)].answer, protocol_);
  return std::vector<FilteredScore>{{std::move(score.extracted_strict), score.strict},
                                    {std::move(score.extracted_flexible), score.flexible}};
}

}  // namespace strata
