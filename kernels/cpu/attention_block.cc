#include "kernels/cpu/attention_block.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace strata::cpu {
namespace {

int64_t GroupSize(const AttentionArgs& args) {
  return args.queries.shape()[1] / args.kv.layout.num_kv_heads;
}

// A query and head of the call's tensors.
struct TokenHead {
  int64_t token;
  int64_t head;
};

TokenHead TokenHeadOf(const AttentionArgs& args, const AttentionBlock& block, int64_t row) {
  const int64_t group = GroupSize(args);
  return {block.sequence->first_query + row / group, block.kv_head * group + row % group};
}

// Where the rows of K and V lie that positions [begin, end) of a chunk have.
struct ChunkRows {
  std::array<const void*, kAttentionChunk> keys;
  std::array<const void*, kAttentionChunk> values;
};

void FindRows(const KvLayout& layout, const AttentionBlock& block, int64_t chunk, int64_t begin,
              int64_t end, ChunkRows& rows) {
  for (int64_t j = begin; j < end; ++j) {
    const int64_t position = chunk * kAttentionChunk + j;
    const int64_t slot = position % layout.page_size;
    const char* page = static_cast<const char*>(
        block.sequence->pages[static_cast<size_t>(position / layout.page_size)]);
    rows.keys[static_cast<size_t>(j)] =
        page + layout.KeyOffset(block.kv_head) + BytesOf(layout.dtype, slot * layout.head_dim);
    rows.values[static_cast<size_t>(j)] =
        page + layout.ValueOffset(block.kv_head) + BytesOf(layout.dtype, slot * layout.v_head_dim);
  }
}

}  // namespace

int64_t PartialFloats(const KvLayout& layout) {
  return kAttentionBlockRows * (PaddedLanes(layout.v_head_dim) + 2);
}

int64_t BlockScratchFloats(const KvLayout& layout) {
  return kAttentionBlockRows * (PaddedLanes(layout.head_dim) + kAttentionChunk);
}

AttentionPartial PartialAt(float* memory, const KvLayout& layout) {
  float* max = memory + kAttentionBlockRows * PaddedLanes(layout.v_head_dim);
  return {memory, max, max + kAttentionBlockRows};
}

PositionRange VisiblePositions(const AttentionArgs& args, const KvSequence& sequence, int64_t row) {
  const int64_t position = sequence.first_position + row / GroupSize(args);
  const int64_t begin =
      args.sliding_window == 0 ? 0 : std::max<int64_t>(0, position - args.sliding_window + 1);
  return {begin, position + 1};
}

void RunAttentionChunk(const Bodies& bodies, const AttentionArgs& args, const AttentionBlock& block,
                       int64_t chunk, float* scratch, const AttentionPartial& partial) {
  const KvLayout& layout = args.kv.layout;
  const int64_t num_rows = block.row_end - block.row_begin;
  const int64_t query_stride = PaddedLanes(layout.head_dim);
  float* queries = scratch;
  float* scores = scratch + kAttentionBlockRows * query_stride;
  std::array<int32_t, kAttentionBlockRows> visible_begin;
  std::array<int32_t, kAttentionBlockRows> visible_end;
  int64_t begin = kAttentionChunk;
  int64_t end = 0;
  for (int64_t r = 0; r < num_rows; ++r) {
    const TokenHead place = TokenHeadOf(args, block, block.row_begin + r);
    float* query = queries + r * query_stride;
    bodies.scale(args.queries.Row<float>(place.token * args.queries.shape()[1] + place.head),
                 args.scale, query, layout.head_dim);
    std::fill(query + layout.head_dim, query + query_stride, 0.0f);

    const PositionRange visible = VisiblePositions(args, *block.sequence, block.row_begin + r);
    const int64_t first = chunk * kAttentionChunk;
    const int64_t row_begin = std::clamp<int64_t>(visible.begin - first, 0, kAttentionChunk);
    const int64_t row_end = std::clamp<int64_t>(visible.end - first, row_begin, kAttentionChunk);
    visible_begin[static_cast<size_t>(r)] = static_cast<int32_t>(row_begin);
    visible_end[static_cast<size_t>(r)] = static_cast<int32_t>(row_end);
    if (row_begin == row_end) continue;
    begin = std::min(begin, row_begin);
    end = std::max(end, row_end);
  }
  ChunkRows rows;
  FindRows(layout, block, chunk, begin, end, rows);
  bodies.attention_chunk({.queries = queries,
                          .query_stride = query_stride,
                          .num_rows = num_rows,
                          .visible_begin = visible_begin.data(),
                          .visible_end = visible_end.data(),
                          .keys = rows.keys.data(),
                          .values = rows.values.data(),
                          .element = ElementOf(layout.dtype),
                          .head_dim = layout.head_dim,
                          .v_head_dim = layout.v_head_dim,
                          .scores = scores,
                          .out = partial.out,
                          .out_stride = PaddedLanes(layout.v_head_dim),
                          .max = partial.max,
                          .sum = partial.sum});
}

void ClearAttention(const AttentionBlock& block, const KvLayout& layout,
                    const AttentionPartial& state) {
  const int64_t num_rows = block.row_end - block.row_begin;
  std::fill_n(state.out, num_rows * PaddedLanes(layout.v_head_dim), 0.0f);
  std::fill_n(state.max, num_rows, -std::numeric_limits<float>::infinity());
  std::fill_n(state.sum, num_rows, 0.0f);
}

void FoldAttention(const Bodies& bodies, const AttentionBlock& block, const KvLayout& layout,
                   const AttentionPartial& partial, const AttentionPartial& state) {
  bodies.attention_fold(block.row_end - block.row_begin, PaddedLanes(layout.v_head_dim),
                        partial.out, partial.max, partial.sum, state.out, state.max, state.sum);
}

void FinishAttention(const Bodies& bodies, const AttentionArgs& args, const AttentionBlock& block,
                     const AttentionPartial& state) {
  const int64_t v_head_dim = args.kv.layout.v_head_dim;
  for (int64_t r = 0; r < block.row_end - block.row_begin; ++r) {
    const TokenHead place = TokenHeadOf(args, block, block.row_begin + r);
    bodies.scale(state.out + r * PaddedLanes(v_head_dim), 1.0f / state.sum[r],
                 args.out.MutableRow<float>(place.token * args.queries.shape()[1] + place.head),
                 v_head_dim);
    if (!args.log_sum_exp.present()) continue;
    args.log_sum_exp.MutableRow<float>(place.token)[place.head] =
        state.max[r] + std::log(state.sum[r]);
  }
}

}  // namespace strata::cpu
