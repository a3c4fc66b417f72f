// Integers as Parquet's PLAIN encoding and its lengths have them: little-endian, unaligned.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace strata {

// The first `num_bytes` (at most 8) of `bytes`, which has them, as a number.
inline uint64_t ReadLittleEndian(absl::string_view bytes, size_t num_bytes) {
  uint64_t value = 0;
  for (size_t i = num_bytes; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

inline uint64_t ReadUint32(absl::string_view bytes) { return ReadLittleEndian(bytes, 4); }

}  // namespace strata
