// MatMul, its CUDA bodies emulated.
#include "kernels/cuda/mat_mul_launch.h"
#include "tests/kernels/cuda/emulated_backends.h"
#include "tests/support/cases/mat_mul_cases.h"

namespace strata::test {
namespace {

using CudaMatMulTest = CudaTest;

TEST_P(CudaMatMulTest, MatchesTheOracle) {
  std::vector<MatMulCase> cases = MatMulCases();
  // Tensor cores want rows at multiples of 16 bytes: around their tiles, with columns behind them.
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    for (const auto& [rows, in_dim, out_dim] : std::initializer_list<std::array<int64_t, 3>>{
             {1, 8, 1}, {3, 120, 33}, {16, 128, 32}, {17, 136, 31}, {64, 192, 64}, {65, 64, 65}}) {
      cases.push_back({.num_rows = rows,
                       .in_dim = in_dim,
                       .out_dim = out_dim,
                       .weight_dtype = dtype,
                       .bias_dtype = dtype,
                       .residual = Residual::kSeparate,
                       .placement = {.row_gap = 8, .offset = 8}});
    }
  }
  for (const MatMulCase& c : cases) {
    SCOPED_TRACE(c.ToString());
    MatMulProblem problem(c);
    const Expected expected = problem.Oracle(cuda::MatMulOperands(problem.Args(0, c.num_rows), 90));
    const absl::Status status = problem.Run(backend());
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(Matches(problem.Values(), expected));
    EXPECT_TRUE(problem.Untouched());
  }
}

// A row gives the same bits alone, in a few rows and in many.
TEST_P(CudaMatMulTest, BitsDoNotDependOnTheBatch) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kInt8Weights64, DType::kInt4Weights64,
                            DType::kInt4Weights128}) {
    const MatMulCase c = {.num_rows = 70,
                          .in_dim = 200,
                          .out_dim = 37,
                          .weight_dtype = dtype,
                          .bias_dtype = DType::kBF16,
                          .residual = Residual::kSeparate};
    MatMulProblem whole(c);
    ASSERT_TRUE(whole.Run(backend()).ok());
    for (const int64_t rows : {1, 5, 9, 16, 33}) {
      MatMulProblem parts(c);
      for (int64_t begin = 0; begin < c.num_rows; begin += rows) {
        ASSERT_TRUE(
            parts.RunRows(backend(), begin, std::min<int64_t>(c.num_rows, begin + rows)).ok());
      }
      EXPECT_TRUE(parts.Bits() == whole.Bits()) << rows << " rows at a time";
    }
  }
}

// What compute-sanitizer runs of this, in seconds: every kernel once.
TEST_P(CudaMatMulTest, SmallCases) {
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kInt8Weights64, DType::kInt4Weights128}) {
    for (const int64_t rows : {3, 16, 24, 40, 70}) {
      const MatMulCase c = {.num_rows = rows,
                            .in_dim = 136,
                            .out_dim = 40,
                            .weight_dtype = dtype,
                            .bias_dtype = DType::kBF16,
                            .residual = Residual::kSeparate};
      SCOPED_TRACE(c.ToString());
      MatMulProblem problem(c);
      const Expected expected = problem.Oracle(cuda::MatMulOperands(problem.Args(0, rows), 90));
      ASSERT_TRUE(problem.Run(backend()).ok());
      EXPECT_TRUE(Matches(problem.Values(), expected));
      EXPECT_TRUE(problem.Untouched());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Order, CudaMatMulTest, AllOrders(), OrderName);

}  // namespace
}  // namespace strata::test
