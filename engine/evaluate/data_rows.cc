#include "engine/evaluate/data_rows.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/evaluate/parquet/parquet_metadata.h"
#include "engine/evaluate/parquet/parquet_rows.h"
#include "kernels/base/file.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

std::vector<DataRow> Numbered(std::vector<std::string> objects, const std::string& path) {
  std::vector<DataRow> rows;
  for (std::string& object : objects) {
    std::string origin = absl::StrCat(path, ": row ", rows.size() + 1);
    rows.push_back({.json = std::move(object), .origin = std::move(origin)});
  }
  return rows;
}

absl::StatusOr<std::vector<DataRow>> RowsOfArray(const std::string& text, const std::string& path) {
  STRATA_ASSIGN_OR_RETURN(const nlohmann::json array, ParseJson(text, path));
  std::vector<std::string> objects;
  for (const nlohmann::json& value : array) objects.push_back(value.dump());
  return Numbered(std::move(objects), path);
}

std::vector<DataRow> RowsOfLines(const std::string& text, const std::string& path) {
  std::vector<DataRow> rows;
  int64_t line_number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    if (line.find_first_not_of(" \t\r") == absl::string_view::npos) continue;
    rows.push_back({.json = std::string(line), .origin = absl::StrCat(path, ":", line_number)});
  }
  return rows;
}

absl::StatusOr<std::vector<DataRow>> RowsOf(const std::string& text, const std::string& path) {
  if (IsParquet(text)) {
    absl::StatusOr<std::vector<std::string>> objects = ParquetRowsAsJson(text);
    if (!objects.ok()) return WithContext(objects.status(), path);
    return Numbered(*std::move(objects), path);
  }
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin != std::string::npos && text[begin] == '[') return RowsOfArray(text, path);
  return RowsOfLines(text, path);
}

}  // namespace

absl::StatusOr<std::vector<DataRow>> ReadDataRows(const std::string& path) {
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  STRATA_ASSIGN_OR_RETURN(std::vector<DataRow> rows, RowsOf(text, path));
  if (rows.empty()) return absl::InvalidArgumentError(absl::StrCat("'", path, "' has no rows"));
  return rows;
}

}  // namespace strata
