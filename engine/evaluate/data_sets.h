// The public data sets: where they come from, how they are told to be the right ones, and where
// they are looked for.
//
// Files are known by their SHA-256, not by their name: scores are quoted on exactly these bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

struct DataSetFile {
  std::string name;  // "gsm8k_test.jsonl"
  std::string url;   // of the publisher
  std::string sha256;
  int64_t size_bytes = 0;
};

// The files of "gsm8k" (test, train) or "mbpp" (all, sanitized). InvalidArgument: another task.
absl::StatusOr<std::vector<DataSetFile>> DataSetFiles(absl::string_view task);

struct DataSetPlaces {
  std::string given;           // --data-dir; if not empty, nothing else is looked at
  std::string downloads;       // where `strata data` puts files
  std::string hub_cache;       // Hugging Face's, with directories datasets--*
  std::string demo_directory;  // the demo model's own problems
};

struct FoundDataSet {
  std::string path;    // the rows to ask
  std::string origin;  // for a person: "the bundled demo problems, not GSM8K"
  bool is_demo = false;
};

// The first place that has the rows of a task. NotFound says where was looked, and the command that
// downloads them. In Hugging Face's cache that is the Parquet of openai/gsm8k (main) or
// google-research-datasets/mbpp (full), else JSON lines of the publisher's names in any data set
// that is called like the task.
absl::StatusOr<FoundDataSet> FindDataSet(absl::string_view task, const DataSetPlaces& places);

// OK when `bytes` are the file; DataLoss says what they are instead.
absl::Status CheckDataSetFile(const DataSetFile& file, absl::string_view bytes);

}  // namespace strata
