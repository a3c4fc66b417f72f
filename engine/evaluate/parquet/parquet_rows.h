// The rows of a Parquet file as JSON objects, so that whoever reads JSON lines reads Parquet too.
//
// The data sets on the Hugging Face hub lie in this format. Read whole, into memory; see
// parquet_metadata.h for the columns that are understood.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

// One object a row, keys in the order of the columns, null where a value is null. DataLoss: bytes
// that are no whole and consistent Parquet file, or texts that are no UTF-8; Unimplemented: what is
// not read, by column; ResourceExhausted: more than 2^20 rows, 2^22 values, or 256 MiB decoded.
absl::StatusOr<std::vector<std::string>> ParquetRowsAsJson(absl::string_view file);

}  // namespace strata
