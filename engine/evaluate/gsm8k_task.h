// GSM8K as lm-evaluation-harness asks it (gsm8k, gsm8k_cot, gsm8k_cot_zeroshot, version 3): prompts
// byte for byte.
//
// Under gsm8k each test question gets its own examples, drawn from the training rows by one Python
// generator seeded with 1234 that serves all test rows in file order
// (engine/evaluate/python_random.h), so a limit is a prefix and no table of draws is needed; under
// gsm8k_cot all get those of the user's file, in its order. Owns the rows; immutable once created.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/evaluate/evaluation_task.h"
#include "engine/evaluate/gsm8k_protocol.h"

namespace strata {

struct Gsm8kRow {
  std::string question;
  std::string answer;         // worked solution, last line "#### n"
  std::string document_json;  // the row it came from, as JSON
};

// Reads rows (in one of the forms of data_rows.h) with "question" and "answer". InvalidArgument
// naming file and line for a row that lacks either or whose answer has no "#### "; ReadDataRows'
// errors.
absl::StatusOr<std::vector<Gsm8kRow>> LoadGsm8kRows(const std::string& path);

// Reads the worked examples of a prompt: rows with "question" and "answer" (or "target"), as
// they are shown. Errors as LoadGsm8kRows.
absl::StatusOr<std::vector<Gsm8kRow>> LoadGsm8kExamples(const std::string& path);

// The training file that belongs to a test file: [NAME_]test.jsonl -> [NAME_]train.jsonl in the
// same directory, as test-X.parquet -> train-X.parquet. InvalidArgument for any other name.
absl::StatusOr<std::string> Gsm8kTrainPath(absl::string_view test_path);

// The training rows to show for each of the first `num_rows` test rows, in prompt order:
// [num_rows][num_fewshot]. Needs num_fewshot <= num_train_rows.
std::vector<std::vector<int64_t>> DrawGsm8kShots(int64_t num_train_rows, int64_t num_rows,
                                                 int64_t num_fewshot);

struct Gsm8kTaskOptions {
  Gsm8kProtocol protocol = Gsm8kProtocol::kGsm8k;
  std::string test_path;
  std::string train_path;     // gsm8k; empty: the sibling that Gsm8kTrainPath names
  std::string examples_path;  // gsm8k_cot: the worked examples
  // Absent: 5 for gsm8k, all of the examples for gsm8k_cot, none for gsm8k_cot_zeroshot.
  std::optional<int64_t> num_fewshot;
  // The first training rows for every question, instead of a draw for each: no harness' protocol,
  // but the prompts then begin alike.
  bool same_shots = false;
  std::optional<int64_t> limit;  // ask only the first so many test rows
  ChatForm chat_form = ChatForm::kNone;
  int64_t num_samples = 1;       // answers to each question
  std::vector<int64_t> maj_at;   // majority votes of so many samples; empty: of all, if several
  int64_t max_new_tokens = 256;  // the harness's default max_gen_toks
  std::string think_end;         // as in TaskDescription
};

class Gsm8kTask final : public EvaluationTask {
 public:
  // Loads the rows and draws the examples. No file of examples is opened for 0 shots.
  // InvalidArgument: negative shots, more shots than rows to take them from, a limit, number of
  // samples or of tokens below 1, a vote of more samples than there are, options that the protocol
  // has no use for.
  static absl::StatusOr<Gsm8kTask> Create(const Gsm8kTaskOptions& options);

  const TaskDescription& description() const override { return description_; }
  int64_t num_items() const override { return static_cast<int64_t>(test_rows_.size()); }
  TaskItem Item(int64_t item_index) const override;

  // strict-match and flexible-extract of the completion, first cut at the stop strings.
  absl::StatusOr<std::vector<FilteredScore>> Score(int64_t item_index,
                                                   absl::string_view completion) const override;

 private:
  Gsm8kTask() = default;

  // Loads train_rows_ and fills shots_.
  absl::Status TakeExamples(const Gsm8kTaskOptions& options, int64_t num_items);

  Gsm8kProtocol protocol_ = Gsm8kProtocol::kGsm8k;
  ChatForm chat_form_ = ChatForm::kNone;
  TaskDescription description_;
  std::vector<Gsm8kRow> test_rows_;
  std::vector<Gsm8kRow> train_rows_;
  std::vector<std::vector<int64_t>> shots_;  // [num_items][num_fewshot] rows of train_rows_
};

}  // namespace strata
