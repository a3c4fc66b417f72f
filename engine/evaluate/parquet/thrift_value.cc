#include "engine/evaluate/parquet/thrift_value.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

constexpr int kMaxDepth = 16;
constexpr int64_t kMaxValues = int64_t{1} << 20;
constexpr int64_t kMaxFieldId = (int64_t{1} << 15) - 1;

// The protocol's numbers of types, in field headers and in list headers.
enum class WireType {
  kTrue = 1,
  kFalse = 2,
  kByte = 3,
  kInt16 = 4,
  kInt32 = 5,
  kInt64 = 6,
  kDouble = 7,
  kBinary = 8,
  kList = 9,
  kSet = 10,
  kStruct = 12,
};

class Parser {
 public:
  explicit Parser(absl::string_view bytes) : bytes_(bytes) {}

  absl::StatusOr<ThriftValue> Struct(int depth) {
    STRATA_RETURN_IF_ERROR(Count(depth));
    ThriftValue value = {.kind = ThriftValue::Kind::kStruct};
    int64_t field_id = 0;
    while (true) {
      STRATA_ASSIGN_OR_RETURN(const uint8_t header, Byte());
      if (header == 0) return value;
      const int64_t step = header >> 4;
      int64_t next_id = field_id + step;
      if (step == 0) {
        STRATA_ASSIGN_OR_RETURN(next_id, ZigZag());
      }
      if (next_id <= field_id || next_id > kMaxFieldId) {
        return absl::DataLossError(absl::StrCat("Thrift: field ", next_id, " behind ", field_id));
      }
      field_id = next_id;
      const auto type = static_cast<WireType>(header & 0x0f);
      // A boolean's value is in its type.
      ThriftValue field = {.integer = type == WireType::kTrue ? 1 : 0};
      if (type != WireType::kTrue && type != WireType::kFalse) {
        STRATA_ASSIGN_OR_RETURN(field, Value(type, depth));
      }
      value.field_ids.push_back(field_id);
      value.elements.push_back(std::move(field));
    }
  }

  size_t position() const { return position_; }

 private:
  absl::Status Count(int depth) {
    if (depth > kMaxDepth) return absl::DataLossError("Thrift: nested too deeply");
    if (++num_values_ > kMaxValues) return absl::DataLossError("Thrift: too many values");
    return absl::OkStatus();
  }

  absl::StatusOr<uint8_t> Byte() {
    if (position_ == bytes_.size()) return absl::DataLossError("Thrift: cut off");
    return static_cast<uint8_t>(bytes_[position_++]);
  }

  absl::StatusOr<uint64_t> Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      STRATA_ASSIGN_OR_RETURN(const uint8_t byte, Byte());
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    return absl::DataLossError("Thrift: an integer of more than 64 bits");
  }

  absl::StatusOr<int64_t> ZigZag() {
    STRATA_ASSIGN_OR_RETURN(const uint64_t value, Varint());
    return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
  }

  absl::StatusOr<absl::string_view> Take(uint64_t num_bytes) {
    if (num_bytes > bytes_.size() - position_) return absl::DataLossError("Thrift: cut off");
    const absl::string_view taken = bytes_.substr(position_, num_bytes);
    position_ += num_bytes;
    return taken;
  }

  absl::StatusOr<ThriftValue> List(int depth) {
    STRATA_RETURN_IF_ERROR(Count(depth));
    STRATA_ASSIGN_OR_RETURN(const uint8_t header, Byte());
    uint64_t size = header >> 4;
    if (size == 15) {
      STRATA_ASSIGN_OR_RETURN(size, Varint());
    }
    if (size > bytes_.size() - position_) {  // each element takes a byte at least
      return absl::DataLossError(absl::StrCat("Thrift: a list of ", size, " elements is cut off"));
    }
    const auto type = static_cast<WireType>(header & 0x0f);
    ThriftValue value = {.kind = ThriftValue::Kind::kList};
    for (uint64_t i = 0; i < size; ++i) {
      STRATA_ASSIGN_OR_RETURN(ThriftValue element, Value(type, depth));
      value.elements.push_back(std::move(element));
    }
    return value;
  }

  absl::StatusOr<ThriftValue> Value(WireType type, int depth) {
    STRATA_RETURN_IF_ERROR(Count(depth));
    ThriftValue value;
    switch (type) {
      case WireType::kTrue:  // in lists, where a byte holds the value
      case WireType::kFalse: {
        STRATA_ASSIGN_OR_RETURN(const uint8_t byte, Byte());
        value.integer = byte == 1 ? 1 : 0;
        return value;
      }
      case WireType::kByte: {
        STRATA_ASSIGN_OR_RETURN(const uint8_t byte, Byte());
        value.integer = static_cast<int8_t>(byte);
        return value;
      }
      case WireType::kInt16:
      case WireType::kInt32:
      case WireType::kInt64: {
        STRATA_ASSIGN_OR_RETURN(value.integer, ZigZag());
        return value;
      }
      case WireType::kDouble: {
        value.kind = ThriftValue::Kind::kBytes;
        STRATA_ASSIGN_OR_RETURN(value.bytes, Take(8));
        return value;
      }
      case WireType::kBinary: {
        value.kind = ThriftValue::Kind::kBytes;
        STRATA_ASSIGN_OR_RETURN(const uint64_t size, Varint());
        STRATA_ASSIGN_OR_RETURN(value.bytes, Take(size));
        return value;
      }
      case WireType::kList:
      case WireType::kSet:
        return List(depth + 1);
      case WireType::kStruct:
        return Struct(depth + 1);
    }
    return absl::DataLossError(
        absl::StrCat("Thrift: type ", static_cast<int>(type), " is not Parquet's"));
  }

  const absl::string_view bytes_;
  size_t position_ = 0;
  int64_t num_values_ = 0;
};

absl::Status Missing(int64_t field_id, absl::string_view name) {
  return absl::DataLossError(
      absl::StrCat("'", name, "' (Thrift field ", field_id, ") is missing or of another type"));
}

}  // namespace

const ThriftValue* ThriftValue::Field(int64_t field_id) const {
  const auto it = std::lower_bound(field_ids.begin(), field_ids.end(), field_id);
  if (it == field_ids.end() || *it != field_id) return nullptr;
  return &elements[static_cast<size_t>(it - field_ids.begin())];
}

absl::StatusOr<const ThriftValue*> ThriftValue::Child(int64_t field_id, Kind child_kind,
                                                      absl::string_view name) const {
  const ThriftValue* field = Field(field_id);
  if (field == nullptr || field->kind != child_kind) return Missing(field_id, name);
  return field;
}

absl::StatusOr<int64_t> ThriftValue::Integer(int64_t field_id, absl::string_view name) const {
  STRATA_ASSIGN_OR_RETURN(const ThriftValue* field, Child(field_id, Kind::kInteger, name));
  return field->integer;
}

absl::StatusOr<absl::string_view> ThriftValue::Bytes(int64_t field_id,
                                                     absl::string_view name) const {
  STRATA_ASSIGN_OR_RETURN(const ThriftValue* field, Child(field_id, Kind::kBytes, name));
  return field->bytes;
}

absl::StatusOr<int64_t> ThriftValue::IntegerOr(int64_t field_id, int64_t otherwise,
                                               absl::string_view name) const {
  if (Field(field_id) == nullptr) return otherwise;
  return Integer(field_id, name);
}

absl::StatusOr<ParsedThrift> ParseThriftStruct(absl::string_view bytes) {
  Parser parser(bytes);
  STRATA_ASSIGN_OR_RETURN(ThriftValue root, parser.Struct(1));
  return ParsedThrift{.root = std::move(root), .num_bytes = parser.position()};
}

}  // namespace strata
