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

// As many accumulators as the registers hold beside the operands.
inline constexpr int kTileRows = kVectorRegisters == 32 ? 6 : 4;
inline constexpr int kTileOuts = kVectorRegisters == 32 ? 4 : 3;

// acc[r][o] += x[r] * w[o] over [begin, end), lane by lane.
template <int kRows, int kOuts, typename T>
inline void DotTile(const float* const* x, const T* const* w, int64_t begin, int64_t end,
                    Vec (&acc)[kRows][kOuts]) {
  int64_t k = begin;
  for (; k + kLanes <= end; k += kLanes) {
    Vec wide[kOuts];
    for (int o = 0; o < kOuts; ++o) wide[o] = Load(w[o] + k);
    for (int r = 0; r < kRows; ++r) {
      const Vec xr = Load(x[r] + k);
      for (int o = 0; o < kOuts; ++o) acc[r][o] = Fma(xr, wide[o], acc[r][o]);
    }
  }
  if (const int64_t rest = end - k; rest > 0) {
    for (int o = 0; o < kOuts; ++o) {
      const Vec wide = LoadPart(w[o] + k, rest);
      for (int r = 0; r < kRows; ++r) acc[r][o] = Fma(LoadPart(x[r] + k, rest), wide, acc[r][o]);
    }
  }
}

}  // namespace
}  // namespace strata::cpu
