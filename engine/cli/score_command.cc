#include "engine/cli/score_command.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/evaluate/score_gsm8k.h"
#include "kernels/base/file.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

namespace filesystem = std::filesystem;

// Options that contradict each other, and an output that would destroy an input.
absl::Status CheckOptions(const ScoreOptions& options) {
  if (options.task != "gsm8k") {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown task '", options.task, "': expected gsm8k"));
  }
  if (options.output_path.empty()) {
    if (!options.json) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "--json needs --output: without it the rows themselves go to the standard output");
  }
  std::error_code error;
  for (const std::string& path : {options.input_path, options.data_path}) {
    if (!path.empty() && filesystem::equivalent(path, options.output_path, error)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--output '", options.output_path, "' is the input file '", path, "'"));
    }
  }
  const filesystem::path directory = filesystem::path(options.output_path).parent_path();
  if (filesystem::is_directory(options.output_path, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--output '", options.output_path, "' is a directory, expected a file"));
  }
  if (!directory.empty() && !filesystem::is_directory(directory, error)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--output '", options.output_path, "': there is no directory '", directory.string(), "'"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ScoredGsm8kRows> Score(const ScoreOptions& options) {
  STRATA_RETURN_IF_ERROR(CheckOptions(options));
  Gsm8kScoringOptions scoring{.apply_stops = options.apply_stops};
  STRATA_ASSIGN_OR_RETURN(scoring.protocol, ParseGsm8kProtocol(options.protocol));
  if (!options.data_path.empty()) {
    STRATA_ASSIGN_OR_RETURN(scoring.test_rows, LoadGsm8kRows(options.data_path));
  }
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(options.input_path));
  return ScoreGsm8kRows(text, options.input_path, scoring);
}

absl::Status WriteRows(const std::string& path, const std::string& rows) {
  std::error_code error;
  if (!filesystem::exists(path, error) || filesystem::is_regular_file(path, error)) {
    return WriteFileAtomically(path, rows);
  }
  // A pipe or a device cannot be replaced by a finished file.
  std::ofstream stream(path, std::ios::binary);
  stream << rows << std::flush;
  if (!stream) return absl::DataLossError(absl::StrCat("cannot write '", path, "'"));
  return absl::OkStatus();
}

}  // namespace

int RunScore(const ScoreOptions& options, std::ostream& out, std::ostream& err) {
  const absl::StatusOr<ScoredGsm8kRows> scored = Score(options);
  if (!scored.ok()) {
    err << "strata score: " << scored.status().message() << std::endl;
    return 2;
  }
  if (options.output_path.empty()) {
    out << scored->json_lines << std::flush;
    if (!out) {
      err << "strata score: cannot write the rows to the standard output" << std::endl;
      return 1;
    }
  } else if (const absl::Status written = WriteRows(options.output_path, scored->json_lines);
             !written.ok()) {
    err << "strata score: " << written.message() << std::endl;
    return 1;
  }
  if (options.json) {
    out << SummaryJson(scored->summary) << std::endl;
  } else {
    err << SummaryText(scored->summary) << std::flush;
  }
  return scored->summary.num_failed > 0 ? 4 : 0;
}

void RegisterScore(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand("score", "Mark completions that exist already; no model");
  const auto options = std::make_shared<ScoreOptions>();  // lives as long as the parser
  verb->add_option("task", options->task, "What the completions answer: gsm8k")->required();
  verb->add_option("--input", options->input_path,
                   "JSON lines {\"id\", \"completion\", \"target\"}")
      ->required();
  verb->add_option("--output", options->output_path,
                   "Where the marked rows go (default: standard output)");
  verb->add_option(
      "--data", options->data_path,
      "Test rows; a row without a target takes that of the row its id numbers, from 0");
  verb->add_option("--protocol", options->protocol, "Form of the task: gsm8k or gsm8k_cot")
      ->capture_default_str();
  verb->add_flag("--apply-stops", options->apply_stops,
                 "First cut each completion at the task's stop strings");
  verb->add_flag("--json", options->json, "Summary as JSON on standard output; needs --output");
  verb->callback([options, &exit_code] { exit_code = RunScore(*options, std::cout, std::cerr); });
}

}  // namespace strata
