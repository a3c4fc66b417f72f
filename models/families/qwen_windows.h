// Sliding windows of the Qwen families: layers from max_window_layers on, if use_sliding_window, or
// as layer_types says.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "models/config_reader.h"

namespace strata {

// [num_layers] window per layer in positions, 0 for full attention.
absl::StatusOr<std::vector<int64_t>> QwenSlidingWindows(const ConfigReader& reader,
                                                        int64_t num_layers);

}  // namespace strata
