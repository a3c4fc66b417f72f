// The operations that work row by row, on the CPU.
#include <cmath>
#include <limits>

#include "tests/kernels/cpu/cpu_backends.h"
#include "tests/support/cases/row_op_cases.h"

namespace strata::test {
namespace {

using CpuRowOpsTest = CpuTest;

TEST_P(CpuRowOpsTest, MatchTheOracleWithAnyThreads) {
  for (const RowOpCase& c : RowOpCases()) ExpectCorrect<RowOpProblem>(c);
}

TEST_P(CpuRowOpsTest, BitsDoNotDependOnTheBatch) {
  for (RowOpCase c : RowOpCases()) {
    if (c.num_rows < 2) continue;
    SCOPED_TRACE(c.ToString());
    RowOpProblem whole(c);
    RowOpProblem parts(c);
    ASSERT_TRUE(whole.Run(With(2)).ok());
    for (int64_t row = 0; row < c.num_rows; ++row) {
      ASSERT_TRUE(parts.RunRows(With(1), row, row + 1).ok());
    }
    EXPECT_TRUE(parts.Bits() == whole.Bits());
  }
}

TEST_P(CpuRowOpsTest, RopeMatchesTheOracle) {
  for (const RopeCase& c : RopeCases()) ExpectCorrect<RopeProblem>(c);
}

TEST_P(CpuRowOpsTest, MergeAttentionMatchesTheOracle) {
  for (const MergeAttentionCase& c : MergeAttentionCases()) ExpectCorrect<MergeAttentionProblem>(c);
}

// The whole range of arguments, at a fine step: where the polynomials meet their ends.
TEST_P(CpuRowOpsTest, ActivationsOverTheirRange) {
  std::vector<double> xs = {0.0, -0.0, 1e-38, -1e-38, 1e-45, 65504.0, -65504.0, 1e30, -1e30};
  for (double x = -110.0; x <= 110.0; x += 0.00917) xs.push_back(x);
  const int64_t n = static_cast<int64_t>(xs.size());
  for (const Activation activation :
       {Activation::kRelu, Activation::kSilu, Activation::kGelu, Activation::kGeluTanh}) {
    TestTensor x(TestTensor::Role::kInput, DType::kF32, {1, n});
    TestTensor out(TestTensor::Role::kOutput, DType::kF32, {1, n});
    x.Fill(xs);
    const ActivateArgs args = {.x = x.view(), .activation = activation, .out = out.mutable_view()};
    const Expected expected = ExpectedActivate(args);
    ASSERT_TRUE(With(1).Activate(args).ok());
    EXPECT_TRUE(Matches(out.Values(), expected)) << static_cast<int>(activation);
  }
}

TEST_P(CpuRowOpsTest, ActivationsPassOnNan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Activation activation :
       {Activation::kRelu, Activation::kSilu, Activation::kGelu, Activation::kGeluTanh}) {
    std::vector<float> x = {nan, 1.0f, nan};
    const MutableTensorView view(x.data(), DType::kF32, {1, 3});
    ASSERT_TRUE(With(1).Activate({.x = view, .activation = activation, .out = view}).ok());
    EXPECT_TRUE(std::isnan(x[0])) << static_cast<int>(activation);
    EXPECT_FALSE(std::isnan(x[1])) << static_cast<int>(activation);
    EXPECT_TRUE(std::isnan(x[2])) << static_cast<int>(activation);
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, CpuRowOpsTest, AllIsas(), IsaName);

}  // namespace
}  // namespace strata::test
