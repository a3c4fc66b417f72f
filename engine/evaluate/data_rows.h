// The rows of a data set as JSON objects, whichever of three forms the file has.
//
// JSON lines (the publishers' GSM8K and MBPP), one JSON array (sanitized MBPP), or Parquet (both on
// the Hugging Face hub). The form is told by the content, not by the name.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace strata {

struct DataRow {
  std::string json;    // an object; of JSON lines the line itself, byte for byte
  std::string origin;  // for messages: "data.jsonl:3", "data.json: row 3"
};

// All rows in their order; lines of white space are none. A line is not parsed here, so it may
// still be malformed. NotFound; InvalidArgument naming the file: a broken array, no rows; DataLoss,
// Unimplemented, ResourceExhausted naming it: as ParquetRowsAsJson.
absl::StatusOr<std::vector<DataRow>> ReadDataRows(const std::string& path);

}  // namespace strata
