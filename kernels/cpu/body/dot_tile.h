// DotTile: products of a few rows of x with a few rows of w, the inner loop of MatMul and of
// attention's scores.
//
// Element k of a product is added to lane k mod kLanes of its own accumulator, in rising order, and
// the lanes are folded by one tree. That order is the same in a tile of any size, so a product has
// the same bits whatever it is computed beside. The last, partial vector is padded with zeros.
#pragma once

#include "kernels/cpu/body/simd.h"

namespace strata::cpu {
namespace {

// Accumulators that leave registers for the operands.
inline constexpr int kTileAccumulators = kVectorRegisters == 32 ? 24 : 12;
inline constexpr int kTileRows = kVectorRegisters == 32 ? 6 : 4;

// Rows of w that go with this many rows of x. More than four rows of w spread over more memory than
// the first-level cache has ways for (mat_mul_bench, one row).
constexpr int TileOuts(int rows) {
  return kTileAccumulators / rows < 4 ? kTileAccumulators / rows : 4;
}

// acc[r][o] += x[r] * w[o] over elements [k, k + kLanes). The shorter side stays in registers.
template <int kRows, int kOuts, typename T>
inline void DotStep(const float* const* x, const T* const* w, int64_t k, Vec (&acc)[kRows][kOuts]) {
  if constexpr (kRows < kOuts) {
    Vec xs[kRows];
    for (int r = 0; r < kRows; ++r) xs[r] = Load(x[r] + k);
    for (int o = 0; o < kOuts; ++o) {
      const Vec wide = Load(w[o] + k);
      for (int r = 0; r < kRows; ++r) acc[r][o] = Fma(xs[r], wide, acc[r][o]);
    }
  } else {
    Vec wide[kOuts];
    for (int o = 0; o < kOuts; ++o) wide[o] = Load(w[o] + k);
    for (int r = 0; r < kRows; ++r) {
      const Vec xr = Load(x[r] + k);
      for (int o = 0; o < kOuts; ++o) acc[r][o] = Fma(xr, wide[o], acc[r][o]);
    }
  }
}

// DotStep over the whole cache lines of [0, n), while asking for as much memory from `next` on, in
// one linear sweep: only a linear sweep wakes the processor's own prefetcher, which keeps more
// lines in flight than the loads of a core may. Returns where it stopped.
template <int kLocality, int kRows, int kOuts, typename T>
inline int64_t DotLines(const float* const* x, const T* const* w, int64_t n, const T* next,
                        Vec (&acc)[kRows][kOuts]) {
  constexpr int64_t kLine = 64 / sizeof(T);
  int64_t k = 0;
  for (; k + kLine <= n; k += kLine) {
    for (int o = 0; o < kOuts; ++o) __builtin_prefetch(next + k * kOuts + o * kLine, 0, kLocality);
    for (int64_t i = 0; i < kLine; i += kLanes) DotStep(x, w, k + i, acc);
  }
  return k;
}

// acc[r][o] += x[r] * w[o] over elements [0, n), lane by lane. `next` is where the memory lies that
// will be read next, null when it is in the caches already.
template <int kRows, int kOuts, typename T>
inline void DotTile(const float* const* x, const T* const* w, int64_t n, const T* next,
                    Vec (&acc)[kRows][kOuts]) {
  // What is read next goes to the first-level cache if it is a fraction of it, else to the second
  // (mat_mul_bench, one row).
  constexpr int64_t kFirstLevel = (8 << 10) / sizeof(T);
  int64_t k = 0;
  if (next != nullptr) {
    k = kOuts * n <= kFirstLevel ? DotLines<3>(x, w, n, next, acc)
                                 : DotLines<2>(x, w, n, next, acc);
  }
  for (; k + kLanes <= n; k += kLanes) DotStep(x, w, k, acc);
  if (const int64_t rest = n - k; rest > 0) {
    for (int o = 0; o < kOuts; ++o) {
      const Vec wide = LoadPart(w[o] + k, rest);
      for (int r = 0; r < kRows; ++r) acc[r][o] = Fma(LoadPart(x[r] + k, rest), wide, acc[r][o]);
    }
  }
}

// sums[r][o] = the folded lanes of acc[r][o].
template <int kRows, int kOuts>
inline void SumTile(const Vec (&acc)[kRows][kOuts], float (&sums)[kRows][kOuts]) {
  constexpr int kCount = kRows * kOuts;
  const Vec* in = &acc[0][0];
  float* out = &sums[0][0];
  int i = 0;
  for (; i + 4 <= kCount; i += 4) {
    const Vec4 four = SumFour(in[i], in[i + 1], in[i + 2], in[i + 3]);
    for (int lane = 0; lane < 4; ++lane) out[i + lane] = four[lane];
  }
  for (; i < kCount; ++i) out[i] = Sum(in[i]);
}

// Covers a rectangle with tiles of TileOuts(kRows) or one column and at most kRows rows: calls
// run.template Tile<rows, outs>(row, out).
template <int kRows = kTileRows, typename Run>
inline void ForTiles(int64_t row_begin, int64_t row_end, int64_t out_begin, int64_t out_end,
                     const Run& run) {
  constexpr int kOuts = TileOuts(kRows);
  int64_t row = row_begin;
  for (; row + kRows <= row_end; row += kRows) {
    int64_t out = out_begin;
    for (; out + kOuts <= out_end; out += kOuts) run.template Tile<kRows, kOuts>(row, out);
    for (; out < out_end; ++out) run.template Tile<kRows, 1>(row, out);
  }
  if constexpr (kRows > 1) {
    if (row < row_end) ForTiles<kRows - 1>(row, row_end, out_begin, out_end, run);
  }
}

}  // namespace
}  // namespace strata::cpu
