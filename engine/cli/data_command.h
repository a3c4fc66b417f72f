// `strata data gsm8k|mbpp`: downloads a data set from its publisher and checks every byte of it.
#pragma once

#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "engine/evaluate/data_sets.h"

namespace CLI {
class App;
}

namespace strata {

struct DataOptions {
  std::string task;    // "gsm8k" or "mbpp"
  std::string output;  // directory; empty: where eval looks
};

// Puts `file` into `directory`, which exists, unless it is there with the right bytes; one sentence
// about it. DataLoss: the publisher sends other bytes, which are not kept; Download's errors.
absl::StatusOr<std::string> FetchDataSetFile(const DataSetFile& file, const std::string& directory);

// Downloads what is not there yet; returns the exit code: 1 without network.
int RunData(const DataOptions& options, std::ostream& out, std::ostream& err);

// Adds the verb to `app`; running it sets `exit_code`, which outlives the parsing.
void RegisterData(CLI::App& app, int& exit_code);

// Where eval looks for data when nothing is named: the environment and the program's own place
// decide, and are asked here.
DataSetPlaces PlacesFromEnvironment();

}  // namespace strata
