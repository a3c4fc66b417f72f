#include "engine/evaluate/parquet/parquet_metadata.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/evaluate/parquet/little_endian.h"
#include "engine/evaluate/parquet/thrift_value.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

using Kind = ThriftValue::Kind;

constexpr absl::string_view kMagic = "PAR1";
constexpr size_t kTailBytes = 8;  // the footer's length and the magic
constexpr int64_t kMaxRows = int64_t{1} << 20;

// parquet.thrift's enum Type, FieldRepetitionType, ConvertedType, and fields of union LogicalType.
constexpr int64_t kInt32 = 1, kInt64 = 2, kByteArray = 6;
constexpr int64_t kRequired = 0, kOptional = 1, kRepeated = 2;
constexpr int64_t kConvertedNone = -1, kConvertedUtf8 = 0, kConvertedList = 3, kConvertedEnum = 4;
constexpr int64_t kConvertedInt8 = 15, kConvertedInt64 = 18, kConvertedJson = 19;
constexpr int64_t kLogicalString = 1, kLogicalList = 3, kLogicalEnum = 4, kLogicalInteger = 10;
constexpr int64_t kLogicalJson = 12;

struct SchemaElement {
  std::string name;
  int64_t type = -1;
  int64_t repetition = kRequired;
  int64_t num_children = 0;
  int64_t converted = kConvertedNone;
  int64_t logical = -1;   // field of the union
  bool is_signed = true;  // of a logical integer
};

absl::StatusOr<SchemaElement> ParseElement(const ThriftValue& value) {
  SchemaElement element;
  STRATA_ASSIGN_OR_RETURN(element.type, value.IntegerOr(1, -1, "type"));
  STRATA_ASSIGN_OR_RETURN(element.repetition, value.IntegerOr(3, kRequired, "repetition_type"));
  STRATA_ASSIGN_OR_RETURN(const absl::string_view name, value.Bytes(4, "name"));
  element.name = std::string(name);
  STRATA_ASSIGN_OR_RETURN(element.num_children, value.IntegerOr(5, 0, "num_children"));
  STRATA_ASSIGN_OR_RETURN(element.converted, value.IntegerOr(6, kConvertedNone, "converted_type"));
  const ThriftValue* logical = value.Field(10);
  if (logical != nullptr && logical->kind == Kind::kStruct && !logical->field_ids.empty()) {
    element.logical = logical->field_ids.front();
    if (element.logical == kLogicalInteger) {
      STRATA_ASSIGN_OR_RETURN(const int64_t is_signed,
                              logical->elements.front().IntegerOr(2, 1, "isSigned"));
      element.is_signed = is_signed != 0;
    }
  }
  return element;
}

absl::Status NotRead(absl::string_view column, absl::string_view what) {
  return absl::UnimplementedError(
      absl::StrCat("column '", column, "': ", what,
                   "; columns of texts and signed integers and lists of them are read"));
}

absl::StatusOr<ParquetColumn::Type> TypeOf(const SchemaElement& leaf, absl::string_view column) {
  if (leaf.type == kByteArray) {
    const bool is_text =
        leaf.logical == -1
            ? leaf.converted == kConvertedNone || leaf.converted == kConvertedUtf8 ||
                  leaf.converted == kConvertedEnum || leaf.converted == kConvertedJson
            : leaf.logical == kLogicalString || leaf.logical == kLogicalEnum ||
                  leaf.logical == kLogicalJson;
    if (is_text) return ParquetColumn::Type::kText;
  }
  if (leaf.type == kInt32 || leaf.type == kInt64) {
    const bool is_integer = leaf.logical == -1 ? leaf.converted == kConvertedNone ||
                                                     (kConvertedInt8 <= leaf.converted &&
                                                      leaf.converted <= kConvertedInt64)
                                               : leaf.logical == kLogicalInteger && leaf.is_signed;
    if (is_integer) {
      return leaf.type == kInt32 ? ParquetColumn::Type::kInt32 : ParquetColumn::Type::kInt64;
    }
  }
  return NotRead(column, absl::StrCat("physical type ", leaf.type, " with converted type ",
                                      leaf.converted, ", logical type ", leaf.logical));
}

// The column that begins at `*next`, which moves behind it.
absl::StatusOr<ParquetColumn> ParseColumn(const std::vector<SchemaElement>& elements,
                                          size_t* next) {
  const SchemaElement& top = elements[(*next)++];
  ParquetColumn column = {.name = top.name, .is_nullable = top.repetition == kOptional};
  if (top.repetition != kRequired && top.repetition != kOptional) {
    return NotRead(top.name, "repeated without a list around it");
  }
  if (top.num_children == 0) {
    STRATA_ASSIGN_OR_RETURN(column.type, TypeOf(top, top.name));
    return column;
  }
  column.is_list = true;
  const bool is_list = top.converted == kConvertedList || top.logical == kLogicalList;
  if (!is_list || top.num_children != 1) return NotRead(top.name, "a group that is no list");
  if (*next + 2 > elements.size()) return absl::DataLossError("the schema ends in a list");
  const SchemaElement& repeated = elements[(*next)++];
  const SchemaElement& leaf = elements[(*next)++];
  if (repeated.repetition != kRepeated || repeated.num_children != 1 || leaf.num_children != 0 ||
      (leaf.repetition != kRequired && leaf.repetition != kOptional)) {
    return NotRead(top.name, "a list of lists or of groups, or one of an old form");
  }
  column.has_nullable_elements = leaf.repetition == kOptional;
  STRATA_ASSIGN_OR_RETURN(column.type, TypeOf(leaf, top.name));
  return column;
}

absl::StatusOr<std::vector<ParquetColumn>> ParseSchema(const ThriftValue& schema) {
  std::vector<SchemaElement> elements;
  for (const ThriftValue& value : schema.elements) {
    STRATA_ASSIGN_OR_RETURN(SchemaElement element, ParseElement(value));
    elements.push_back(std::move(element));
  }
  if (elements.empty()) return absl::DataLossError("the schema is empty");
  std::vector<ParquetColumn> columns;
  size_t next = 1;  // behind the root
  while (next < elements.size()) {
    STRATA_ASSIGN_OR_RETURN(ParquetColumn column, ParseColumn(elements, &next));
    const bool is_there =
        std::any_of(columns.begin(), columns.end(),
                    [&](const ParquetColumn& other) { return other.name == column.name; });
    if (is_there) return absl::DataLossError(absl::StrCat("column '", column.name, "' twice"));
    columns.push_back(std::move(column));
  }
  if (columns.empty()) return absl::DataLossError("the schema has no columns");
  if (static_cast<int64_t>(columns.size()) != elements.front().num_children) {
    return absl::DataLossError(absl::StrCat("the schema says ", elements.front().num_children,
                                            " columns and has ", columns.size()));
  }
  return columns;
}

absl::StatusOr<ParquetCodec> CodecOf(int64_t number) {
  for (const ParquetCodec codec :
       {ParquetCodec::kNone, ParquetCodec::kSnappy, ParquetCodec::kGzip, ParquetCodec::kZstd}) {
    if (number == static_cast<int64_t>(codec)) return codec;
  }
  return absl::UnimplementedError(absl::StrCat(
      "compression codec ", number, ": expected 0 (none), 1 (Snappy), 2 (gzip) or 6 (Zstandard)"));
}

absl::StatusOr<ParquetChunk> ParseChunk(const ThriftValue& value, int64_t pages_end) {
  if (value.Field(1) != nullptr) return absl::UnimplementedError("its pages are in another file");
  if (value.Field(8) != nullptr) return absl::UnimplementedError("it is encrypted");
  STRATA_ASSIGN_OR_RETURN(const ThriftValue* meta, value.Child(3, Kind::kStruct, "meta_data"));
  ParquetChunk chunk;
  STRATA_ASSIGN_OR_RETURN(const int64_t codec, meta->Integer(4, "codec"));
  STRATA_ASSIGN_OR_RETURN(chunk.codec, CodecOf(codec));
  STRATA_ASSIGN_OR_RETURN(chunk.num_values, meta->Integer(5, "num_values"));
  if (chunk.num_values == 0) return chunk;  // writers say anything of where nothing is
  STRATA_ASSIGN_OR_RETURN(chunk.size_bytes, meta->Integer(7, "total_compressed_size"));
  STRATA_ASSIGN_OR_RETURN(const int64_t data, meta->Integer(9, "data_page_offset"));
  STRATA_ASSIGN_OR_RETURN(const int64_t dictionary,
                          meta->IntegerOr(11, 0, "dictionary_page_offset"));
  // Some writers say 0 for "no dictionary"; the file's magic lies there.
  chunk.offset = dictionary > 0 ? std::min(dictionary, data) : data;
  if (chunk.num_values < 0 || chunk.size_bytes < 0 ||
      chunk.offset < static_cast<int64_t>(kMagic.size()) || chunk.offset > pages_end ||
      chunk.size_bytes > pages_end - chunk.offset) {
    return absl::DataLossError(absl::StrCat("expected pages in bytes 4 to ", pages_end, ", got ",
                                            chunk.size_bytes, " bytes at ", chunk.offset, " with ",
                                            chunk.num_values, " values"));
  }
  return chunk;
}

absl::StatusOr<ParquetRowGroup> ParseRowGroup(const ThriftValue& value,
                                              const std::vector<ParquetColumn>& columns,
                                              int64_t pages_end) {
  STRATA_ASSIGN_OR_RETURN(const ThriftValue* chunks, value.Child(1, Kind::kList, "columns"));
  if (chunks->elements.size() != columns.size()) {
    return absl::DataLossError(
        absl::StrCat("expected ", columns.size(), " column chunks, got ", chunks->elements.size()));
  }
  ParquetRowGroup group;
  STRATA_ASSIGN_OR_RETURN(group.num_rows, value.Integer(3, "num_rows"));
  for (size_t i = 0; i < columns.size(); ++i) {
    absl::StatusOr<ParquetChunk> chunk = ParseChunk(chunks->elements[i], pages_end);
    if (!chunk.ok()) {
      return WithContext(chunk.status(), absl::StrCat("column '", columns[i].name, "'"));
    }
    group.chunks.push_back(*chunk);
  }
  return group;
}

}  // namespace

bool IsParquet(absl::string_view file) { return absl::StartsWith(file, kMagic); }

absl::StatusOr<ParquetMetadata> ParseParquetMetadata(absl::string_view file) {
  if (file.size() < kMagic.size() + kTailBytes || !IsParquet(file) ||
      !absl::EndsWith(file, kMagic)) {
    return absl::DataLossError("no whole Parquet file: expected PAR1 at both ends");
  }
  const size_t footer_end = file.size() - kTailBytes;
  const uint64_t footer_bytes = ReadUint32(file.substr(footer_end));
  if (footer_bytes > footer_end - kMagic.size()) {
    return absl::DataLossError(
        absl::StrCat("a footer of ", footer_bytes, " bytes in a file of ", file.size(), " bytes"));
  }
  const size_t footer_offset = footer_end - footer_bytes;
  STRATA_ASSIGN_OR_RETURN(const ParsedThrift footer,
                          ParseThriftStruct(file.substr(footer_offset, footer_bytes)));
  const ThriftValue& root = footer.root;
  if (root.Field(8) != nullptr) return absl::UnimplementedError("the file is encrypted");
  ParquetMetadata metadata;
  STRATA_ASSIGN_OR_RETURN(const ThriftValue* schema, root.Child(2, Kind::kList, "schema"));
  STRATA_ASSIGN_OR_RETURN(metadata.columns, ParseSchema(*schema));
  STRATA_ASSIGN_OR_RETURN(const int64_t num_rows, root.Integer(3, "num_rows"));
  STRATA_ASSIGN_OR_RETURN(const ThriftValue* groups, root.Child(4, Kind::kList, "row_groups"));
  int64_t num_rows_of_groups = 0;
  for (const ThriftValue& value : groups->elements) {
    STRATA_ASSIGN_OR_RETURN(
        ParquetRowGroup group,
        ParseRowGroup(value, metadata.columns, static_cast<int64_t>(footer_offset)));
    if (group.num_rows < 0 || group.num_rows > kMaxRows - num_rows_of_groups) {
      return absl::DataLossError(absl::StrCat("a row group of ", group.num_rows,
                                              " rows: expected at most ", kMaxRows, " in a file"));
    }
    num_rows_of_groups += group.num_rows;
    metadata.row_groups.push_back(std::move(group));
  }
  if (num_rows_of_groups != num_rows) {
    return absl::DataLossError(absl::StrCat("the file says ", num_rows,
                                            " rows and its row groups have ", num_rows_of_groups));
  }
  return metadata;
}

}  // namespace strata
