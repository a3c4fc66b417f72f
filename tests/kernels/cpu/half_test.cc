// Conversions between f32 and the 16-bit formats in the bodies, against the scalar ones of
// kernels/base/half.h, for every 16-bit value and around every rounding boundary.
#include <bit>
#include <cmath>
#include <vector>

#include "tests/kernels/cpu/cpu_backends.h"
#include "tests/support/cases/attention_cases.h"

namespace strata::test {
namespace {

using CpuHalfTest = CpuTest;

constexpr int64_t kNumHalves = 65536;

TEST_P(CpuHalfTest, WidensEveryValue) {
  std::vector<uint16_t> table(kNumHalves);
  for (size_t i = 0; i < table.size(); ++i) table[i] = static_cast<uint16_t>(i);
  const int32_t index = 0;
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    std::vector<float> out(kNumHalves);
    ASSERT_TRUE(
        With(1)
            .GatherRows({.table = TensorView(table.data(), dtype, {1, kNumHalves}),
                         .indices = absl::MakeConstSpan(&index, 1),
                         .out = MutableTensorView(out.data(), DType::kF32, {1, kNumHalves})})
            .ok());
    for (size_t i = 0; i < table.size(); ++i) {
      const float expected =
          dtype == DType::kF16 ? ToFloat(Float16{table[i]}) : ToFloat(BFloat16{table[i]});
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(out[i])) << i;
      } else {
        EXPECT_EQ(std::bit_cast<uint32_t>(out[i]), std::bit_cast<uint32_t>(expected)) << i;
      }
    }
  }
}

// Narrows values through AppendKv: one head of dimension 65536.
std::vector<uint16_t> Narrow(CpuBackend& backend, DType dtype, const std::vector<float>& values) {
  const int64_t n = static_cast<int64_t>(values.size());
  const KvLayout layout = {
      .dtype = dtype, .page_size = 1, .num_kv_heads = 1, .head_dim = n, .v_head_dim = 1};
  std::vector<uint16_t> page(values.size() + 1);
  void* const pages[] = {page.data()};
  const KvSequence sequence = {.pages = pages, .num_queries = 1};
  const float value = 0.0f;
  const absl::Status status =
      backend.AppendKv({.keys = TensorView(values.data(), DType::kF32, {1, 1, n}),
                        .values = TensorView(&value, DType::kF32, {1, 1, 1}),
                        .kv = {layout, absl::MakeConstSpan(&sequence, 1)}});
  EXPECT_TRUE(status.ok()) << status;
  page.pop_back();
  return page;
}

TEST_P(CpuHalfTest, NarrowsEveryValueAndEveryTie) {
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    std::vector<float> values;
    for (uint32_t i = 0; i < kNumHalves; ++i) {
      const uint16_t bits = static_cast<uint16_t>(i);
      const float exact = dtype == DType::kF16 ? ToFloat(Float16{bits}) : ToFloat(BFloat16{bits});
      const uint32_t exact_bits = std::bit_cast<uint32_t>(exact);
      // The value, its neighbours in float, and what lies around half way to the next.
      const uint32_t half_way = dtype == DType::kF16 ? 0x1000u : 0x8000u;
      for (const uint32_t offset : {0u, 1u, half_way - 1, half_way, half_way + 1}) {
        values.push_back(std::bit_cast<float>(exact_bits + offset));
      }
    }
    const std::vector<uint16_t> narrow = Narrow(With(1), dtype, values);
    for (size_t i = 0; i < values.size(); ++i) {
      const uint16_t expected =
          dtype == DType::kF16 ? ToFloat16(values[i]).bits : ToBFloat16(values[i]).bits;
      if (std::isnan(values[i])) {
        const float back =
            dtype == DType::kF16 ? ToFloat(Float16{narrow[i]}) : ToFloat(BFloat16{narrow[i]});
        EXPECT_TRUE(std::isnan(back)) << values[i];
      } else {
        EXPECT_EQ(narrow[i], expected) << values[i] << " " << DTypeName(dtype);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, CpuHalfTest, AllIsas(), IsaName);

}  // namespace
}  // namespace strata::test
