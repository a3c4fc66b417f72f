// What stands before each page of a column chunk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

enum class PageKind { kData, kIndex, kDictionary, kDataV2 };  // in the format's order

enum class PageEncoding { kPlain, kDictionary };

struct PageHeader {
  PageKind kind = PageKind::kData;
  int64_t size_bytes = 0;             // decompressed
  int64_t compressed_size_bytes = 0;  // as it lies in the file
  std::optional<uint32_t> crc;        // of those bytes
  int64_t num_values = 0;             // nulls included; 0 for an index page
  PageEncoding encoding = PageEncoding::kPlain;
  // Version 2 alone: levels lie before the values and are never compressed.
  int64_t definition_levels_bytes = 0;
  int64_t repetition_levels_bytes = 0;
  bool are_values_compressed = true;

  size_t header_bytes = 0;
};

// The header at the beginning of `bytes`. DataLoss: broken, or sizes below zero or above 2^31 - 1;
// Unimplemented: an encoding that is not read, by its number.
absl::StatusOr<PageHeader> ParsePageHeader(absl::string_view bytes);

}  // namespace strata
