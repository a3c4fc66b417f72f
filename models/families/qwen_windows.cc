#include "models/families/qwen_windows.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"

namespace strata {

absl::StatusOr<std::vector<int64_t>> QwenSlidingWindows(const ConfigReader& reader,
                                                        int64_t num_layers) {
  std::vector<int64_t> windows(static_cast<size_t>(num_layers), 0);
  STRATA_ASSIGN_OR_RETURN(const bool use, reader.BoolOr("use_sliding_window", false));
  if (!use) return windows;
  STRATA_ASSIGN_OR_RETURN(const int64_t window, reader.DimensionOr("sliding_window", 4096));
  if (reader.Has("layer_types")) {
    const nlohmann::json& types = reader.object()["layer_types"];
    if (!types.is_array() || types.size() != windows.size()) {
      return reader.Error("layer_types", absl::StrCat("expected a list of ", num_layers));
    }
    for (size_t layer = 0; layer < windows.size(); ++layer) {
      if (types[layer] == "sliding_attention") {
        windows[layer] = window;
      } else if (types[layer] != "full_attention") {
        return reader.Error("layer_types", "expected sliding_attention or full_attention");
      }
    }
    return windows;
  }
  int64_t first_window_layer = 28;  // the default of the published class
  if (reader.Has("max_window_layers")) {
    STRATA_ASSIGN_OR_RETURN(first_window_layer, GetInt(reader.object(), "max_window_layers", 0,
                                                       INT32_MAX, reader.origin()));
  }
  for (int64_t layer = first_window_layer; layer < num_layers; ++layer) {
    windows[static_cast<size_t>(layer)] = window;
  }
  return windows;
}

}  // namespace strata
