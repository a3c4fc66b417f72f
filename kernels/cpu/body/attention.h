// Attention body: one chunk of positions for a block of query rows that share a kv head.
//
// Three passes: scores by DotTile, softmax weights row by row, weighted sums of value rows. The
// order of every sum depends on the row's own positions alone: lanes of the sum of weights follow
// the position in the chunk, the weighted sum takes its positions one after another.
#pragma once

#include "kernels/cpu/bodies.h"
#include "kernels/cpu/body/dot_tile.h"
#include "kernels/cpu/body/elementwise.h"
#include "kernels/cpu/body/math.h"
#include "kernels/cpu/body/simd.h"

namespace strata::cpu {
namespace {

inline constexpr int64_t kChunk = 256;  // kAttentionChunk of kernels/ops/attention.h

// scores[r][j] = queries[r] . keys[j]
template <typename T>
struct ScoreTiles {
  const AttentionChunkBody& body;

  template <int kRows, int kKeys>
  void Tile(int64_t row, int64_t key) const {
    const float* q[kRows];
    const T* k[kKeys];
    for (int r = 0; r < kRows; ++r) q[r] = body.queries + (row + r) * body.query_stride;
    for (int j = 0; j < kKeys; ++j) k[j] = static_cast<const T*>(body.keys[key + j]);
    Vec acc[kRows][kKeys] = {};
    DotTile(q, k, body.head_dim, Next<T>{}, acc);
    for (int r = 0; r < kRows; ++r) {
      float* place = body.scores + (row + r) * kChunk + key;
      const Vec4 sums = SumRow(acc[r]);
      if constexpr (kKeys == 1)
        *place = sums[0];
      else
        *reinterpret_cast<Vec4InMemory*>(place) = sums;
    }
  }
};

// Turns the scores of a row into exp(score - max), zero outside of what the row sees up to whole
// vectors, and notes max and sum.
inline void SoftmaxWeights(const AttentionChunkBody& body, int64_t row) {
  const int64_t begin = body.visible_begin[row];
  const int64_t end = body.visible_end[row];
  float* scores = body.scores + row * kChunk;
  if (begin >= end) {
    body.max[row] = -__builtin_inff();
    body.sum[row] = 0.0f;
    return;
  }
  const int64_t first = begin / kLanes * kLanes;
  const int64_t last = (end + kLanes - 1) / kLanes * kLanes;
  for (int64_t j = first; j < begin; ++j) scores[j] = -__builtin_inff();
  for (int64_t j = end; j < last; ++j) scores[j] = -__builtin_inff();
  Vec largest = Broadcast(-__builtin_inff());
  for (int64_t j = first; j < last; j += kLanes) largest = Max(Load(scores + j), largest);
  const float max = MaxLane(largest);
  Vec sum = {};
  for (int64_t j = first; j < last; j += kLanes) {
    const Vec weight = Exp(Load(scores + j) - max);
    Store(scores + j, weight);
    sum += weight;
  }
  body.max[row] = max;
  body.sum[row] = Sum(sum);
}

// Adds weights[r][j] * values[j] for j in [begin, end) to columns [column, column + kVecs lanes)
// of kRows rows; only `part` lanes of the last vector exist in memory when part > 0.
template <int kRows, int kVecs, typename T>
inline void AddValues(const AttentionChunkBody& body, const int64_t* rows, int64_t column,
                      int64_t part, int64_t begin, int64_t end) {
  if (begin >= end) return;
  Vec acc[kRows][kVecs];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVecs; ++v) {
      acc[r][v] = Load(body.out + rows[r] * body.out_stride + column + v * kLanes);
    }
  }
  for (int64_t j = begin; j < end; ++j) {
    const T* value = static_cast<const T*>(body.values[j]) + column;
    Vec wide[kVecs];
    for (int v = 0; v + 1 < kVecs; ++v) wide[v] = Load(value + v * kLanes);
    const T* last = value + (kVecs - 1) * kLanes;
    wide[kVecs - 1] = part > 0 ? LoadPart(last, part) : Load(last);
    for (int r = 0; r < kRows; ++r) {
      const Vec weight = Broadcast(body.scores[rows[r] * kChunk + j]);
      for (int v = 0; v < kVecs; ++v) acc[r][v] = Fma(weight, wide[v], acc[r][v]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVecs; ++v) {
      Store(body.out + rows[r] * body.out_stride + column + v * kLanes, acc[r][v]);
    }
  }
}

// Rows [row, row + kRows) together over the positions all of them see; what only some see comes
// before and after, row by row.
template <int kRows, int kVecs, typename T>
inline void AddValuesOfRows(const AttentionChunkBody& body, int64_t row, int64_t column,
                            int64_t part) {
  int64_t begin = 0, end = kChunk;
  int64_t rows[kRows];
  for (int r = 0; r < kRows; ++r) {
    rows[r] = row + r;
    begin = begin > body.visible_begin[row + r] ? begin : body.visible_begin[row + r];
    end = end < body.visible_end[row + r] ? end : body.visible_end[row + r];
  }
  if (begin >= end) begin = end = kChunk;
  for (int r = 0; r < kRows; ++r) {
    const int64_t stop = begin < body.visible_end[row + r] ? begin : body.visible_end[row + r];
    AddValues<1, kVecs, T>(body, rows + r, column, part, body.visible_begin[row + r], stop);
  }
  AddValues<kRows, kVecs, T>(body, rows, column, part, begin, end);
  for (int r = 0; r < kRows; ++r) {
    AddValues<1, kVecs, T>(body, rows + r, column, part, end, body.visible_end[row + r]);
  }
}

template <int kVecs, typename T>
inline void AddValuesOfColumns(const AttentionChunkBody& body, int64_t column, int64_t part) {
  int64_t row = 0;
  for (; row + 4 <= body.num_rows; row += 4) AddValuesOfRows<4, kVecs, T>(body, row, column, part);
  if (row + 2 <= body.num_rows) {
    AddValuesOfRows<2, kVecs, T>(body, row, column, part);
    row += 2;
  }
  if (row < body.num_rows) AddValuesOfRows<1, kVecs, T>(body, row, column, part);
}

template <typename T>
void AttentionChunkOf(const AttentionChunkBody& body) {
  int64_t begin = kChunk, end = 0;
  for (int64_t r = 0; r < body.num_rows; ++r) {
    if (body.visible_begin[r] >= body.visible_end[r]) continue;
    begin = begin < body.visible_begin[r] ? begin : body.visible_begin[r];
    end = end > body.visible_end[r] ? end : body.visible_end[r];
  }
  ForTiles(0, body.num_rows, begin, end, ScoreTiles<T>{body});
  for (int64_t row = 0; row < body.num_rows; ++row) {
    SoftmaxWeights(body, row);
    for (int64_t c = 0; c < body.out_stride; c += kLanes) {
      Store(body.out + row * body.out_stride + c, Vec{});
    }
  }
  int64_t column = 0;
  for (; column + 2 * kLanes <= body.v_head_dim; column += 2 * kLanes) {
    AddValuesOfColumns<2, T>(body, column, 0);
  }
  for (; column < body.v_head_dim; column += kLanes) {
    const int64_t rest = body.v_head_dim - column;
    AddValuesOfColumns<1, T>(body, column, rest < kLanes ? rest : 0);
  }
}

void AttentionChunk(const AttentionChunkBody& body) {
  WithElement(body.element, [&]<typename T>(const T*) { AttentionChunkOf<T>(body); });
}

void AttentionFold(int64_t num_rows, int64_t stride, const float* out, const float* max,
                   const float* sum, float* state_out, float* state_max, float* state_sum) {
  for (int64_t row = 0; row < num_rows; ++row) {
    if (sum[row] == 0.0f && max[row] == -__builtin_inff()) continue;  // the chunk is not seen
    const float* part = out + row * stride;
    float* state = state_out + row * stride;
    const float merged = state_max[row] > max[row] ? state_max[row] : max[row];
    const Vec shifts = Exp(Vec{state_max[row] - merged, max[row] - merged});
    const float state_weight = state_sum[row] == 0.0f ? 0.0f : shifts[0];
    const float part_weight = shifts[1];
    for (int64_t c = 0; c < stride; c += kLanes) {
      Store(state + c, Fma(Load(part + c), Broadcast(part_weight), Load(state + c) * state_weight));
    }
    const Vec sums =
        Fma(Broadcast(sum[row]), Broadcast(part_weight), Broadcast(state_sum[row]) * state_weight);
    state_sum[row] = sums[0];
    state_max[row] = merged;
  }
}

}  // namespace
}  // namespace strata::cpu
