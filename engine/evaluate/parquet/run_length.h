// Parquet's hybrid of run lengths and packed bits, which levels and dictionary indices are in.
//
// Source: the Parquet specification, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid".
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

// Exactly `num_values` numbers of `bit_width` (0 to 32) bits each, which the caller has bounded.
// DataLoss: the bytes end before, or a run is longer than what is left (packed runs may be, to
// their next multiple of 8).
absl::StatusOr<std::vector<uint32_t>> DecodeRunLength(absl::string_view bytes, int bit_width,
                                                      int64_t num_values);

}  // namespace strata
