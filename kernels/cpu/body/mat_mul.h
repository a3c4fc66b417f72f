// MatMul body: a tile of rows times a tile of outputs.
#pragma once

#include "kernels/cpu/bodies.h"
#include "kernels/cpu/body/dot_tile.h"
#include "kernels/cpu/body/elementwise.h"
#include "kernels/cpu/body/simd.h"

namespace strata::cpu {
namespace {

inline float ElementAt(const void* data, Element element, int64_t index) {
  float value = 0.0f;
  WithElement(element, [&]<typename T>(const T*) {
    value = LoadPart(static_cast<const T*>(data) + index, 1)[0];
  });
  return value;
}

// Writes one output: the sum of its lanes, then the bias, then the residual.
inline void FinishOutput(const MatMulBody& body, int64_t row, int64_t output, Vec acc) {
  float value = Sum(acc);
  if (body.bias != nullptr) value += ElementAt(body.bias, body.bias_element, output);
  if (body.residual != nullptr) value += body.residual[row * body.residual_stride + output];
  body.out[row * body.out_stride + output] = value;
}

template <int kRows, int kOuts, typename T>
void MatMulTileOf(const MatMulBody& body, int64_t row, int64_t output) {
  const float* x[kRows];
  const T* w[kOuts];
  for (int r = 0; r < kRows; ++r) x[r] = body.x + (row + r) * body.x_stride;
  for (int o = 0; o < kOuts; ++o) {
    w[o] = static_cast<const T*>(body.weight) + (output + o) * body.weight_stride;
  }
  Vec acc[kRows][kOuts] = {};
  DotTile<kRows, kOuts>(x, w, 0, body.in_dim, acc);
  for (int r = 0; r < kRows; ++r) {
    for (int o = 0; o < kOuts; ++o) FinishOutput(body, row + r, output + o, acc[r][o]);
  }
}

// The tile of the size that is left, at most kRows by kOuts.
template <int kRows, int kOuts, typename T>
inline void MatMulTileUpTo(int64_t rows, int64_t outs, const MatMulBody& body, int64_t row,
                           int64_t output) {
  if (rows >= kRows && outs >= kOuts) return MatMulTileOf<kRows, kOuts, T>(body, row, output);
  if constexpr (kOuts > 1) {
    if (outs < kOuts) return MatMulTileUpTo<kRows, kOuts - 1, T>(rows, outs, body, row, output);
  }
  if constexpr (kRows > 1) {
    return MatMulTileUpTo<kRows - 1, kOuts, T>(rows, outs, body, row, output);
  }
}

template <typename T>
void MatMulOf(const MatMulBody& body, const MatMulTile& tile) {
  for (int64_t output = tile.out_begin; output < tile.out_end; output += kTileOuts) {
    for (int64_t row = tile.row_begin; row < tile.row_end; row += kTileRows) {
      MatMulTileUpTo<kTileRows, kTileOuts, T>(tile.row_end - row, tile.out_end - output, body, row,
                                              output);
    }
  }
}

void MatMul(const MatMulBody& body, const MatMulTile& tile, float*) {
  WithElement(body.weight_element, [&]<typename T>(const T*) { MatMulOf<T>(body, tile); });
}

}  // namespace
}  // namespace strata::cpu
