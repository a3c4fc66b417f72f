// Attention body: one chunk of positions for a block of query rows that share a kv head.
//
// Three passes: scores by DotTile, softmax weights row by row, weighted sums of value rows. Keys
// and values come in runs of memory, whose order among heads the caller chooses. The order of every
// sum depends on the row's own positions alone: lanes of the sum of weights follow the position in
// the chunk, the weighted sum takes its positions one after another.
#pragma once

#include "kernels/cpu/bodies.h"
#include "kernels/cpu/body/dot_tile.h"
#include "kernels/cpu/body/elementwise.h"
#include "kernels/cpu/body/math.h"
#include "kernels/cpu/body/simd.h"

namespace strata::cpu {
namespace {

inline constexpr int64_t kChunk = 256;  // kAttentionChunk of kernels/ops/attention.h

// Asks for `bytes` of memory, into the second-level cache: the next run is a few KB away.
inline void AskFor(const char* memory, int64_t bytes) {
  for (int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(memory + line, 0, 2);
}

// Rows of a tile: heads come in groups of four and eight, which six rows, though there are
// registers for them, would cut in unequal parts. With few registers four rows meet two keys, or
// two vectors of values, at a time.
inline constexpr int kScoreRows = 4;
inline constexpr int kValueVecs = kVectorRegisters == 32 ? 4 : 2;

// The sums of four rows and four keys, row by row: the tree of SumFour for all of them at once.
struct ScoreTile {
  Vec4 rows[4];
};

#if defined(__AVX512F__)
inline ScoreTile SumTile(const Vec (&acc)[4][4]) {
  const auto fold_halves = [](Vec a, Vec b) {  // of a, then of b
    return _mm512_maskz_shuffle_f32x4(0xffff, a, b, 0x44) +
           _mm512_maskz_shuffle_f32x4(0xffff, a, b, 0xee);
  };
  const auto fold_pairs = [](Vec a, Vec b) {  // in each quarter two lanes of a, then of b
    return _mm512_maskz_shuffle_ps(0xffff, a, b, 0x44) +
           _mm512_maskz_shuffle_ps(0xffff, a, b, 0xee);
  };
  const auto fold_row = [&](const Vec(&row)[4]) {  // quarter j: the lanes key j is folded to
    const Vec a = fold_halves(row[0], row[1]);
    const Vec b = fold_halves(row[2], row[3]);
    return _mm512_maskz_shuffle_f32x4(0xffff, a, b, 0x88) +
           _mm512_maskz_shuffle_f32x4(0xffff, a, b, 0xdd);
  };
  const Vec a = fold_pairs(fold_row(acc[0]), fold_row(acc[1]));
  const Vec b = fold_pairs(fold_row(acc[2]), fold_row(acc[3]));
  const Vec sums = _mm512_maskz_shuffle_ps(0xffff, a, b, 0x88) +
                   _mm512_maskz_shuffle_ps(0xffff, a, b, 0xdd);  // [key][row]
  const Vec by_row =
      __builtin_shufflevector(sums, sums, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return {{__builtin_shufflevector(by_row, by_row, 0, 1, 2, 3),
           __builtin_shufflevector(by_row, by_row, 4, 5, 6, 7),
           __builtin_shufflevector(by_row, by_row, 8, 9, 10, 11),
           __builtin_shufflevector(by_row, by_row, 12, 13, 14, 15)}};
}
#elif defined(__AVX2__)
// Two accumulators of a row: the lanes that the first key is folded to, then those of the second.
using FoldedPair = Vec;
inline FoldedPair FoldPair(Vec a, Vec b) {
  return _mm256_permute2f128_ps(a, b, 0x20) + _mm256_permute2f128_ps(a, b, 0x31);
}
inline ScoreTile SumTile(const FoldedPair (&folded)[2][4]) {
  ScoreTile tile;
  Vec half[4];  // of each row and both halves: keys 0 and 2 in the lower half, 1 and 3 above
  for (int r = 0; r < 4; ++r) {
    half[r] = __builtin_shufflevector(folded[0][r], folded[1][r], 0, 1, 8, 9, 4, 5, 12, 13) +
              __builtin_shufflevector(folded[0][r], folded[1][r], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  for (int r = 0; r < 4; r += 2) {
    const Vec sums = __builtin_shufflevector(half[r], half[r + 1], 0, 2, 8, 10, 4, 6, 12, 14) +
                     __builtin_shufflevector(half[r], half[r + 1], 1, 3, 9, 11, 5, 7, 13, 15);
    const Vec in_order = __builtin_shufflevector(sums, sums, 0, 4, 1, 5, 2, 6, 3, 7);
    tile.rows[r] = __builtin_shufflevector(in_order, in_order, 0, 1, 2, 3);
    tile.rows[r + 1] = __builtin_shufflevector(in_order, in_order, 4, 5, 6, 7);
  }
  return tile;
}
#else
struct FoldedPair {
  Vec a, b;
};
inline FoldedPair FoldPair(Vec a, Vec b) { return {a, b}; }
inline ScoreTile SumTile(const FoldedPair (&folded)[2][4]) {
  ScoreTile tile;
  for (int r = 0; r < 4; ++r) {
    tile.rows[r] = SumFour(folded[0][r].a, folded[0][r].b, folded[1][r].a, folded[1][r].b);
  }
  return tile;
}
#endif

// Loads are what limits a tile of two keys: the compiler shall not make x an operand in memory of
// each of its products.
inline void KeepInRegister([[maybe_unused]] Vec& x) {
#if defined(__AVX512F__)
  asm("" : "+v"(x));
#elif defined(__x86_64__)
  asm("" : "+x"(x));
#endif
}

// Whether rows end with whole vectors. Known at compile time, since the code for a partial vector
// has the compiler keep accumulators in memory.
enum class RowEnd { kWhole, kPartial };

// out[r][j] = lanes of q[r] . k[j], in the order of DotTile. Unrolled by word of command: the
// compiler keeps accumulators in memory where it meets the sums before it has unrolled their loops.
template <RowEnd kEnd, int kRows, int kKeys, typename T>
inline void Products(const float* const* q, const T* const* k, int64_t n,
                     Vec (&out)[kRows][kKeys]) {
  Vec acc[kRows][kKeys];
  for (int r = 0; r < kRows; ++r) {
    for (int j = 0; j < kKeys; ++j) acc[r][j] = Vec{};
  }
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    if constexpr (kRows < kKeys) {
      DotStep(q, k, i, acc);
      continue;
    }
    Vec wide[kKeys];
    for (int j = 0; j < kKeys; ++j) wide[j] = Load(k[j] + i);
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      Vec query = Load(q[r] + i);
      KeepInRegister(query);
#pragma GCC unroll 4
      for (int j = 0; j < kKeys; ++j) acc[r][j] = Fma(query, wide[j], acc[r][j]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kKeys; ++j) out[r][j] = acc[r][j];
  }
  if constexpr (kEnd == RowEnd::kPartial) {
    for (int j = 0; j < kKeys; ++j) {
      const Vec wide = LoadPart(k[j] + i, n - i);
      for (int r = 0; r < kRows; ++r) out[r][j] = Fma(LoadPart(q[r] + i, n - i), wide, out[r][j]);
    }
  }
}

// scores[r][j] = queries[r] . keys[j]. The first rows ask for the next run meanwhile.
template <typename T, RowEnd kEnd>
struct ScoreTiles {
  const AttentionChunkBody& body;
  const AttentionRun& keys;

  template <int kRows, int kKeys>
  void Tile(int64_t row, int64_t key) const {
    const float* q[kRows];
    const T* k[kKeys];
    const int64_t offset = (key - keys.begin) * keys.row_bytes;
    for (int r = 0; r < kRows; ++r) q[r] = body.queries + (row + r) * body.query_stride;
    for (int j = 0; j < kKeys; ++j) {
      k[j] = reinterpret_cast<const T*>(keys.rows + offset + j * keys.row_bytes);
    }
    if (row == 0 && keys.ahead != nullptr) AskFor(keys.ahead + offset, kKeys * keys.row_bytes);
    if constexpr (kRows == 4 && kKeys == 4) {
      const ScoreTile tile = FourByFour(q, k);
      for (int r = 0; r < 4; ++r) {
        *reinterpret_cast<Vec4InMemory*>(body.scores + (row + r) * kChunk + key) = tile.rows[r];
      }
      return;
    }
    Vec acc[kRows][kKeys];
    Products<kEnd>(q, k, body.head_dim, acc);
    for (int r = 0; r < kRows; ++r) {
      float* place = body.scores + (row + r) * kChunk + key;
      const Vec4 sums = SumRow(acc[r]);
      if constexpr (kKeys == 1)
        *place = sums[0];
      else
        *reinterpret_cast<Vec4InMemory*>(place) = sums;
    }
  }

  [[gnu::always_inline]] ScoreTile FourByFour(const float* const (&q)[4],
                                              const T* const (&k)[4]) const {
#if defined(__AVX512F__)
    Vec acc[4][4];
    Products<kEnd>(q, k, body.head_dim, acc);
    return SumTile(acc);
#else
    FoldedPair folded[2][4];
    for (int pair = 0; pair < 2; ++pair) {
      Vec acc[4][2];
      Products<kEnd>(q, k + 2 * pair, body.head_dim, acc);
      for (int r = 0; r < 4; ++r) folded[pair][r] = FoldPair(acc[r][0], acc[r][1]);
    }
    return SumTile(folded);
#endif
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
    const Vec weight = ExpOfNonPositive(Load(scores + j) - max);
    Store(scores + j, weight);
    sum += weight;
  }
  body.max[row] = max;
  body.sum[row] = Sum(sum);
}

// Adds weights[r][j] * values[j] for positions [begin, end) to kVecs vectors of columns of rows
// [row, row + kRows). Only `part` lanes of a single vector exist in memory when part > 0.
template <int kRows, int kVecs, typename T>
inline void AddValues(const AttentionChunkBody& body, const AttentionRun& run, int64_t row,
                      int64_t column, int64_t part, int64_t begin, int64_t end) {
  if (begin >= end) return;
  // The first rows ask for the next run, every line of these columns.
  const int64_t column_bytes = column * static_cast<int64_t>(sizeof(T));
  constexpr int64_t kAskBytes = kVecs * kLanes * static_cast<int64_t>(sizeof(T));
  const bool asks = row == 0 && run.ahead != nullptr && column_bytes % 64 == 0;
  const char* values = run.rows + (begin - run.begin) * run.row_bytes + column_bytes;
  const int64_t ahead = asks ? run.ahead - run.rows : 0;
  float* out[kRows];
  const float* weights[kRows];
  Vec acc[kRows][kVecs];
  for (int r = 0; r < kRows; ++r) {
    out[r] = body.out + (row + r) * body.out_stride + column;
    weights[r] = body.scores + (row + r) * kChunk;
    for (int v = 0; v < kVecs; ++v) acc[r][v] = Load(out[r] + v * kLanes);
  }
  for (int64_t j = begin; j < end; ++j) {
    const T* value = reinterpret_cast<const T*>(values);
    for (int64_t line = 0; line < kAskBytes; line += 64) {
      __builtin_prefetch(values + ahead + line, 0, 2);
    }
    values += run.row_bytes;
    Vec weight[kRows];
    for (int r = 0; r < kRows; ++r) weight[r] = Broadcast(weights[r][j]);
    for (int v = 0; v < kVecs; ++v) {
      const Vec wide = kVecs == 1 && part > 0 ? LoadPart(value, part) : Load(value + v * kLanes);
      for (int r = 0; r < kRows; ++r) acc[r][v] = Fma(weight[r], wide, acc[r][v]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVecs; ++v) Store(out[r] + v * kLanes, acc[r][v]);
  }
}

// Rows [row, row + kRows) together over the positions of the run that all of them see; what only
// some see comes before and after, row by row.
template <int kRows, int kVecs, typename T>
inline void AddValuesOfRows(const AttentionChunkBody& body, const AttentionRun& run, int64_t row,
                            int64_t column, int64_t part) {
  int64_t begin = run.begin, end = run.end;
  for (int64_t r = row; r < row + kRows; ++r) {
    begin = begin > body.visible_begin[r] ? begin : body.visible_begin[r];
    end = end < body.visible_end[r] ? end : body.visible_end[r];
  }
  if (begin >= end) begin = end = run.end;
  const auto from = [&](int64_t r) {
    return run.begin > body.visible_begin[r] ? run.begin : body.visible_begin[r];
  };
  const auto to = [&](int64_t r) {
    return run.end < body.visible_end[r] ? run.end : body.visible_end[r];
  };
  for (int64_t r = row; r < row + kRows; ++r) {
    AddValues<1, kVecs, T>(body, run, r, column, part, from(r), begin < to(r) ? begin : to(r));
  }
  AddValues<kRows, kVecs, T>(body, run, row, column, part, begin, end);
  for (int64_t r = row; r < row + kRows; ++r) {
    AddValues<1, kVecs, T>(body, run, r, column, part, end > from(r) ? end : from(r), to(r));
  }
}

// All rows from `row` on, kRows at a time and then fewer.
template <int kRows, int kVecs, typename T>
inline void AddValuesOfColumns(const AttentionChunkBody& body, const AttentionRun& run, int64_t row,
                               int64_t column, int64_t part) {
  for (; row + kRows <= body.num_rows; row += kRows) {
    AddValuesOfRows<kRows, kVecs, T>(body, run, row, column, part);
  }
  if constexpr (kRows > 1) {
    if (row < body.num_rows) AddValuesOfColumns<kRows - 1, kVecs, T>(body, run, row, column, part);
  }
}

// All columns. One row alone takes eight vectors at a time, to keep both units busy.
template <typename T>
inline void AddAllValues(const AttentionChunkBody& body, const AttentionRun& run) {
  int64_t column = 0;
  const auto has = [&](int64_t num_vecs) { return column + num_vecs * kLanes <= body.v_head_dim; };
  if (body.num_rows == 1) {
    for (; has(8); column += 8 * kLanes) AddValuesOfColumns<1, 8, T>(body, run, 0, column, 0);
  }
  for (; has(kValueVecs); column += kValueVecs * kLanes) {
    AddValuesOfColumns<kScoreRows, kValueVecs, T>(body, run, 0, column, 0);
  }
  for (; has(2); column += 2 * kLanes)
    AddValuesOfColumns<kScoreRows, 2, T>(body, run, 0, column, 0);
  for (; column < body.v_head_dim; column += kLanes) {
    AddValuesOfColumns<kScoreRows, 1, T>(body, run, 0, column,
                                         has(1) ? 0 : body.v_head_dim - column);
  }
}

void AttentionScores(const AttentionChunkBody& body, const AttentionRun& keys) {
  WithElement(body.element, [&]<typename T>(const T*) {
    if (body.head_dim % kLanes == 0) {
      ForTiles<kScoreRows>(0, body.num_rows, keys.begin, keys.end,
                           ScoreTiles<T, RowEnd::kWhole>{body, keys});
    } else {
      ForTiles<kScoreRows>(0, body.num_rows, keys.begin, keys.end,
                           ScoreTiles<T, RowEnd::kPartial>{body, keys});
    }
  });
}

void AttentionWeights(const AttentionChunkBody& body) {
  for (int64_t row = 0; row < body.num_rows; ++row) {
    SoftmaxWeights(body, row);
    for (int64_t c = 0; c < body.out_stride; c += kLanes) {
      Store(body.out + row * body.out_stride + c, Vec{});
    }
  }
}

void AttentionValues(const AttentionChunkBody& body, const AttentionRun& values) {
  WithElement(body.element, [&]<typename T>(const T*) { AddAllValues<T>(body, values); });
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
