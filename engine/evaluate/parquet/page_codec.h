// The compressions of Parquet's pages, each by its own library.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/evaluate/parquet/parquet_metadata.h"

namespace strata {

// The bytes that `compressed` stands for, which the page's header says are `size_bytes`; DataLoss
// when they are not. Allocates `size_bytes`, which the caller has bounded.
absl::StatusOr<std::string> Decompress(ParquetCodec codec, absl::string_view compressed,
                                       int64_t size_bytes);

// The CRC-32 (as gzip's) of bytes: what a page's header may give of the page.
uint32_t Crc32(absl::string_view bytes);

}  // namespace strata
