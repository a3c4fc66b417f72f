#include "offload/checkpoint/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "offload/checkpoint/quoted_name.h"
#include "offload/checkpoint/read_only_file.h"

namespace strata {
namespace {

using nlohmann::json;

constexpr int64_t kLengthBytes = 8;  // of the header length in front of the JSON
constexpr size_t kMaxMessageBytes = 500;
constexpr absl::string_view kGitLfsPointer = "version https://git-lfs.github.com/spec/";

// The length of the JSON, from the first kLengthBytes of the file (`prefix` may be shorter).
absl::StatusOr<int64_t> HeaderLength(absl::string_view prefix, int64_t file_size,
                                     absl::string_view origin) {
  if (file_size < kLengthBytes || prefix.size() < static_cast<size_t>(kLengthBytes)) {
    return absl::DataLossError(
        absl::StrCat(origin, ": not a safetensors file: ", file_size, " bytes are too few"));
  }
  if (absl::StartsWith(kGitLfsPointer, prefix.substr(0, kLengthBytes))) {
    return absl::DataLossError(absl::StrCat(
        origin, ": is a Git LFS pointer, not the weights; fetch them with 'git lfs pull'"));
  }
  uint64_t length = 0;
  for (int64_t i = kLengthBytes - 1; i >= 0; --i) {
    length = length << 8 | static_cast<uint8_t>(prefix[static_cast<size_t>(i)]);
  }
  if (length > static_cast<uint64_t>(kMaxSafetensorsHeaderBytes)) {
    return absl::DataLossError(absl::StrCat(origin, ": not a safetensors file: header length ",
                                            length, " is above ", kMaxSafetensorsHeaderBytes));
  }
  if (static_cast<int64_t>(length) > file_size - kLengthBytes) {
    return absl::DataLossError(absl::StrCat(origin, ": truncated: the header has ", length,
                                            " bytes, the file only ", file_size));
  }
  return static_cast<int64_t>(length);
}

// A non-negative integer that fits int64_t.
bool IsIndex(const json& value) {
  return value.is_number_unsigned() &&
         value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
}

bool IsIndexArray(const json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), IsIndex);
}

// The bytes of a tensor; DataLoss where a product overflows, also beside an extent of 0, so that no
// later product of some of the extents overflows.
absl::StatusOr<int64_t> CheckedBytes(DType dtype, const std::vector<int64_t>& extents) {
  int64_t bound = BytesOf(dtype, 1);
  bool is_empty = false;
  for (const int64_t extent : extents) {
    is_empty |= extent == 0;
    if (__builtin_mul_overflow(bound, std::max<int64_t>(extent, 1), &bound)) {
      return absl::DataLossError("the product of 'shape' overflows");
    }
  }
  return is_empty ? 0 : bound;
}

// One entry of the header. `data_bytes` is what the file holds behind the header. The message of an
// error does not name the tensor: the caller adds that.
absl::StatusOr<SafetensorsTensor> ParseTensor(const std::string& name, const json& entry,
                                              int64_t data_offset, int64_t data_bytes) {
  if (!entry.is_object()) return absl::DataLossError("expected an object");
  for (const auto& [key, value] : entry.items()) {
    if (key != "dtype" && key != "shape" && key != "data_offsets") {
      return absl::DataLossError(absl::StrCat("unexpected key ", QuotedName(key)));
    }
  }
  const auto dtype_name = entry.find("dtype");
  if (dtype_name == entry.end() || !dtype_name->is_string()) {
    return absl::DataLossError("'dtype' is missing or no string");
  }
  const std::string& dtype_text = dtype_name->get_ref<const std::string&>();
  const absl::StatusOr<DType> dtype = DTypeFromSafetensors(dtype_text);
  if (!dtype.ok()) {
    return absl::UnimplementedError(absl::StrCat("unknown dtype ", QuotedName(dtype_text)));
  }

  const auto shape = entry.find("shape");
  if (shape == entry.end() || !IsIndexArray(*shape)) {
    return absl::DataLossError("'shape' is missing or no array of non-negative integers");
  }
  const auto extents = shape->get<std::vector<int64_t>>();
  STRATA_ASSIGN_OR_RETURN(const int64_t bytes, CheckedBytes(*dtype, extents));
  if (extents.size() > static_cast<size_t>(Shape::kMaxRank)) {
    return absl::UnimplementedError(
        absl::StrCat("rank ", extents.size(), " is above ", Shape::kMaxRank));
  }

  const auto offsets = entry.find("data_offsets");
  if (offsets == entry.end() || !IsIndexArray(*offsets) || offsets->size() != 2) {
    return absl::DataLossError("'data_offsets' is missing or no pair of non-negative integers");
  }
  const int64_t begin = (*offsets)[0].get<int64_t>();
  const int64_t end = (*offsets)[1].get<int64_t>();
  if (begin > end) {
    return absl::DataLossError(absl::StrCat("data_offsets [", begin, ", ", end, "] run backwards"));
  }
  if (end - begin != bytes) {
    return absl::DataLossError(absl::StrCat("data_offsets [", begin, ", ", end, "] span ",
                                            end - begin, " bytes, but ", DTypeName(*dtype), " ",
                                            Shape(extents).ToString(), " has ", bytes));
  }
  if (end > data_bytes) {
    return absl::DataLossError(absl::StrCat("truncated: the tensor ends at data byte ", end,
                                            ", the file holds only ", data_bytes));
  }
  return SafetensorsTensor{name, *dtype, Shape(extents), data_offset + begin, bytes};
}

absl::Status ParseMetadata(const json& entry, SafetensorsHeader& header) {
  if (!entry.is_object()) return absl::DataLossError("expected an object of strings");
  for (const auto& [key, value] : entry.items()) {
    if (!value.is_string()) {
      return absl::DataLossError(absl::StrCat("key ", QuotedName(key), ": expected a string"));
    }
    header.metadata.emplace(key, value.get<std::string>());
  }
  return absl::OkStatus();
}

// Sorts by place and checks that the tensors tile [data_offset, file_size) exactly.
absl::Status CheckTiling(SafetensorsHeader& header, int64_t file_size, absl::string_view origin) {
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const SafetensorsTensor& a, const SafetensorsTensor& b) {
              return std::tie(a.file_offset, a.bytes, a.name) <
                     std::tie(b.file_offset, b.bytes, b.name);
            });
  int64_t expected = header.data_offset;
  const SafetensorsTensor* previous = nullptr;
  for (const SafetensorsTensor& tensor : header.tensors) {
    if (tensor.file_offset < expected) {
      return absl::DataLossError(absl::StrCat(origin, ": tensor ", QuotedName(tensor.name),
                                              " overlaps tensor ", QuotedName(previous->name)));
    }
    if (tensor.file_offset > expected) {
      return absl::DataLossError(absl::StrCat(
          origin, ": incomplete metadata: no tensor covers the ", tensor.file_offset - expected,
          " bytes before tensor ", QuotedName(tensor.name)));
    }
    expected += tensor.bytes;
    previous = &tensor;
  }
  if (expected != file_size) {
    return absl::DataLossError(absl::StrCat(origin, ": incomplete metadata: no tensor covers the ",
                                            "last ", file_size - expected, " bytes of the file"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(absl::string_view bytes, int64_t file_size,
                                                         absl::string_view origin) {
  STRATA_ASSIGN_OR_RETURN(const int64_t length, HeaderLength(bytes, file_size, origin));
  SafetensorsHeader header;
  header.data_offset = kLengthBytes + length;
  if (static_cast<int64_t>(bytes.size()) < header.data_offset) {
    return absl::DataLossError(absl::StrCat(origin, ": truncated: the header has ", length,
                                            " bytes, only ", bytes.size() - kLengthBytes,
                                            " are there"));
  }
  const absl::string_view text = bytes.substr(kLengthBytes, static_cast<size_t>(length));
  if (!absl::StartsWith(text, "{")) {
    return absl::DataLossError(
        absl::StrCat(origin, ": not a safetensors file: the header does not begin with '{'"));
  }
  const absl::StatusOr<json> document = ParseJson(text, origin);
  if (!document.ok()) {  // the message repeats what it could not read: up to the whole header
    return absl::DataLossError(document.status().message().substr(0, kMaxMessageBytes));
  }

  for (const auto& [name, entry] : document->items()) {
    if (name == "__metadata__") {
      STRATA_RETURN_IF_ERROR(
          WithContext(ParseMetadata(entry, header), absl::StrCat(origin, ": '__metadata__'")));
      continue;
    }
    absl::StatusOr<SafetensorsTensor> tensor =
        ParseTensor(name, entry, header.data_offset, file_size - header.data_offset);
    if (!tensor.ok()) {
      return WithContext(tensor.status(), absl::StrCat(origin, ": tensor ", QuotedName(name)));
    }
    header.tensors.push_back(*std::move(tensor));
  }
  STRATA_RETURN_IF_ERROR(CheckTiling(header, file_size, origin));
  return header;
}

absl::StatusOr<SafetensorsHeader> ReadSafetensorsHeader(const std::string& path) {
  STRATA_ASSIGN_OR_RETURN(const ReadOnlyFile file, ReadOnlyFile::Open(path));
  const auto read_first = [&file](int64_t count) -> absl::StatusOr<std::string> {
    std::string prefix(static_cast<size_t>(std::min(count, file.size_bytes())), '\0');
    STRATA_RETURN_IF_ERROR(
        file.ReadAt(0, absl::MakeSpan(reinterpret_cast<std::byte*>(prefix.data()), prefix.size())));
    return prefix;
  };
  STRATA_ASSIGN_OR_RETURN(std::string prefix, read_first(kLengthBytes));
  STRATA_ASSIGN_OR_RETURN(const int64_t length, HeaderLength(prefix, file.size_bytes(), path));
  STRATA_ASSIGN_OR_RETURN(prefix, read_first(kLengthBytes + length));
  return ParseSafetensorsHeader(prefix, file.size_bytes(), path);
}

}  // namespace strata
