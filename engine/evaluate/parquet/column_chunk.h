// One column of one row group: its pages, decoded to levels and values.
//
// Pages of both versions, PLAIN and dictionary encoded, may follow each other in one chunk, as
// writers do that give up on a dictionary. Everything that a page says of itself is checked against
// its bytes, its CRC-32 included where it has one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/evaluate/parquet/parquet_metadata.h"

namespace strata {

// What decoding a file may still take: small files can say that they are very large.
struct DecodeBudget {
  int64_t num_values = int64_t{1} << 22;  // nulls and dictionaries included
  int64_t bytes = int64_t{1} << 28;       // of pages and of texts, decompressed

  // ResourceExhausted naming `what` when less is left.
  absl::Status TakeValues(int64_t count, absl::string_view what);
  absl::Status TakeBytes(int64_t count, absl::string_view what);
};

struct ColumnValues {
  std::vector<uint32_t> definition_levels;  // [num_values]; all 0 where the column's maximum is 0
  std::vector<uint32_t> repetition_levels;  // [num_values]
  // Those that are there, in order; the vector of the column's type alone.
  std::vector<int64_t> integers;
  std::vector<std::string> texts;
};

// DataLoss: pages that contradict themselves or the chunk; Unimplemented: an encoding that is not
// read; ResourceExhausted: the budget.
absl::StatusOr<ColumnValues> ReadColumnChunk(absl::string_view file, const ParquetColumn& column,
                                             const ParquetChunk& chunk, DecodeBudget& budget);

}  // namespace strata
