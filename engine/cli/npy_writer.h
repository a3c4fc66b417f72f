// Writes float32 matrices in NumPy's .npy format (version 1.0).
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace strata {

// `values` [num_rows, num_columns], row-major. Errors name the path.
absl::Status WriteNpy(const std::string& path, absl::Span<const float> values, int64_t num_rows,
                      int64_t num_columns);

}  // namespace strata
