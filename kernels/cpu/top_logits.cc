#include "kernels/cpu/top_logits.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace strata::cpu {

void TopLogitsOfRow(const TopLogitsArgs& args, int64_t row) {
  const float* const logits = args.logits.Row<float>(row);
  const auto more_likely = [logits](int32_t a, int32_t b) {
    const bool a_is_nan = std::isnan(logits[a]);
    const bool b_is_nan = std::isnan(logits[b]);
    if (a_is_nan || b_is_nan) return a_is_nan != b_is_nan ? b_is_nan : a < b;
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  };
  std::vector<int32_t> ids(static_cast<size_t>(args.logits.num_columns()));
  std::iota(ids.begin(), ids.end(), 0);
  const int64_t count = args.ids.num_columns();
  std::nth_element(ids.begin(), ids.begin() + (count - 1), ids.end(), more_likely);
  std::sort(ids.begin(), ids.begin() + count, more_likely);
  for (int64_t i = 0; i < count; ++i) {
    const int32_t id = ids[static_cast<size_t>(i)];
    args.ids.MutableRow<int32_t>(row)[i] = id;
    args.values.MutableRow<float>(row)[i] = logits[id];
  }
  const float best = logits[ids[0]];
  const float temperature = args.temperatures[static_cast<size_t>(row)];
  double mass = 0.0;
  for (int64_t id = 0; id < args.logits.num_columns(); ++id) {
    if (!std::isnan(logits[id])) mass += std::exp((double{logits[id]} - best) / temperature);
  }
  args.mass.MutableRow<float>(row)[0] = static_cast<float>(mass);
}

}  // namespace strata::cpu
