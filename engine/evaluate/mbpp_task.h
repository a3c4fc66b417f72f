// MBPP as lm-evaluation-harness asks it: 500 test tasks, three solved examples before each.
//
// The rows come from one file, the full set (JSON lines) or the sanitized one (a JSON array); the
// test tasks are those with ids 11 to 510, the examples those with ids 2, 3 and 4. An answer is
// right when its program and the task's asserts run to their end, which a ProgramRunner finds out.
// Owns the rows; immutable once created.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/evaluate/evaluation_task.h"
#include "engine/evaluate/mbpp_protocol.h"
#include "engine/evaluate/sandbox/program_runner.h"

namespace strata {

// Reads rows (in one of the forms of data_rows.h) of the full set with "task_id", "text", "code",
// "test_list", or of the sanitized one with "prompt" for "text" and "test_imports". All rows, in
// file order. InvalidArgument naming file and line or row for a row that lacks something, has fewer
// than three asserts, or repeats an id; ReadDataRows' errors.
absl::StatusOr<std::vector<MbppRow>> LoadMbppRows(const std::string& path);

// Where the examples of the rows at `data_path` stand when nobody says so: in that file, but of the
// hub's Parquet files, one a split, in prompt-*.parquet beside test-*.parquet.
std::string MbppFewshotPath(absl::string_view data_path);

// Whether a task is one of the test split, ids 11 to 510.
bool IsMbppTestTask(int64_t task_id);

struct MbppTaskOptions {
  MbppProtocol protocol = MbppProtocol::kMbpp;
  std::string data_path;
  std::string fewshot_path;            // where tasks 2, 3 and 4 stand; empty: MbppFewshotPath
  int64_t num_fewshot = 3;             // 0 to 3: the first so many of them
  int64_t num_samples = 1;             // per task
  std::vector<int64_t> pass_at = {1};  // each from 1 to num_samples
  std::optional<int64_t> limit;        // ask only the first so many test tasks
  ChatForm chat_form = ChatForm::kNone;
  int64_t max_new_tokens = 256;  // the harness's default max_gen_toks
  std::string think_end;         // as in TaskDescription
};

class MbppTask final : public EvaluationTask {
 public:
  // `runner` outlives the task. InvalidArgument: shots, samples, k or limit out of range, an
  // example or every test task missing.
  static absl::StatusOr<MbppTask> Create(const MbppTaskOptions& options,
                                         const ProgramRunner& runner);

  const TaskDescription& description() const override { return description_; }
  int64_t num_items() const override { return static_cast<int64_t>(rows_.size()); }
  TaskItem Item(int64_t item_index) const override;
  absl::StatusOr<std::vector<FilteredScore>> Score(int64_t item_index,
                                                   absl::string_view completion) const override;
  bool ScoresWhileGenerating() const override { return false; }
  std::vector<absl::StatusOr<std::vector<FilteredScore>>> ScoreAll(
      absl::Span<const Answer> answers,
      const std::function<void(int64_t num_done, int64_t num_total)>& on_scored) const override;

 private:
  MbppTask(MbppProtocol protocol, const ProgramRunner& runner)
      : protocol_(protocol), runner_(&runner) {}

  MbppProtocol protocol_;
  ChatForm chat_form_ = ChatForm::kNone;
  const ProgramRunner* runner_;
  TaskDescription description_;
  std::vector<MbppRow> rows_;      // the test tasks asked
  std::vector<MbppRow> examples_;  // [num_fewshot]
};

}  // namespace strata
