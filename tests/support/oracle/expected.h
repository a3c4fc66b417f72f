// Expected: what an operation should give, computed naively in double, and how far a result in
// float may be from it, element by element. The bounds follow from the unit roundoff, the number
// of terms of a sum and the magnitudes that were summed, so a lost or doubled term is found.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/base/tensor_view.h"

namespace strata::test {

// Half the distance of 1.0f to the next float.
inline constexpr double kRoundoff = 0x1p-24;

// Roundoff of a stored format.
double RoundoffOf(DType dtype);

// Bound of the error of a float sum of `count` products whose magnitudes add up to `magnitude`.
// Errors of single steps are independent, so they grow like a random walk; 8 covers short sums.
inline double SumBound(int64_t count, double magnitude) {
  return kRoundoff * (8.0 + 2.0 * std::sqrt(static_cast<double>(count))) * magnitude;
}

struct Expected {
  std::vector<double> values;  // of all elements, in the order of flattened rows
  std::vector<double> bounds;  // |actual - value| <= bound

  void Add(double value, double bound) {
    values.push_back(value);
    bounds.push_back(bound);
  }
};

// Compares `actual` with `expected`. A failure names the worst element: its index, what was
// expected and given, and the bound. NaN agrees with NaN, infinity with the same infinity.
testing::AssertionResult Matches(const std::vector<double>& actual, const Expected& expected);

}  // namespace strata::test
