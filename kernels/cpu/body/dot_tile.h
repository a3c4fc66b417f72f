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

// Four rows of w: their sums make one store, and more would spread over more memory than the
// first-level cache has ways for. As many rows of x as leave registers for the operands.
inline constexpr int kTileOuts = 4;
inline constexpr int kTileRows = kVectorRegisters == 32 ? 6 : 3;

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
    if constexpr (kLocality == 2) {  // what the last sweep has brought to the second level
      for (int o = 0; o < kOuts; ++o) __builtin_prefetch(w[o] + k + 8 * kLine, 0, 3);
    }
    for (int64_t i = 0; i < kLine; i += kLanes) DotStep(x, w, k + i, acc);
  }
  return k;
}

// What a tile asks for while it runs: the memory that the next tile will read.
template <typename T>
struct Next {
  const T* begin = nullptr;  // null: nothing, it is in the caches already
  int locality = 2;          // 3: into the first-level cache, 2: into the second
};

// acc[r][o] += x[r] * w[o] over elements [0, n), lane by lane.
template <int kRows, int kOuts, typename T>
inline void DotTile(const float* const* x, const T* const* w, int64_t n, Next<T> next,
                    Vec (&acc)[kRows][kOuts]) {
  int64_t k = 0;
  if (next.begin != nullptr) {
    k = next.locality == 3 ? DotLines<3>(x, w, n, next.begin, acc)
                           : DotLines<2>(x, w, n, next.begin, acc);
  }
  for (; k + kLanes <= n; k += kLanes) DotStep(x, w, k, acc);
  if (const int64_t rest = n - k; rest > 0) {
    for (int o = 0; o < kOuts; ++o) {
      const Vec wide = LoadPart(w[o] + k, rest);
      for (int r = 0; r < kRows; ++r) acc[r][o] = Fma(LoadPart(x[r] + k, rest), wide, acc[r][o]);
    }
  }
}

// The folded lanes of one row of a tile, in the first kOuts lanes.
template <int kOuts>
inline Vec4 SumRow(const Vec (&acc)[kOuts]) {
  static_assert(kOuts == 4 || kOuts == 1, "a tile has four columns or one");
  if constexpr (kOuts == 1)
    return Vec4{Sum(acc[0])};
  else
    return SumFour(acc[0], acc[1], acc[2], acc[3]);
}

// Covers a rectangle with tiles of kTileOuts columns or one, and at most kRows rows: calls
// run.template Tile<rows, outs>(row, out).
template <int kRows = kTileRows, typename Run>
inline void ForTiles(int64_t row_begin, int64_t row_end, int64_t out_begin, int64_t out_end,
                     const Run& run) {
  int64_t row = row_begin;
  for (; row + kRows <= row_end; row += kRows) {
    int64_t out = out_begin;
    for (; out + kTileOuts <= out_end; out += kTileOuts)
      run.template Tile<kRows, kTileOuts>(row, out);
    for (; out < out_end; ++out) run.template Tile<kRows, 1>(row, out);
  }
  if constexpr (kRows > 1) {
    if (row < row_end) ForTiles<kRows - 1>(row, row_end, out_begin, out_end, run);
  }
}

}  // namespace
}  // namespace strata::cpu
