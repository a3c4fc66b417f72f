#include "offload/checkpoint/dummy_weights.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "kernels/base/half.h"
#include "kernels/base/status.h"
#include "offload/checkpoint/quoted_name.h"

namespace strata {
namespace {

static_assert(std::endian::native == std::endian::little, "a word's lanes are taken in this order");

// One 64-bit word of the generator makes four values, of 16 random bits each.
constexpr int64_t kLanes = 4;
constexpr int64_t kBlockElements = 1024;  // converted at a time; stays in the L1 cache

uint64_t Mix(uint64_t word) {
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
  word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
  return word ^ (word >> 31);
}

// FNV-1a, 64 bits: unlike absl::Hash, the same on every run and machine.
uint64_t HashName(absl::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

void Convert(float value, float& out) { out = value; }
void Convert(float value, BFloat16& out) { out = ToBFloat16(value); }
void Convert(float value, Float16& out) { out = ToFloat16(value); }

// Works through blocks that begin at a whole word of the generator, and copies what lies in the
// wanted range: three plain loops that the compiler unrolls and vectorises where it can.
template <typename T>
void FillRandom(const DummyTensor& tensor, int64_t first_element, absl::Span<std::byte> out) {
  const uint64_t key = Mix(Mix(tensor.seed + 0x9e3779b97f4a7c15u) ^ HashName(tensor.name));
  // The odd integers -65535 ... 65535 times `step`: standard deviation 65536 / sqrt(3) steps. One
  // rounding and no sum, so that a fused multiply-add cannot change bits between processors.
  const float step =
      static_cast<float>(static_cast<double>(tensor.standard_deviation) * std::sqrt(3.0) / 65536);

  std::array<uint64_t, kBlockElements / kLanes> words;
  std::array<uint16_t, kBlockElements> lanes;
  std::array<T, kBlockElements> values;
  int64_t skip = first_element % kLanes;  // elements of the first word before the range
  uint64_t word_index = static_cast<uint64_t>(first_element / kLanes);
  while (!out.empty()) {
    for (size_t i = 0; i < words.size(); ++i) {
      words[i] = Mix(key + (word_index + i + 1) * 0x9e3779b97f4a7c15u);
    }
    std::memcpy(lanes.data(), words.data(), sizeof(lanes));
    for (size_t i = 0; i < values.size(); ++i) {
      Convert(static_cast<float>(2 * static_cast<int32_t>(lanes[i]) - 65535) * step, values[i]);
    }
    const size_t count_bytes =
        std::min(out.size(), static_cast<size_t>(kBlockElements - skip) * sizeof(T));
    std::memcpy(out.data(), values.data() + skip, count_bytes);
    out.remove_prefix(count_bytes);
    word_index += words.size();
    skip = 0;
  }
}

template <typename T>
void FillOnes(absl::Span<std::byte> out) {
  T one;
  Convert(1.0f, one);
  for (; !out.empty(); out.remove_prefix(sizeof(T))) std::memcpy(out.data(), &one, sizeof(T));
}

template <typename T>
void Fill(const DummyTensor& tensor, int64_t first_element, absl::Span<std::byte> out) {
  STRATA_CHECK(first_element >= 0 && out.size() % sizeof(T) == 0,
               "dummy weights are made in whole elements");
  if (tensor.fill == DummyFill::kOnes) return FillOnes<T>(out);
  FillRandom<T>(tensor, first_element, out);
}

}  // namespace

absl::Status FillDummyWeights(const DummyTensor& tensor, int64_t first_element,
                              absl::Span<std::byte> out) {
  if (!std::isfinite(tensor.standard_deviation) || tensor.standard_deviation < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("dummy tensor ", QuotedName(tensor.name), ": standard deviation ",
                     tensor.standard_deviation, " is negative or not finite"));
  }
  switch (tensor.dtype) {
    case DType::kF32:
      Fill<float>(tensor, first_element, out);
      return absl::OkStatus();
    case DType::kF16:
      Fill<Float16>(tensor, first_element, out);
      return absl::OkStatus();
    case DType::kBF16:
      Fill<BFloat16>(tensor, first_element, out);
      return absl::OkStatus();
    default:
      return absl::UnimplementedError(absl::StrCat("dummy tensor ", QuotedName(tensor.name),
                                                   ": no random values of format ",
                                                   DTypeName(tensor.dtype)));
  }
}

}  // namespace strata
