// Quantised rows: groups of 64 elements with a minimum and a step, then codes of 8 or 4 bits. The
// format is described in kernels/base/quantized_rows.h; packing gives the same bytes as there.
#pragma once

#include "kernels/cpu/bodies.h"
#include "kernels/cpu/body/math.h"
#include "kernels/cpu/body/simd.h"

namespace strata::cpu {
namespace {

inline constexpr int64_t kCodeBlock = 32;  // of 4-bit codes, in 16 bytes

struct CodeGroup {
  float minimum;
  float step;
};

inline int64_t NumCodeGroups(int64_t n) { return (n + kCodeGroup - 1) / kCodeGroup; }

// kLanes bytes, each to 32 bits.
inline VecU32 LoadBytes(const uint8_t* p) {
#if defined(__AVX512F__)
  return reinterpret_cast<VecU32>(
      _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#elif defined(__AVX2__)
  return reinterpret_cast<VecU32>(
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#else
  VecU32 wide = {};
  for (int i = 0; i < kLanes; ++i) wide[i] = p[i];
  return wide;
#endif
}

inline Vec ToFloats(VecU32 codes) {
  return __builtin_convertvector(reinterpret_cast<VecI32>(codes), Vec);
}

inline void Unpack8(const CodeGroup* groups, const uint8_t* codes, float* out, int64_t n) {
  int64_t i = 0;
  for (; i + kCodeGroup <= n;
       i += kCodeGroup) {  // whole groups keep their two numbers in registers
    const Vec step = Broadcast(groups[i / kCodeGroup].step);
    const Vec minimum = Broadcast(groups[i / kCodeGroup].minimum);
    for (int64_t j = i; j < i + kCodeGroup; j += kLanes) {
      Store(out + j, Fma(ToFloats(LoadBytes(codes + j)), step, minimum));
    }
  }
  for (; i + kLanes <= n; i += kLanes) {
    const CodeGroup& group = groups[i / kCodeGroup];
    Store(out + i,
          Fma(ToFloats(LoadBytes(codes + i)), Broadcast(group.step), Broadcast(group.minimum)));
  }
  for (; i < n; ++i) {
    const CodeGroup& group = groups[i / kCodeGroup];
    out[i] = static_cast<float>(codes[i]) * group.step + group.minimum;
  }
}

inline void Unpack4(const CodeGroup* groups, const uint8_t* codes, float* out, int64_t n) {
  int64_t block = 0;
  for (; block + kCodeBlock <= n; block += kCodeBlock, codes += kCodeBlock / 2) {
    const Vec step = Broadcast(groups[block / kCodeGroup].step);
    const Vec minimum = Broadcast(groups[block / kCodeGroup].minimum);
    for (int64_t i = 0; i < kCodeBlock / 2; i += kLanes) {
      const VecU32 pairs = LoadBytes(codes + i);
      Store(out + block + i, Fma(ToFloats(pairs & 15u), step, minimum));
      Store(out + block + kCodeBlock / 2 + i, Fma(ToFloats(pairs >> 4), step, minimum));
    }
  }
  for (int64_t i = 0; i < n - block; ++i) {
    const CodeGroup& group = groups[block / kCodeGroup];
    const uint8_t pair = codes[i % (kCodeBlock / 2)];
    const int code = i < kCodeBlock / 2 ? pair & 15 : pair >> 4;
    out[block + i] = static_cast<float>(code) * group.step + group.minimum;
  }
}

void UnpackRow(const void* row, Code code, float* out, int64_t n) {
  const CodeGroup* groups = static_cast<const CodeGroup*>(row);
  const uint8_t* codes = reinterpret_cast<const uint8_t*>(groups + NumCodeGroups(n));
  if (code == Code::k8Bits) return Unpack8(groups, codes, out, n);
  Unpack4(groups, codes, out, n);
}

// Minimum and step of up to kCodeGroup elements; NaN when they or their range are not finite.
inline CodeGroup GroupOf(const float* x, int64_t n, float max_code) {
  float minimum = x[0], maximum = x[0];
  float zero = 0.0f;  // NaN after a value that is not finite
  for (int64_t i = 0; i < n; ++i) {
    minimum = x[i] < minimum ? x[i] : minimum;
    maximum = x[i] > maximum ? x[i] : maximum;
    zero += x[i] * 0.0f;
  }
  const float range = maximum - minimum;
  if (!(zero + range * 0.0f == 0.0f)) return {__builtin_nanf(""), 0.0f};
  return {minimum, range / max_code};
}

// Codes of up to kCodeGroup elements.
inline void EncodeGroup(const float* x, int64_t n, const CodeGroup& group, float max_code,
                        uint8_t* codes) {
  if (!(group.step > 0.0f)) {
    for (int64_t i = 0; i < n; ++i) codes[i] = 0;
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    const float code = (x[i] - group.minimum) / group.step + 0.5f;
    codes[i] = static_cast<uint8_t>(static_cast<int32_t>(code < max_code ? code : max_code));
  }
}

void PackRow(const float* x, void* row, Code code, int64_t n) {
  const float max_code = code == Code::k8Bits ? 255.0f : 15.0f;
  CodeGroup* groups = static_cast<CodeGroup*>(row);
  uint8_t* out = reinterpret_cast<uint8_t*>(groups + NumCodeGroups(n));
  for (int64_t begin = 0; begin < n; begin += kCodeGroup) {
    const int64_t count = n - begin < kCodeGroup ? n - begin : kCodeGroup;
    const CodeGroup group = GroupOf(x + begin, count, max_code);
    groups[begin / kCodeGroup] = group;
    uint8_t codes[kCodeGroup] = {};
    EncodeGroup(x + begin, count, group, max_code, codes);
    if (code == Code::k8Bits) {
      for (int64_t i = 0; i < count; ++i) *out++ = codes[i];
      continue;
    }
    for (int64_t block = 0; block < count; block += kCodeBlock) {
      const int64_t pairs = count - block < kCodeBlock / 2 ? count - block : kCodeBlock / 2;
      for (int64_t i = 0; i < pairs; ++i) {
        *out++ = static_cast<uint8_t>(codes[block + i] | codes[block + kCodeBlock / 2 + i] << 4);
      }
    }
  }
  while (reinterpret_cast<uintptr_t>(out) % 4 != 0) *out++ = 0;
}

}  // namespace
}  // namespace strata::cpu
