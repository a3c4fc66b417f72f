#include "tests/support/cases/top_logits_cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "tests/support/test_tensor.h"

namespace strata::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

void ExpectRow(const TopLogitsArgs& args, int64_t row) {
  const float* logits = args.logits.Row<float>(row);
  std::vector<int32_t> ids(static_cast<size_t>(args.logits.num_columns()));
  std::iota(ids.begin(), ids.end(), 0);
  std::sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) {
    if (std::isnan(logits[a]) != std::isnan(logits[b])) return std::isnan(logits[b]);
    if (std::isnan(logits[a]) || logits[a] == logits[b]) return a < b;
    return logits[a] > logits[b];
  });
  double mass = 0.0;
  for (const int32_t id : ids) {
    if (std::isnan(logits[id])) continue;
    mass += std::exp((double{logits[id]} - logits[ids[0]]) /
                     double{args.temperatures[static_cast<size_t>(row)]});
  }
  for (int64_t i = 0; i < args.ids.num_columns(); ++i) {
    const int32_t id = ids[static_cast<size_t>(i)];
    EXPECT_EQ(args.ids.Row<int32_t>(row)[i], id) << "row " << row << " place " << i;
    const float value = args.values.Row<float>(row)[i];
    EXPECT_TRUE(value == logits[id] || (std::isnan(value) && std::isnan(logits[id])));
  }
  const float got = args.mass.Row<float>(row)[0];
  if (std::isfinite(logits[ids[0]])) {
    EXPECT_NEAR(got, mass, 1e-5 * mass) << "row " << row;
  } else {
    EXPECT_TRUE(std::isnan(got));
  }
}

// The top `count` of each row of `logits`, against a sort of the row.
void ExpectTop(Backend& backend, const std::vector<double>& logits, int64_t num_rows,
               int64_t count) {
  const int64_t vocab_size = static_cast<int64_t>(logits.size()) / num_rows;
  SCOPED_TRACE(testing::Message() << count << " of " << vocab_size);
  const Placement gaps = {.row_gap = 3, .offset = 1};
  TestTensor x(TestTensor::Role::kInput, DType::kF32, {num_rows, vocab_size}, gaps);
  TestTensor values(TestTensor::Role::kOutput, DType::kF32, {num_rows, count}, gaps);
  TestTensor mass(TestTensor::Role::kOutput, DType::kF32, {num_rows, 1}, gaps);
  std::vector<int32_t> ids(static_cast<size_t>(num_rows * count), -1);
  std::vector<float> temperatures;
  for (int64_t row = 0; row < num_rows; ++row) {
    temperatures.push_back(std::array{1.0f, 0.7f, 2.5f}[static_cast<size_t>(row % 3)]);
  }
  x.Fill(logits);
  const TopLogitsArgs args = {.logits = x.view(),
                              .temperatures = temperatures,
                              .ids = MutableTensorView(ids.data(), DType::kI32, {num_rows, count}),
                              .values = values.mutable_view(),
                              .mass = mass.mutable_view()};
  const absl::Status status = backend.TopLogits(args);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(values.Untouched());
  EXPECT_TRUE(mass.Untouched());
  for (int64_t row = 0; row < num_rows; ++row) ExpectRow(args, row);
}

}  // namespace

void ExpectTopLogitsMatchASort(Backend& backend) {
  for (const auto& [num_rows, vocab_size, count] : std::initializer_list<std::array<int64_t, 3>>{
           {1, 1, 1}, {2, 7, 7}, {3, 511, 1}, {2, 513, 40}, {1, 3001, 256}}) {
    TestTensor x(TestTensor::Role::kInput, DType::kF32, {num_rows, vocab_size});
    x.FillNormal(static_cast<uint32_t>(vocab_size), 4.0);
    ExpectTop(backend, x.Values(), num_rows, count);
  }
}

void ExpectTiesGoToTheLowerId(Backend& backend) {
  ExpectTop(backend, std::vector<double>(1000, 0.5), 1, 37);
  std::vector<double> logits(600);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<double>(i % 3) - 1.0;
  ExpectTop(backend, logits, 1, 250);
  logits[5] = -0.0;  // as its neighbours of 0
  ExpectTop(backend, logits, 2, 150);
}

void ExpectMinusInfinityAndNanComeLast(Backend& backend) {
  std::vector<double> logits(100, -kInfinity);
  ExpectTop(backend, logits, 1, 3);
  logits[40] = NAN;
  logits[70] = -1e30;
  logits[90] = 3.0;
  ExpectTop(backend, logits, 1, 5);
  ExpectTop(backend, logits, 1, 100);
}

}  // namespace strata::test
