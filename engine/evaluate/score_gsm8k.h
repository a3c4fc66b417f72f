// Scoring GSM8K completions that exist already: rows in, rows with verdicts out. No model.
//
// An input row is {"id": any, "completion": "...", "target": "... #### 18"}; without a target the
// id must be a row number of the test data. Output rows repeat the input row, key order included,
// and add "strict", "flexible", "extracted_strict", "extracted_flexible" (or "error" for a row
// that cannot be scored). Pure functions over text; files and exit codes are the caller's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/evaluate/accuracy.h"
#include "engine/evaluate/gsm8k_protocol.h"
#include "engine/evaluate/gsm8k_task.h"

namespace strata {

struct Gsm8kScoringOptions {
  Gsm8kProtocol protocol = Gsm8kProtocol::kGsm8k;
  bool apply_stops = false;  // first cut each completion at the protocol's stop strings
  // Test rows, to find the target of a row that has none by its id; absent: every row needs one.
  std::optional<std::vector<Gsm8kRow>> test_rows;
};

struct Gsm8kScoringSummary {
  Gsm8kProtocol protocol = Gsm8kProtocol::kGsm8k;
  int64_t num_rows = 0;
  int64_t num_failed = 0;  // rows without a target that can be found; not part of the accuracies
  Accuracy strict;
  Accuracy flexible;
};

struct ScoredGsm8kRows {
  std::string json_lines;  // one line per input row, in input order
  Gsm8kScoringSummary summary;
};

// Scores the JSON lines `text`; `origin` (a path) and the line number stand in errors.
// InvalidArgument, and nothing scored: a line that is no JSON object, a completion that is missing
// or no string, a target that is no string, a missing target without test rows, no rows at all.
absl::StatusOr<ScoredGsm8kRows> ScoreGsm8kRows(absl::string_view text, absl::string_view origin,
                                               const Gsm8kScoringOptions& options);

// The summary as one JSON object with lm-evaluation-harness' metric keys.
std::string SummaryJson(const Gsm8kScoringSummary& summary);

// The summary for a person, a few lines.
std::string SummaryText(const Gsm8kScoringSummary& summary);

}  // namespace strata
