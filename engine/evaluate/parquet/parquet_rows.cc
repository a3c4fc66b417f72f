#include "engine/evaluate/parquet/parquet_rows.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/evaluate/parquet/column_chunk.h"
#include "engine/evaluate/parquet/parquet_metadata.h"
#include "kernels/base/status.h"
#include "models/text/unicode.h"

namespace strata {
namespace {

using Json = nlohmann::ordered_json;

// Hands out the values of a chunk one after another.
class ValueCursor {
 public:
  ValueCursor(const ParquetColumn& column, ColumnValues values)
      : is_text_(column.type == ParquetColumn::Type::kText), values_(std::move(values)) {}

  const ColumnValues& values() const { return values_; }

  absl::StatusOr<Json> Next() {
    const size_t index = next_++;
    if (!is_text_) return Json(values_.integers[index]);
    if (IsValidUtf8(values_.texts[index])) return Json(std::move(values_.texts[index]));
    return absl::DataLossError(absl::StrCat("value ", index + 1, " of a chunk is no UTF-8"));
  }

 private:
  const bool is_text_;
  ColumnValues values_;
  size_t next_ = 0;
};

// Sets the column's member of each row; rows.size() is what the row group says.
absl::Status FillFlat(const ParquetColumn& column, ValueCursor& cursor, std::vector<Json>& rows) {
  const std::vector<uint32_t>& levels = cursor.values().definition_levels;
  if (levels.size() != rows.size()) {
    return absl::DataLossError(
        absl::StrCat("expected ", rows.size(), " rows, got ", levels.size()));
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    Json& member = rows[i][column.name];
    if (levels[i] < static_cast<uint32_t>(column.max_definition_level())) continue;  // null
    STRATA_ASSIGN_OR_RETURN(member, cursor.Next());
  }
  return absl::OkStatus();
}

absl::Status FillLists(const ParquetColumn& column, ValueCursor& cursor, std::vector<Json>& rows) {
  const std::vector<uint32_t>& definition = cursor.values().definition_levels;
  const std::vector<uint32_t>& repetition = cursor.values().repetition_levels;
  const auto max_level = static_cast<uint32_t>(column.max_definition_level());
  const auto element_level = static_cast<uint32_t>(column.element_level());
  size_t num_rows = 0;
  for (size_t i = 0; i < definition.size(); ++i) {
    const bool has_element = definition[i] >= element_level;
    if (repetition[i] == 0) {
      if (num_rows == rows.size()) {
        return absl::DataLossError(absl::StrCat("more than the ", rows.size(), " rows expected"));
      }
      Json& member = rows[num_rows++][column.name];
      const bool is_null = column.is_nullable && definition[i] == 0;
      if (!is_null) member = Json::array();
      if (!has_element) continue;
    } else if (i == 0 || !has_element || definition[i - 1] < element_level) {
      return absl::DataLossError("a list goes on that has not begun");
    }
    Json element;
    if (definition[i] == max_level) {
      STRATA_ASSIGN_OR_RETURN(element, cursor.Next());
    }
    rows[num_rows - 1][column.name].push_back(std::move(element));
  }
  if (num_rows == rows.size()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("expected ", rows.size(), " rows, got ", num_rows));
}

absl::StatusOr<std::vector<Json>> ReadRowGroup(absl::string_view file,
                                               const std::vector<ParquetColumn>& columns,
                                               const ParquetRowGroup& group, DecodeBudget& budget) {
  std::vector<Json> rows(static_cast<size_t>(group.num_rows), Json::object());
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string where = absl::StrCat("column '", columns[i].name, "'");
    absl::StatusOr<ColumnValues> values =
        ReadColumnChunk(file, columns[i], group.chunks[i], budget);
    if (!values.ok()) return WithContext(values.status(), where);
    ValueCursor cursor(columns[i], *std::move(values));
    STRATA_RETURN_IF_ERROR(WithContext(columns[i].is_list ? FillLists(columns[i], cursor, rows)
                                                          : FillFlat(columns[i], cursor, rows),
                                       where));
  }
  return rows;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParquetRowsAsJson(absl::string_view file) {
  STRATA_ASSIGN_OR_RETURN(const ParquetMetadata metadata, ParseParquetMetadata(file));
  for (const ParquetColumn& column : metadata.columns) {
    if (!IsValidUtf8(column.name)) return absl::DataLossError("a column's name is no UTF-8");
  }
  DecodeBudget budget;
  std::vector<std::string> texts;
  for (const ParquetRowGroup& group : metadata.row_groups) {
    STRATA_ASSIGN_OR_RETURN(const std::vector<Json> rows,
                            ReadRowGroup(file, metadata.columns, group, budget));
    for (const Json& row : rows) texts.push_back(row.dump());
  }
  return texts;
}

}  // namespace strata
