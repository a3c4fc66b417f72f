#include "offload/checkpoint/dummy_weights.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#include "kernels/base/half.h"
#include "tests/offload/checkpoint/checkpoint_test_support.h"

namespace strata {
namespace {

template <typename T>
std::vector<T> Make(const DummyTensor& tensor, int64_t first_element, size_t count) {
  std::vector<T> values(count);
  const absl::Status status = FillDummyWeights(
      tensor, first_element,
      absl::MakeSpan(reinterpret_cast<std::byte*>(values.data()), count * sizeof(T)));
  EXPECT_TRUE(status.ok()) << status;
  return values;
}

DummyTensor Tensor(const std::string& name, DType dtype) {
  return {.seed = 7, .name = name, .dtype = dtype};
}

TEST(DummyWeightsTest, HasTheMeanAndDeviationAskedFor) {
  DummyTensor tensor = Tensor("w", DType::kF32);
  tensor.standard_deviation = 0.5f;
  const auto values = Make<float>(tensor, 0, 1 << 20);
  double sum = 0;
  double squares = 0;
  double neighbours = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    sum += values[i];
    squares += static_cast<double>(values[i]) * values[i];
    if (i > 0) neighbours += static_cast<double>(values[i]) * values[i - 1];
    ASSERT_LE(std::abs(values[i]), 0.5f * 1.7321f);
  }
  // Five standard errors of each estimate: 0.5 / 2^10 for the mean, and alike for the others.
  const double count = static_cast<double>(values.size());
  EXPECT_NEAR(sum / count, 0, 5 * 0.5 / 1024);
  EXPECT_NEAR(std::sqrt(squares / count), 0.5, 5 * 0.5 / 1024);
  EXPECT_NEAR(neighbours / count, 0, 5 * 0.25 / 1024);
}

TEST(DummyWeightsTest, AnyPartIsMadeAlone) {
  const DummyTensor tensor = Tensor("w", DType::kBF16);
  const auto whole = Make<uint16_t>(tensor, 0, 10000);
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const size_t first = random() % whole.size();
    const size_t count = random() % (whole.size() - first + 1);
    const auto part = Make<uint16_t>(tensor, static_cast<int64_t>(first), count);
    ASSERT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + static_cast<ptrdiff_t>(first)))
        << first << " + " << count;
  }
}

TEST(DummyWeightsTest, DoesNotDependOnThreads) {
  const DummyTensor tensor = Tensor("w", DType::kF16);
  const auto whole = Make<uint16_t>(tensor, 0, 40001);
  std::vector<uint16_t> pieces(whole.size());
  std::vector<std::thread> threads;
  for (size_t first = 0; first < whole.size(); first += 10001) {
    threads.emplace_back([&, first] {
      const auto part = Make<uint16_t>(tensor, static_cast<int64_t>(first),
                                       std::min<size_t>(10001, whole.size() - first));
      std::copy(part.begin(), part.end(), pieces.begin() + static_cast<ptrdiff_t>(first));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pieces, whole);
}

TEST(DummyWeightsTest, NarrowFormatsHoldTheRoundedValues) {
  for (const float deviation : {0.02f, 1000.0f, 1e-6f, 1e-30f, 0.0f}) {  // f16: subnormals, zeros
    const auto make = [deviation](DType dtype) {
      return DummyTensor{.name = "w", .dtype = dtype, .standard_deviation = deviation};
    };
    const auto wide = Make<float>(make(DType::kF32), 3, 5000);
    const auto bfloat = Make<BFloat16>(make(DType::kBF16), 3, 5000);
    const auto half = Make<Float16>(make(DType::kF16), 3, 5000);
    for (size_t i = 0; i < wide.size(); ++i) {
      ASSERT_EQ(bfloat[i].bits, ToBFloat16(wide[i]).bits) << wide[i];
      ASSERT_EQ(half[i].bits, ToFloat16(wide[i]).bits) << wide[i];
    }
  }
}

// The bits are a promise: results of throughput experiments name a seed. Expected values are from
// an independent implementation with Python's unbounded integers.
TEST(DummyWeightsTest, KeepsItsBits) {
  const auto values =
      Make<uint16_t>({.seed = 1, .name = "model.norm.weight", .dtype = DType::kBF16}, 0, 5);
  EXPECT_EQ(values, (std::vector<uint16_t>{0xbc66, 0x3c83, 0x3bf5, 0x3c18, 0xbcc0}));
}

TEST(DummyWeightsTest, NamesAndSeedsDiffer) {
  const auto base = Make<float>({.seed = 1, .name = "a", .dtype = DType::kF32}, 0, 1000);
  EXPECT_EQ(base, Make<float>({.seed = 1, .name = "a", .dtype = DType::kF32}, 0, 1000));
  for (const DummyTensor& other : {DummyTensor{.seed = 1, .name = "b", .dtype = DType::kF32},
                                   DummyTensor{.seed = 2, .name = "a", .dtype = DType::kF32},
                                   DummyTensor{.seed = 1, .name = "", .dtype = DType::kF32}}) {
    const auto values = Make<float>(other, 0, 1000);
    int equal = 0;
    for (size_t i = 0; i < values.size(); ++i) equal += values[i] == base[i];
    EXPECT_LT(equal, 5);
  }
}

TEST(DummyWeightsTest, WorksAtTheFarEndOfATensor) {
  const auto values =
      Make<float>(Tensor("w", DType::kF32), std::numeric_limits<int64_t>::max() - 7, 7);
  for (const float value : values) EXPECT_LE(std::abs(value), 0.02f * 1.7321f);
}

TEST(DummyWeightsTest, WritesOnlyItsBytesAndUnaligned) {
  std::vector<std::byte> buffer(1 + 3 * 4 + 1, std::byte{0xa5});
  ASSERT_TRUE(
      FillDummyWeights(Tensor("w", DType::kF32), 1, absl::MakeSpan(buffer).subspan(1, 12)).ok());
  EXPECT_EQ(buffer.front(), std::byte{0xa5});
  EXPECT_EQ(buffer.back(), std::byte{0xa5});
  const auto expected = Make<float>(Tensor("w", DType::kF32), 1, 3);
  EXPECT_EQ(std::memcmp(buffer.data() + 1, expected.data(), 12), 0);
  EXPECT_TRUE(FillDummyWeights(Tensor("w", DType::kF32), 0, {}).ok());
}

TEST(DummyWeightsTest, FillsNormWeightsWithOnes) {
  DummyTensor tensor = Tensor("norm", DType::kF32);
  tensor.fill = DummyFill::kOnes;
  EXPECT_EQ(Make<float>(tensor, 5, 3), (std::vector<float>{1, 1, 1}));
  tensor.dtype = DType::kBF16;
  EXPECT_EQ(Make<uint16_t>(tensor, 0, 2), (std::vector<uint16_t>{0x3f80, 0x3f80}));
  tensor.dtype = DType::kF16;
  EXPECT_EQ(Make<uint16_t>(tensor, 0, 2), (std::vector<uint16_t>{0x3c00, 0x3c00}));
}

TEST(DummyWeightsTest, RefusesWhatItCannotFill) {
  std::vector<std::byte> buffer(8);
  ExpectError(FillDummyWeights(Tensor("w", DType::kI32), 0, absl::MakeSpan(buffer)),
              absl::StatusCode::kUnimplemented, {"'w'", "i32"});
  for (const float deviation :
       {-1.0f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    DummyTensor tensor = Tensor("w", DType::kF32);
    tensor.standard_deviation = deviation;
    ExpectError(FillDummyWeights(tensor, 0, absl::MakeSpan(buffer)),
                absl::StatusCode::kInvalidArgument, {"'w'", "standard deviation"});
  }
}

}  // namespace
}  // namespace strata
