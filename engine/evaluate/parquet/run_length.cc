#include "engine/evaluate/parquet/run_length.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/evaluate/parquet/little_endian.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

absl::Status CutOff(size_t num_found, int64_t num_values) {
  return absl::DataLossError(
      absl::StrCat("levels or indices: expected ", num_values, ", cut off after ", num_found));
}

// The header of a run, a ULEB-128 number of at most 32 bits.
absl::StatusOr<uint32_t> TakeHeader(absl::string_view* bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    if (bytes->empty()) break;
    const uint8_t byte = static_cast<uint8_t>(bytes->front());
    bytes->remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0 && value <= UINT32_MAX) return static_cast<uint32_t>(value);
  }
  return absl::DataLossError("the header of a run is broken");
}

// Appends `count` numbers of `bit_width` bits, least significant bits first.
void Unpack(absl::string_view packed, int bit_width, size_t count, std::vector<uint32_t>& out) {
  const uint64_t mask = (uint64_t{1} << bit_width) - 1;
  uint64_t buffer = 0;
  int num_bits = 0;
  size_t position = 0;
  for (size_t i = 0; i < count; ++i) {
    while (num_bits < bit_width) {
      buffer |= static_cast<uint64_t>(static_cast<uint8_t>(packed[position++])) << num_bits;
      num_bits += 8;
    }
    out.push_back(static_cast<uint32_t>(buffer & mask));
    buffer >>= bit_width;
    num_bits -= bit_width;
  }
}

}  // namespace

absl::StatusOr<std::vector<uint32_t>> DecodeRunLength(absl::string_view bytes, int bit_width,
                                                      int64_t num_values) {
  STRATA_CHECK(0 <= bit_width && bit_width <= 32, "the caller checked the width");
  const size_t count = static_cast<size_t>(num_values);
  std::vector<uint32_t> values;
  values.reserve(count);
  while (values.size() < count) {
    if (bytes.empty()) return CutOff(values.size(), num_values);
    STRATA_ASSIGN_OR_RETURN(const uint32_t header, TakeHeader(&bytes));
    const size_t num_left = count - values.size();
    if ((header & 1) != 0) {  // groups of 8 numbers, packed
      const uint64_t packed_bytes = static_cast<uint64_t>(header >> 1) * bit_width;
      const uint64_t num_packed = static_cast<uint64_t>(header >> 1) * 8;
      if (num_packed == 0 || num_packed >= num_left + 8) {
        return absl::DataLossError(
            absl::StrCat("a packed run of ", num_packed, " numbers where ", num_left, " are left"));
      }
      if (packed_bytes > bytes.size()) return CutOff(values.size(), num_values);
      Unpack(bytes, bit_width, std::min<uint64_t>(num_packed, num_left), values);
      bytes.remove_prefix(packed_bytes);
      continue;
    }
    const size_t length = header >> 1;
    const size_t value_bytes = static_cast<size_t>(bit_width + 7) / 8;
    if (length == 0 || length > num_left) {
      return absl::DataLossError(
          absl::StrCat("a run of ", length, " numbers where ", num_left, " are left"));
    }
    if (value_bytes > bytes.size()) return CutOff(values.size(), num_values);
    const uint64_t value = ReadLittleEndian(bytes, value_bytes);
    if (value >> bit_width != 0) {
      return absl::DataLossError(
          absl::StrCat("a number of more than ", bit_width, " bits in a run"));
    }
    values.insert(values.end(), length, static_cast<uint32_t>(value));
    bytes.remove_prefix(value_bytes);
  }
  return values;
}

}  // namespace strata
