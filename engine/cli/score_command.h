// `strata score`: marks completions that exist already; no model is loaded.
//
// Registering adds the verb and its options to the program's parser; running is a plain function
// of its options and two streams, so that tests need no process. Rows go to --output or stdout,
// the summary to stderr (or, with --json and --output, to stdout as one JSON object).
#pragma once

#include <ostream>
#include <string>

namespace CLI {
class App;
}

namespace strata {

struct ScoreOptions {
  std::string task;                // "gsm8k"
  std::string input_path;          // JSON lines
  std::string output_path;         // empty: rows go to `out`
  std::string data_path;           // test rows, for input rows without a target; may be empty
  std::string protocol = "gsm8k";  // or "gsm8k_cot"
  bool apply_stops = false;
  bool json = false;  // needs output_path
};

// Scores and writes. Returns the program's exit code: 0 done, 1 the output cannot be written,
// 2 bad options or input (nothing is written), 4 some rows had no target to score against.
int RunScore(const ScoreOptions& options, std::ostream& out, std::ostream& err);

// Adds the verb to `app`. When the user chose it, parsing runs it on the standard streams and sets
// `exit_code`, which outlives the parsing.
void RegisterScore(CLI::App& app, int& exit_code);

}  // namespace strata
