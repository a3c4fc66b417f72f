#include "engine/evaluate/parquet/page_header.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/evaluate/parquet/thrift_value.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

using Kind = ThriftValue::Kind;

// parquet.thrift's enum Encoding.
constexpr int64_t kPlain = 0, kPlainDictionary = 2, kRunLength = 3, kRunLengthDictionary = 8;

absl::StatusOr<int64_t> Size(const ThriftValue& header, int64_t field_id, absl::string_view name) {
  STRATA_ASSIGN_OR_RETURN(const int64_t size, header.Integer(field_id, name));
  if (0 <= size && size <= INT32_MAX) return size;
  return absl::DataLossError(absl::StrCat("'", name, "' of a page is ", size));
}

absl::StatusOr<PageEncoding> EncodingOf(int64_t number) {
  if (number == kPlain) return PageEncoding::kPlain;
  if (number == kPlainDictionary || number == kRunLengthDictionary) {
    return PageEncoding::kDictionary;
  }
  return absl::UnimplementedError(absl::StrCat(
      "encoding ", number, " of a page: expected 0 (PLAIN), 2 or 8 (dictionary indices)"));
}

absl::Status CheckLevelEncoding(const ThriftValue& data, int64_t field_id, const char* name) {
  STRATA_ASSIGN_OR_RETURN(const int64_t encoding, data.Integer(field_id, name));
  if (encoding == kRunLength) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("'", name, "' ", encoding, " of a page: expected 3 (RLE)"));
}

absl::Status FillData(const ThriftValue& root, PageHeader& header) {
  STRATA_ASSIGN_OR_RETURN(const ThriftValue* data,
                          root.Child(5, Kind::kStruct, "data_page_header"));
  STRATA_ASSIGN_OR_RETURN(header.num_values, Size(*data, 1, "num_values"));
  STRATA_ASSIGN_OR_RETURN(const int64_t encoding, data->Integer(2, "encoding"));
  STRATA_ASSIGN_OR_RETURN(header.encoding, EncodingOf(encoding));
  STRATA_RETURN_IF_ERROR(CheckLevelEncoding(*data, 3, "definition_level_encoding"));
  return CheckLevelEncoding(*data, 4, "repetition_level_encoding");
}

absl::Status FillDataV2(const ThriftValue& root, PageHeader& header) {
  STRATA_ASSIGN_OR_RETURN(const ThriftValue* data,
                          root.Child(8, Kind::kStruct, "data_page_header_v2"));
  STRATA_ASSIGN_OR_RETURN(header.num_values, Size(*data, 1, "num_values"));
  STRATA_ASSIGN_OR_RETURN(const int64_t encoding, data->Integer(4, "encoding"));
  STRATA_ASSIGN_OR_RETURN(header.encoding, EncodingOf(encoding));
  STRATA_ASSIGN_OR_RETURN(header.definition_levels_bytes,
                          Size(*data, 5, "definition_levels_byte_length"));
  STRATA_ASSIGN_OR_RETURN(header.repetition_levels_bytes,
                          Size(*data, 6, "repetition_levels_byte_length"));
  STRATA_ASSIGN_OR_RETURN(const int64_t compressed, data->IntegerOr(7, 1, "is_compressed"));
  header.are_values_compressed = compressed != 0;
  const int64_t levels_bytes = header.definition_levels_bytes + header.repetition_levels_bytes;
  if (levels_bytes > header.compressed_size_bytes || levels_bytes > header.size_bytes) {
    return absl::DataLossError(absl::StrCat("a page of ", header.compressed_size_bytes,
                                            " bytes with ", levels_bytes, " bytes of levels"));
  }
  return absl::OkStatus();
}

absl::Status FillDictionary(const ThriftValue& root, PageHeader& header) {
  STRATA_ASSIGN_OR_RETURN(const ThriftValue* data,
                          root.Child(7, Kind::kStruct, "dictionary_page_header"));
  STRATA_ASSIGN_OR_RETURN(header.num_values, Size(*data, 1, "num_values"));
  STRATA_ASSIGN_OR_RETURN(const int64_t encoding, data->Integer(2, "encoding"));
  if (encoding == kPlain || encoding == kPlainDictionary) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("encoding ", encoding, " of a dictionary: expected 0 (PLAIN) or 2"));
}

}  // namespace

absl::StatusOr<PageHeader> ParsePageHeader(absl::string_view bytes) {
  STRATA_ASSIGN_OR_RETURN(const ParsedThrift parsed, ParseThriftStruct(bytes));
  const ThriftValue& root = parsed.root;
  PageHeader header = {.header_bytes = parsed.num_bytes};
  STRATA_ASSIGN_OR_RETURN(const int64_t kind, root.Integer(1, "type"));
  STRATA_ASSIGN_OR_RETURN(header.size_bytes, Size(root, 2, "uncompressed_page_size"));
  STRATA_ASSIGN_OR_RETURN(header.compressed_size_bytes, Size(root, 3, "compressed_page_size"));
  if (root.Field(4) != nullptr) {
    STRATA_ASSIGN_OR_RETURN(const int64_t crc, root.Integer(4, "crc"));
    header.crc = static_cast<uint32_t>(crc);
  }
  header.kind = static_cast<PageKind>(kind);
  if (kind == static_cast<int64_t>(PageKind::kData)) {
    STRATA_RETURN_IF_ERROR(FillData(root, header));
  } else if (kind == static_cast<int64_t>(PageKind::kDataV2)) {
    STRATA_RETURN_IF_ERROR(FillDataV2(root, header));
  } else if (kind == static_cast<int64_t>(PageKind::kDictionary)) {
    STRATA_RETURN_IF_ERROR(FillDictionary(root, header));
  } else if (kind != static_cast<int64_t>(PageKind::kIndex)) {
    return absl::DataLossError(absl::StrCat("a page of kind ", kind));
  }
  return header;
}

}  // namespace strata
