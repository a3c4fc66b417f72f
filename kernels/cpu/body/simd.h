// One vector of floats as wide as the instruction set this file is compiled for, and its words:
// loads that widen 16-bit formats, stores that round to them, fused multiply-add, reductions.
//
// Included by the bodies of every instruction set; everything is in an anonymous namespace, so no
// copy compiled for one processor can serve another. GCC vector extensions carry the arithmetic,
// intrinsics the few instructions they have no word for. Compiled without contraction: a multiply
// and an add fuse exactly where Fma says so, hence in every loop alike.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace strata::cpu {
namespace {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
inline constexpr int kVectorRegisters = 32;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
inline constexpr int kVectorRegisters = 16;
#else
inline constexpr int kVectorBytes = 16;
inline constexpr int kVectorRegisters = 16;
#endif
inline constexpr int kLanes = kVectorBytes / 4;

using Vec = float __attribute__((vector_size(kVectorBytes)));
using VecU32 = uint32_t __attribute__((vector_size(kVectorBytes)));
using VecI32 = int32_t __attribute__((vector_size(kVectorBytes)));
using VecU16 = uint16_t __attribute__((vector_size(kVectorBytes / 2)));
// For memory of any alignment.
using VecInMemory = float __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
using VecU16InMemory =
    uint16_t __attribute__((vector_size(kVectorBytes / 2), aligned(2), may_alias));

// Storage forms of the 16-bit formats.
struct Half {
  uint16_t bits;
};
struct Brain {
  uint16_t bits;
};

inline Vec Broadcast(float x) { return x - Vec{}; }
inline VecU32 Bits(Vec x) { return reinterpret_cast<VecU32>(x); }
inline Vec FromBits(VecU32 x) { return reinterpret_cast<Vec>(x); }
inline Vec Select(VecI32 mask, Vec a, Vec b) { return mask ? a : b; }
inline Vec Max(Vec a, Vec b) { return a > b ? a : b; }

// a * b + c, rounded once where the processor can.
inline Vec Fma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#elif defined(__ARM_NEON)
  return vfmaq_f32(c, a, b);
#else
  return a * b + c;
#endif
}

// 16 bits to 32 with zeros above. The compiler's own conversion takes four instructions for one.
inline VecU32 Extend(VecU16 x) {
#if defined(__AVX512F__)
  return reinterpret_cast<VecU32>(
      _mm512_maskz_cvtepu16_epi32(0xffff, reinterpret_cast<__m256i>(x)));
#elif defined(__AVX2__)
  return reinterpret_cast<VecU32>(_mm256_cvtepu16_epi32(reinterpret_cast<__m128i>(x)));
#else
  return __builtin_convertvector(x, VecU32);
#endif
}

// Widening, exact. f16: the exponent is rebiased by a multiplication, which subnormals survive.
inline Vec Widen(VecU16 x, Brain) { return FromBits(Extend(x) << 16); }
inline Vec Widen(VecU16 x, Half) {
#if defined(__AVX512F__)
  return _mm512_maskz_cvtph_ps(0xffff, reinterpret_cast<__m256i>(x));
#elif defined(__F16C__)
  return _mm256_cvtph_ps(reinterpret_cast<__m128i>(x));
#else
  const VecU32 bits = Extend(x);
  const VecU32 magnitude = (bits & 0x7fffu) << 13;
  const Vec finite = FromBits(magnitude) * 0x1p112f;
  const VecU32 special = magnitude | 0x7f800000u;
  const VecU32 is_special = reinterpret_cast<VecU32>(magnitude >= (0x7c00u << 13));
  const VecU32 absolute = (special & is_special) | (Bits(finite) & ~is_special);
  return FromBits(absolute | ((bits & 0x8000u) << 16));
#endif
}

inline Vec Load(const float* p) { return *reinterpret_cast<const VecInMemory*>(p); }
template <typename T>
inline Vec Load(const T* p) {
  return Widen(*reinterpret_cast<const VecU16InMemory*>(p), T{});
}

// Lanes [0, n) from memory, zeros after; n < kLanes.
inline Vec LoadPart(const float* p, int64_t n) {
#if defined(__AVX512F__)
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1u), p);
#elif defined(__AVX2__)
  const VecI32 lanes = {0, 1, 2, 3, 4, 5, 6, 7};
  return _mm256_maskload_ps(p, reinterpret_cast<__m256i>(lanes < static_cast<int32_t>(n)));
#endif
  Vec x = {};
  for (int64_t i = 0; i < n; ++i) x[i] = p[i];
  return x;
}
template <typename T>
inline Vec LoadPart(const T* p, int64_t n) {
  VecU16 x = {};
  for (int64_t i = 0; i < n; ++i) x[i] = p[i].bits;
  return Widen(x, T{});
}

inline void Store(float* p, Vec x) { *reinterpret_cast<VecInMemory*>(p) = x; }
inline void StorePart(float* p, Vec x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) p[i] = x[i];
}

// Rounding to nearest, ties to even; NaN stays NaN.
inline VecU16 Narrow(Vec x, Brain) {
  const VecU32 bits = Bits(x);
  const VecU32 rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const VecU32 is_nan = reinterpret_cast<VecU32>((bits & 0x7fffffffu) > 0x7f800000u);
  const VecU32 quiet = (bits >> 16) | 0x40u;
  return __builtin_convertvector((quiet & is_nan) | (rounded & ~is_nan), VecU16);
}
inline VecU16 Narrow(Vec x, Half) {
#if defined(__AVX512F__)
  return reinterpret_cast<VecU16>(
      _mm512_maskz_cvtps_ph(0xffff, x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#elif defined(__F16C__)
  return reinterpret_cast<VecU16>(
      _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#else
  // As ToFloat16 in kernels/base/half.h: subnormals round by adding 0.5, NaN and overflow apart.
  const VecU32 bits = Bits(x);
  const VecU32 sign = (bits >> 16) & 0x8000u;
  const VecU32 magnitude = bits & 0x7fffffffu;
  const VecU32 normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  const VecU32 subnormal = Bits(FromBits(magnitude) + 0.5f) - 0x3f000000u;
  const VecU32 is_subnormal = reinterpret_cast<VecU32>(magnitude < 0x38800000u);
  const VecU32 is_large = reinterpret_cast<VecU32>(magnitude >= 0x477ff000u);
  const VecU32 is_nan = reinterpret_cast<VecU32>(magnitude > 0x7f800000u);
  VecU32 result = (subnormal & is_subnormal) | (normal & ~is_subnormal);
  result = (0x7c00u & is_large) | (result & ~is_large);
  result = (0x7e00u & is_nan) | (result & ~is_nan);
  return __builtin_convertvector(result | sign, VecU16);
#endif
}

template <typename T>
inline void StoreNarrow(T* p, Vec x) {
  *reinterpret_cast<VecU16InMemory*>(p) = Narrow(x, T{});
}
template <typename T>
inline void StoreNarrowPart(T* p, Vec x, int64_t n) {
  const VecU16 narrow = Narrow(x, T{});
  for (int64_t i = 0; i < n; ++i) p[i].bits = narrow[i];
}

// Reductions fold the upper half of the lanes onto the lower until one is left: a fixed tree.
using Vec4 = float __attribute__((vector_size(16)));
using Vec4InMemory = float __attribute__((vector_size(16), aligned(4), may_alias));

inline Vec4 FoldToFour(Vec x) {
#if defined(__AVX512F__)
  const auto half = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) +
                    __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
  return __builtin_shufflevector(half, half, 0, 1, 2, 3) +
         __builtin_shufflevector(half, half, 4, 5, 6, 7);
#elif defined(__AVX2__)
  return __builtin_shufflevector(x, x, 0, 1, 2, 3) + __builtin_shufflevector(x, x, 4, 5, 6, 7);
#else
  return x;
#endif
}

inline float Sum(Vec x) {
  const Vec4 four = FoldToFour(x);
  return (four[0] + four[2]) + (four[1] + four[3]);
}

// Sum of each of four vectors, by the same tree.
inline Vec4 SumFour(Vec x0, Vec x1, Vec x2, Vec x3) {
  const Vec4 a = FoldToFour(x0), b = FoldToFour(x1), c = FoldToFour(x2), d = FoldToFour(x3);
  const Vec4 ab =
      __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
  const Vec4 cd =
      __builtin_shufflevector(c, d, 0, 1, 4, 5) + __builtin_shufflevector(c, d, 2, 3, 6, 7);
  return __builtin_shufflevector(ab, cd, 0, 2, 4, 6) + __builtin_shufflevector(ab, cd, 1, 3, 5, 7);
}

inline float MaxLane(Vec x) {
  float largest = x[0];
  for (int i = 1; i < kLanes; ++i) largest = x[i] > largest ? x[i] : largest;
  return largest;
}

}  // namespace
}  // namespace strata::cpu
