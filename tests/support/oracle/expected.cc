#include "tests/support/oracle/expected.h"

namespace strata::test {

double RoundoffOf(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 0x1p-24;
    case DType::kF16:
      return 0x1p-11;
    default:
      STRATA_CHECK(dtype == DType::kBF16, "the roundoff of another format");
      return 0x1p-8;
  }
}

testing::AssertionResult Matches(const std::vector<double>& actual, const Expected& expected) {
  if (actual.size() != expected.values.size()) {
    return testing::AssertionFailure()
           << "expected " << expected.values.size() << " elements, got " << actual.size();
  }
  double worst = 1.0;
  size_t worst_index = actual.size();
  size_t num_wrong = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double wanted = expected.values[i];
    const bool both_nan = std::isnan(wanted) && std::isnan(actual[i]);
    if (both_nan || actual[i] == wanted) continue;
    const double distance = std::fabs(actual[i] - wanted);
    // Written so that a NaN on one side only is infinitely wrong.
    const double ratio = distance <= expected.bounds[i] ? distance / expected.bounds[i]
                         : std::isnan(distance)         ? INFINITY
                                                        : distance / expected.bounds[i];
    if (ratio <= 1.0) continue;
    ++num_wrong;
    if (ratio > worst || worst_index == actual.size()) {
      worst = ratio;
      worst_index = i;
    }
  }
  if (num_wrong == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << num_wrong << " of " << actual.size() << " elements are wrong; the worst is element "
         << worst_index << ": expected " << expected.values[worst_index] << ", got "
         << actual[worst_index] << ", bound " << expected.bounds[worst_index] << " (" << worst
         << " times the bound)";
}

}  // namespace strata::test
