// What an evaluation asks and how it marks the answers; GSM8K is one, MBPP another.
//
// A task is a list of items (one per test row, in file order), each with the prompt exactly as
// the model gets it, and a marking function that may apply several filters to one completion.
// Implementations are immutable after creation and may be read from several threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

// The fixed facts of a task, named as lm-evaluation-harness names them in its result files.
struct TaskDescription {
  std::string name;                  // "gsm8k"
  double version = 0;                // of the harness task that is reproduced
  std::string metric;                // "exact_match"
  std::vector<std::string> filters;  // "strict-match", "flexible-extract"; at least one
  int64_t num_fewshot = 0;
  int64_t fewshot_seed = 0;  // of the draw of the examples
  std::vector<std::string> stop;
  int64_t max_new_tokens = 0;
  int64_t num_rows = 0;  // of the data set, before any limit
};

struct TaskItem {
  std::string prompt;
  std::string target;         // the gold answer as the data set has it
  std::string document_json;  // the data set's row, one JSON object
};

// What one filter makes of one completion.
struct FilteredScore {
  std::string extracted;
  bool correct = false;

  bool operator==(const FilteredScore&) const = default;
};

class EvaluationTask {
 public:
  virtual ~EvaluationTask() = default;

  virtual const TaskDescription& description() const = 0;
  virtual int64_t num_items() const = 0;
  virtual TaskItem Item(int64_t item_index) const = 0;

  // One score per filter, in the description's order. An error means that the marking could not
  // be done, not that the answer is wrong.
  virtual absl::StatusOr<std::vector<FilteredScore>> Score(int64_t item_index,
                                                           absl::string_view completion) const = 0;
};

}  // namespace strata
