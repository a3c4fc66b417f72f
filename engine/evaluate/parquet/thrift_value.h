// Thrift's compact protocol, as Parquet's footer and page headers are written in, read into a tree.
//
// Only what a reader of Parquet meets: structs, lists, integers, booleans, bytes. Bounded: nesting,
// number of values, and every length are checked against the bytes that are there, so any bytes
// give a tree or DataLoss. Views in the tree point into the input. Source: the Thrift compact
// protocol specification (thrift/doc/specs/thrift-compact-protocol.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

struct ThriftValue {
  enum class Kind { kInteger, kBytes, kList, kStruct };  // a boolean is the integer 0 or 1

  Kind kind = Kind::kInteger;
  int64_t integer = 0;
  absl::string_view bytes;            // of the input
  std::vector<ThriftValue> elements;  // of a list; a struct's fields in the order of field_ids
  std::vector<int64_t> field_ids;     // of a struct, rising; empty otherwise

  // The field of a struct; null when it is absent or this is no struct.
  const ThriftValue* Field(int64_t field_id) const;

  // A field that must be there and of that kind; DataLoss naming `name` otherwise.
  absl::StatusOr<int64_t> Integer(int64_t field_id, absl::string_view name) const;
  absl::StatusOr<absl::string_view> Bytes(int64_t field_id, absl::string_view name) const;
  absl::StatusOr<const ThriftValue*> Child(int64_t field_id, Kind kind,
                                           absl::string_view name) const;

  // A field that may be absent; DataLoss when it is there and no integer.
  absl::StatusOr<int64_t> IntegerOr(int64_t field_id, int64_t otherwise,
                                    absl::string_view name) const;
};

struct ParsedThrift {
  ThriftValue root;      // a struct
  size_t num_bytes = 0;  // that it took
};

// The struct at the beginning of `bytes`. DataLoss: cut off, nested deeper than 16, more than
// 2^20 values, field ids that do not rise, a type that Parquet does not use (map, uuid).
absl::StatusOr<ParsedThrift> ParseThriftStruct(absl::string_view bytes);

}  // namespace strata
