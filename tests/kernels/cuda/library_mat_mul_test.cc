// Products by a library: what our kernels do around it, emulated, with a library of the host's.
#include "kernels/cuda/library_mat_mul.h"

#include <set>
#include <vector>

#include "kernels/base/half.h"
#include "kernels/cuda/mat_mul_launch.h"
#include "tests/kernels/cuda/emulated_backends.h"
#include "tests/support/cases/mat_mul_cases.h"
#include "tests/support/cuda_emulation/emulated_context.h"

namespace strata::test {
namespace {

// Multiplies in double, or refuses.
class HostLibrary final : public cuda::ProductLibrary {
 public:
  absl::Status Multiply(const cuda::LibraryProduct& product,
                        cuda::LaunchContext& /*context*/) override {
    products.push_back(product);
    if (refuses) return absl::UnimplementedError("no algorithm");
    for (int64_t row = 0; row < product.num_rows; ++row) {
      for (int64_t out = 0; out < product.out_dim; ++out) {
        double sum = product.bias == nullptr ? 0.0 : product.bias[out];
        if (product.residual != nullptr)
          sum += product.residual[row * product.residual_stride + out];
        for (int64_t k = 0; k < product.in_dim; ++k) {
          sum += Element(product.x, product.dtype, row * product.x_stride + k) *
                 Element(product.weight, product.dtype, out * product.weight_stride + k);
        }
        product.out[row * product.out_stride + out] = static_cast<float>(sum);
      }
    }
    return absl::OkStatus();
  }

  bool refuses = false;
  std::vector<cuda::LibraryProduct> products;

 private:
  static double Element(const void* data, DType dtype, int64_t index) {
    if (dtype == DType::kF32) return static_cast<const float*>(data)[index];
    if (dtype == DType::kF16) return ToFloat(static_cast<const Float16*>(data)[index]);
    return ToFloat(static_cast<const BFloat16*>(data)[index]);
  }
};

class CudaLibraryMatMulTest : public testing::TestWithParam<cuda::emulation::ThreadOrder> {
 protected:
  // Runs the case through `library` in small pieces and compares with the oracle.
  void ExpectCorrect(const MatMulCase& c, HostLibrary& library) {
    SCOPED_TRACE(c.ToString());
    MatMulProblem problem(c);
    const MatMulArgs args = problem.Args(0, c.num_rows);
    ASSERT_TRUE(cuda::IsForLibrary(args, 90));
    const bool is_packed = !IsFloat(c.weight_dtype);
    const DType operands = library.refuses ? cuda::MatMulOperands(args, 90)
                           : is_packed     ? DType::kBF16
                                           : c.weight_dtype;
    const Expected expected = problem.Oracle(operands);
    cuda::EmulatedContext context(GetParam());
    // 64 rows and 64 outputs at a time.
    const absl::Status status = cuda::LaunchLibraryMatMul(
        args, library, context, {.rounded_bytes = 1, .unpacked_bytes = 1});
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(Matches(problem.Values(), expected));
    EXPECT_TRUE(problem.Untouched());
  }
};

std::vector<MatMulCase> Cases() {
  std::vector<MatMulCase> cases;
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kInt8Weights64, DType::kInt8Weights128,
        DType::kInt4Weights64, DType::kInt4Weights128}) {
    for (const bool plain : {false, true}) {
      const bool is_16_bits = dtype == DType::kF16 || dtype == DType::kBF16;
      MatMulCase c = {
          .num_rows = 131, .in_dim = is_16_bits ? 72 : 77, .out_dim = 130, .weight_dtype = dtype};
      if (!plain) {
        c.bias_dtype = DType::kBF16;
        c.residual = Residual::kInPlace;
      }
      cases.push_back(c);
    }
  }
  return cases;
}

TEST_P(CudaLibraryMatMulTest, MatchesTheOracle) {
  for (const MatMulCase& c : Cases()) {
    HostLibrary library;
    ExpectCorrect(c, library);
    // Pieces of 64, 64 and 3 rows; of 64, 64 and 2 outputs where weights are unpacked.
    std::set<std::pair<int64_t, int64_t>> extents;
    for (const cuda::LibraryProduct& product : library.products) {
      extents.insert({product.num_rows, product.out_dim});
      EXPECT_EQ(product.in_dim, c.in_dim);
    }
    const bool is_packed = !IsFloat(c.weight_dtype);
    EXPECT_EQ(library.products.size(), is_packed ? 9u : 3u);
    EXPECT_EQ(extents.count({64, is_packed ? 64 : 130}), 1u);
  }
}

TEST_P(CudaLibraryMatMulTest, OwnKernelsTakeWhatTheLibraryRefuses) {
  for (const MatMulCase& c : Cases()) {
    if (!c.bias_dtype.has_value()) continue;
    HostLibrary library;
    library.refuses = true;
    ExpectCorrect(c, library);
  }
}

TEST(LibraryMatMulTest, FewRowsAndFormatsWithoutAProductAreNotForIt) {
  const auto is_for_library = [](int64_t rows, int64_t in_dim, DType dtype, int sm_version) {
    MatMulProblem problem(
        {.num_rows = rows, .in_dim = in_dim, .out_dim = 3, .weight_dtype = dtype});
    return cuda::IsForLibrary(problem.Args(0, rows), sm_version);
  };
  EXPECT_FALSE(is_for_library(64, 8, DType::kBF16, 90));
  EXPECT_TRUE(is_for_library(65, 8, DType::kBF16, 90));
  EXPECT_FALSE(is_for_library(65, 0, DType::kF32, 90));
  EXPECT_TRUE(is_for_library(65, 8, DType::kInt4Weights64, 80));
  EXPECT_FALSE(is_for_library(65, 8, DType::kInt4Weights64, 75));
  EXPECT_FALSE(is_for_library(65, 8, DType::kBF16, 75));
  EXPECT_FALSE(is_for_library(65, 9, DType::kF16, 90));  // not at multiples of 16 bytes
}

INSTANTIATE_TEST_SUITE_P(Order, CudaLibraryMatMulTest,
                         testing::ValuesIn(cuda::emulation::kThreadOrders), OrderName);

}  // namespace
}  // namespace strata::test
