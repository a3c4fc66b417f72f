// Passes as CUDA graphs on a GPU: the bits of a pass are those of its operations, with other host
// data and other kernels from pass to pass. Skipped without a device.
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/base/status.h"
#include "kernels/cuda/cuda_backend.h"

namespace strata {
namespace {

constexpr int64_t kRows = 5;
constexpr int64_t kColumns = 256;
constexpr int64_t kCount = 16;

class GraphPassTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<CudaParts> parts = CreateCuda({});
    if (!parts.ok()) GTEST_SKIP() << parts.status();
    parts_ = *std::move(parts);
    std::vector<float> values(kColumns * kColumns);
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    for (float& value : values) value = normal(random);
    table_ = OnDevice(values);
    hidden_ = OnDevice(std::vector<float>(kRows * kColumns));
    logits_ = OnDevice(std::vector<float>(kRows * kColumns));
    result_ = OnDevice(std::vector<float>(kRows * (2 * kCount + 1)));
  }

  Buffer OnDevice(const std::vector<float>& values) {
    const int64_t bytes = static_cast<int64_t>(values.size() * sizeof(float));
    Buffer buffer = *parts_.device->Allocate(bytes);
    EXPECT_TRUE(parts_.device
                    ->Write(buffer.data(), reinterpret_cast<const std::byte*>(values.data()), bytes)
                    .ok());
    return buffer;
  }
  static MutableTensorView View(const Buffer& buffer, const Shape& shape, int64_t offset = 0,
                                DType dtype = DType::kF32) {
    return MutableTensorView(buffer.data() + offset * 4, dtype, shape);
  }

  // Gathers rows, multiplies them `num_products` times, and takes the candidates.
  absl::Status Issue(int pass, int num_products) {
    Backend& backend = *parts_.backend;
    const MutableTensorView hidden = View(hidden_, {kRows, kColumns});
    const MutableTensorView logits = View(logits_, {kRows, kColumns});
    std::vector<int32_t> rows(kRows);
    std::iota(rows.begin(), rows.end(), 7 * pass);
    STRATA_RETURN_IF_ERROR(backend.GatherRows(
        {.table = View(table_, {kColumns, kColumns}), .indices = rows, .out = hidden}));
    for (int i = 0; i < num_products; ++i) {
      STRATA_RETURN_IF_ERROR(backend.MatMul(
          {.x = hidden, .weight = View(table_, {kColumns, kColumns}), .out = logits}));
      STRATA_RETURN_IF_ERROR(
          backend.RmsNorm({.x = logits, .weight = View(table_, {kColumns}), .out = hidden}));
    }
    const std::vector<float> temperatures(kRows, 1.0f + 0.1f * static_cast<float>(pass));
    return backend.TopLogits({.logits = hidden,
                              .temperatures = temperatures,
                              .ids = View(result_, {kRows, kCount}, 0, DType::kI32),
                              .values = View(result_, {kRows, kCount}, kRows * kCount),
                              .mass = View(result_, {kRows, 1}, 2 * kRows * kCount)});
  }

  std::vector<uint32_t> Result() {
    EXPECT_TRUE(parts_.backend->Record().Synchronize().ok());
    std::vector<uint32_t> result(kRows * (2 * kCount + 1));
    EXPECT_TRUE(parts_.device
                    ->CopyOut(reinterpret_cast<std::byte*>(result.data()), result_.data(),
                              static_cast<int64_t>(result.size() * 4))
                    .Synchronize()
                    .ok());
    return result;
  }

  CudaParts parts_;
  Buffer table_, hidden_, logits_, result_;
};

TEST_F(GraphPassTest, HasTheBitsOfItsOperations) {
  for (int pass = 0; pass < 12; ++pass) {
    const int num_products = 1 + pass / 4;  // other kernels every four passes
    ASSERT_TRUE(parts_.backend->BeginPass().ok());
    const absl::Status issued = Issue(pass, num_products);
    ASSERT_TRUE(issued.ok()) << issued;
    const absl::Status started = parts_.backend->EndPass();
    ASSERT_TRUE(started.ok()) << started;
    const std::vector<uint32_t> by_graph = Result();
    ASSERT_TRUE(Issue(pass, num_products).ok());
    EXPECT_EQ(by_graph, Result()) << "pass " << pass;
  }
}

}  // namespace
}  // namespace strata
