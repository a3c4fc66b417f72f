// Whole small files in and out of memory: configs, tokenizers, results. Weights never pass here.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

// The bytes of a regular file. NotFound; InvalidArgument (a directory, a device);
// ResourceExhausted when it is larger than `max_bytes`; DataLoss when reading fails.
absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes = 1 << 30);

// Replaces `path` with `contents` atomically (a temporary beside it, fsync, rename), so a reader
// or a crash sees the old file or the new one. Errors name the path.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view contents);

}  // namespace strata
