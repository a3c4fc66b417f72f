// What a Parquet file says of itself: its columns, and where each row group's chunks lie.
//
// Columns are flat or lists of one level, of texts or signed integers: what data sets of questions
// and answers have. Everything else is refused by name. Plain values; offsets are checked to lie in
// the file, so that a reader may cut there without asking again.
// Source: the Parquet format specification (parquet-format/src/main/thrift/parquet.thrift).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

struct ParquetColumn {
  enum class Type { kInt32, kInt64, kText };

  std::string name;
  Type type = Type::kText;
  bool is_list = false;
  bool is_nullable = false;            // the value, or the list as a whole
  bool has_nullable_elements = false;  // of a list

  // A value is there where the definition level is this; below it, something is null or empty.
  int max_definition_level() const {
    return (is_nullable ? 1 : 0) + (is_list ? 1 : 0) + (has_nullable_elements ? 1 : 0);
  }
  int max_repetition_level() const { return is_list ? 1 : 0; }
  // Of a list: the lowest definition level that says that an element, maybe null, is there.
  int element_level() const { return (is_nullable ? 1 : 0) + 1; }
};

enum class ParquetCodec { kNone = 0, kSnappy = 1, kGzip = 2, kZstd = 6 };  // the format's numbers

struct ParquetChunk {
  int64_t offset = 0;  // of the first page in the file
  int64_t size_bytes = 0;
  int64_t num_values = 0;  // nulls, and one for each empty list, included
  ParquetCodec codec = ParquetCodec::kNone;
};

struct ParquetRowGroup {
  int64_t num_rows = 0;
  std::vector<ParquetChunk> chunks;  // [number of columns]
};

struct ParquetMetadata {
  std::vector<ParquetColumn> columns;
  std::vector<ParquetRowGroup> row_groups;
};

// Whether the bytes begin as a Parquet file does.
bool IsParquet(absl::string_view file);

// The footer of a whole file. DataLoss: no such file, or one that contradicts itself; Unimplemented
// naming the column: a type, nesting, codec or encryption that is not read here.
absl::StatusOr<ParquetMetadata> ParseParquetMetadata(absl::string_view file);

}  // namespace strata
