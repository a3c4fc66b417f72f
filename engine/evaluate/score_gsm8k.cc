#include "engine/evaluate/score_gsm8k.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/evaluate/gsm8k_score.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// The answer of the test row that `row`'s id numbers; NotFound when there is no such row.
absl::StatusOr<std::string> TargetById(const json& row, const std::vector<Gsm8kRow>& test_rows,
                                       const std::string& origin) {
  const int64_t last = static_cast<int64_t>(test_rows.size()) - 1;
  const absl::StatusOr<int64_t> id = GetInt(row, "id", 0, last, origin);
  if (!id.ok()) {
    return absl::NotFoundError(absl::StrCat("no target, and ", id.status().message()));
  }
  return test_rows[static_cast<size_t>(*id)].answer;
}

// The target of a row. NotFound: this row cannot be scored. InvalidArgument: the input is wrong.
absl::StatusOr<std::string> TargetOf(const json& row, const Gsm8kScoringOptions& options,
                                     const std::string& origin) {
  if (HasValue(row, "target")) return GetString(row, "target", origin);
  if (options.test_rows.has_value()) return TargetById(row, *options.test_rows, origin);
  return absl::InvalidArgumentError(absl::StrCat(
      origin, ": key 'target' is missing, and no test data was named (--data) to find it by id"));
}

ordered_json StandardErrorJson(const Accuracy& accuracy) {
  const std::optional<double> standard_error = accuracy.StandardError();
  return standard_error.has_value() ? ordered_json(*standard_error) : ordered_json("N/A");
}

// "0.6300 ± 0.0133 (831 of 1319)"
std::string CountedAccuracyText(const Accuracy& accuracy) {
  return absl::StrCat(AccuracyText(accuracy), " (", accuracy.num_correct, " of ",
                      accuracy.num_scored, ")");
}

}  // namespace

absl::StatusOr<ScoredGsm8kRows> ScoreGsm8kRows(absl::string_view text, absl::string_view origin,
                                               const Gsm8kScoringOptions& options) {
  ScoredGsm8kRows scored;
  scored.summary.protocol = options.protocol;
  const std::vector<std::string> stops = Gsm8kStopStrings(options.protocol);
  int64_t line_number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    if (line.find_first_not_of(" \t\r") == absl::string_view::npos) continue;
    const std::string line_origin = absl::StrCat(origin, ":", line_number);
    STRATA_ASSIGN_OR_RETURN(const json row, ParseJson(line, line_origin));
    STRATA_ASSIGN_OR_RETURN(const std::string completion,
                            GetString(row, "completion", line_origin));
    const absl::StatusOr<std::string> target = TargetOf(row, options, line_origin);
    // ParseJson has accepted the line, so this cannot throw; it keeps the order of the keys.
    ordered_json output = ordered_json::parse(line.begin(), line.end());
    ++scored.summary.num_rows;
    if (target.ok()) {
      const Gsm8kScore score =
          ScoreGsm8k(options.apply_stops ? CutAtStopStrings(completion, stops) : completion,
                     *target, options.protocol);
      scored.summary.strict.Add(score.strict);
      scored.summary.flexible.Add(score.flexible);
      output["strict"] = score.strict;
      output["flexible"] = score.flexible;
      output["extracted_strict"] = score.extracted_strict;
      output["extracted_flexible"] = score.extracted_flexible;
    } else if (absl::IsNotFound(target.status())) {
      ++scored.summary.num_failed;
      output["error"] = std::string(target.status().message());
    } else {
      return target.status();
    }
    absl::StrAppend(&scored.json_lines, output.dump(), "\n");
  }
  if (scored.summary.num_rows == 0) {
    return absl::InvalidArgumentError(absl::StrCat("'", origin, "' has no rows"));
  }
  return scored;
}

std::string SummaryJson(const Gsm8kScoringSummary& summary) {
  const ordered_json object = {
      {"task", "gsm8k"},
      {"protocol", std::string(Gsm8kProtocolName(summary.protocol))},
      {"num_rows", summary.num_rows},
      {"num_failed", summary.num_failed},
      {"num_correct_strict", summary.strict.num_correct},
      {"num_correct_flexible", summary.flexible.num_correct},
      {"exact_match,strict-match", summary.strict.Mean()},
      {"exact_match_stderr,strict-match", StandardErrorJson(summary.strict)},
      {"exact_match,flexible-extract", summary.flexible.Mean()},
      {"exact_match_stderr,flexible-extract", StandardErrorJson(summary.flexible)},
  };
  return object.dump();
}

std::string SummaryText(const Gsm8kScoringSummary& summary) {
  std::string text =
      absl::StrCat(Gsm8kProtocolName(summary.protocol), ": ", summary.num_rows,
                   " rows\n  strict-match      ", CountedAccuracyText(summary.strict),
                   "\n  flexible-extract  ", CountedAccuracyText(summary.flexible), "\n");
  if (summary.num_failed > 0) {
    absl::StrAppend(&text, "  not scored        ", summary.num_failed,
                    " (no target; see 'error' in the rows)\n");
  }
  return text;
}

}  // namespace strata
