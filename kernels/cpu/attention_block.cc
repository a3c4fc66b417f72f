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

const AttentionQuery& QueryOf(const AttentionArgs& args, const AttentionBlock& block, int64_t row) {
  return block.span->queries[static_cast<size_t>(row / GroupSize(args))];
}

// Row of the query and head in the call's tensors, flattened.
int64_t TensorRow(const AttentionArgs& args, const AttentionBlock& block, int64_t row) {
  return QueryOf(args, block, row).token * args.queries.shape()[1] +
         block.kv_head * GroupSize(args) + row % GroupSize(args);
}

// Positions of a chunk, counted from its first.
struct ChunkRange {
  int64_t begin = kAttentionChunk;
  int64_t end = 0;
};

// What the query of a row sees of a chunk; begin == end if nothing.
ChunkRange SeenOf(const AttentionArgs& args, const AttentionQuery& query, int64_t chunk) {
  const PositionRange visible = VisiblePositions(args, query.position);
  const int64_t first = chunk * kAttentionChunk;
  const int64_t begin = std::clamp<int64_t>(visible.begin - first, 0, kAttentionChunk);
  return {begin, std::clamp<int64_t>(visible.end - first, begin, kAttentionChunk)};
}

// Where the rows of K and V of a chunk lie, noted for the positions that somebody sees.
struct ChunkRows {
  std::array<const void*, kAttentionChunk> keys;
  std::array<const void*, kAttentionChunk> values;
};

void FindRows(const KvLayout& layout, const AttentionBlock& block, int64_t chunk, ChunkRange range,
              ChunkRows& rows) {
  const int64_t key_bytes = layout.KeyRowBytes();
  const int64_t value_bytes = layout.ValueRowBytes();
  const int64_t key_offset = layout.KeyOffset(block.kv_head);
  const int64_t value_offset = layout.ValueOffset(block.kv_head);
  // Page by page: a chunk begins with one.
  int64_t page_index = (chunk * kAttentionChunk + range.begin) / layout.page_size;
  for (int64_t j = range.begin; j < range.end; ++page_index) {
    const int64_t first = page_index * layout.page_size - chunk * kAttentionChunk;
    const char* page = static_cast<const char*>(block.span->pages[static_cast<size_t>(page_index)]);
    const char* key = page + key_offset + (j - first) * key_bytes;
    const char* value = page + value_offset + (j - first) * value_bytes;
    for (const int64_t end = std::min(range.end, first + layout.page_size); j < end; ++j) {
      rows.keys[static_cast<size_t>(j)] = key;
      rows.values[static_cast<size_t>(j)] = value;
      key += key_bytes;
      value += value_bytes;
    }
  }
}

// Floats of the chunk's rows when they are unpacked from groups.
int64_t UnpackedFloats(const KvLayout& layout) {
  if (!IsQuantizedRow(layout.dtype)) return 0;
  return kAttentionChunk * (PaddedLanes(layout.head_dim) + PaddedLanes(layout.v_head_dim));
}

// Rows that packed rows are asked for ahead of their unpacking: the processor's own prefetcher
// stops at the end of every page.
constexpr int64_t kRowsAhead = 32;

void AskFor(const void* row, int64_t row_bytes) {
  for (int64_t line = 0; line < row_bytes; line += 64) {
    __builtin_prefetch(static_cast<const char*>(row) + line);
  }
}

// Unpacks the noted rows to `memory`, once for all tiles of a block, and notes them there.
void UnpackRows(const Bodies& bodies, const KvLayout& layout, ChunkRange range, float* memory,
                ChunkRows& rows) {
  const Code code = CodeOf(layout.dtype);
  const int64_t key_stride = PaddedLanes(layout.head_dim);
  const int64_t value_stride = PaddedLanes(layout.v_head_dim);
  float* values = memory + kAttentionChunk * key_stride;
  for (int64_t j = range.begin; j < range.end; ++j) {
    const void*& key = rows.keys[static_cast<size_t>(j)];
    if (const int64_t next = j + kRowsAhead; next < range.end) {
      AskFor(rows.keys[static_cast<size_t>(next)], layout.KeyRowBytes());
    } else if (const int64_t value = next - range.end + range.begin; value < range.end) {
      AskFor(rows.values[static_cast<size_t>(value)], layout.ValueRowBytes());
    }
    bodies.unpack(key, code, memory + j * key_stride, layout.head_dim);
    key = memory + j * key_stride;
  }
  for (int64_t j = range.begin; j < range.end; ++j) {
    const void*& value = rows.values[static_cast<size_t>(j)];
    if (const int64_t next = j + kRowsAhead; next < range.end) {
      AskFor(rows.values[static_cast<size_t>(next)], layout.ValueRowBytes());
    }
    bodies.unpack(value, code, values + j * value_stride, layout.v_head_dim);
    value = values + j * value_stride;
  }
}

// The union of what rows [row_begin, row_end) of the block's span see.
ChunkRange SeenOfRows(const AttentionArgs& args, const AttentionBlock& block, int64_t row_begin,
                      int64_t row_end, int64_t chunk) {
  ChunkRange all;
  const int64_t group = GroupSize(args);
  for (int64_t query = row_begin / group; query <= (row_end - 1) / group; ++query) {
    const ChunkRange seen = SeenOf(args, block.span->queries[static_cast<size_t>(query)], chunk);
    if (seen.begin == seen.end) continue;
    all.begin = std::min(all.begin, seen.begin);
    all.end = std::max(all.end, seen.end);
  }
  return all;
}

// Rows [row_begin, row_end), at most kAttentionTileRows; `partial` is theirs.
void RunTile(const Bodies& bodies, const AttentionArgs& args, const AttentionBlock& block,
             int64_t row_begin, int64_t row_end, int64_t chunk, const ChunkRows& rows,
             const void* const* keys_ahead, float* scratch, const AttentionPartial& partial) {
  const KvLayout& layout = args.kv.layout;
  const Element element = IsQuantizedRow(layout.dtype) ? Element::kF32 : ElementOf(layout.dtype);
  const int64_t num_rows = row_end - row_begin;
  const int64_t query_stride = PaddedLanes(layout.head_dim);
  std::array<int32_t, kAttentionTileRows> visible_begin;
  std::array<int32_t, kAttentionTileRows> visible_end;
  for (int64_t r = 0; r < num_rows; ++r) {
    float* query = scratch + r * query_stride;
    bodies.scale(args.queries.Row<float>(TensorRow(args, block, row_begin + r)), args.scale, query,
                 layout.head_dim);
    std::fill(query + layout.head_dim, query + query_stride, 0.0f);
    const ChunkRange seen = SeenOf(args, QueryOf(args, block, row_begin + r), chunk);
    visible_begin[static_cast<size_t>(r)] = static_cast<int32_t>(seen.begin);
    visible_end[static_cast<size_t>(r)] = static_cast<int32_t>(seen.end);
  }
  bodies.attention_chunk({.queries = scratch,
                          .query_stride = query_stride,
                          .num_rows = num_rows,
                          .visible_begin = visible_begin.data(),
                          .visible_end = visible_end.data(),
                          .keys = rows.keys.data(),
                          .values = rows.values.data(),
                          .keys_ahead = keys_ahead,
                          .element = element,
                          .head_dim = layout.head_dim,
                          .v_head_dim = layout.v_head_dim,
                          .scores = scratch + kAttentionTileRows * query_stride,
                          .out = partial.out,
                          .out_stride = PaddedLanes(layout.v_head_dim),
                          .max = partial.max,
                          .sum = partial.sum});
}

// Floats of one row in a partial.
int64_t StateFloats(const KvLayout& layout) { return PaddedLanes(layout.v_head_dim) + 2; }

}  // namespace

int64_t PartialFloats(const KvLayout& layout, int64_t num_rows) {
  return num_rows * StateFloats(layout);
}

int64_t BlockScratchFloats(const KvLayout& layout) {
  return kAttentionTileRows * (PaddedLanes(layout.head_dim) + kAttentionChunk) +
         UnpackedFloats(layout);
}

AttentionPartial PartialAt(float* memory, const KvLayout& layout, const AttentionBlock& block) {
  float* max = memory + block.num_rows() * PaddedLanes(layout.v_head_dim);
  return {memory, max, max + block.num_rows()};
}

AttentionBlock MakeAttentionBlock(const AttentionArgs& args, const AttentionSpan& span,
                                  int64_t kv_head, int64_t row_begin, int64_t row_end) {
  AttentionBlock block = {.span = &span,
                          .kv_head = kv_head,
                          .row_begin = row_begin,
                          .row_end = row_end,
                          .chunk_begin = span.chunk_end,
                          .chunk_end = span.chunk_begin};
  const int64_t group = GroupSize(args);
  for (int64_t query = row_begin / group; query <= (row_end - 1) / group; ++query) {
    const PositionRange visible =
        VisiblePositions(args, span.queries[static_cast<size_t>(query)].position);
    block.chunk_begin = std::min(block.chunk_begin, visible.begin / kAttentionChunk);
    block.chunk_end = std::max(block.chunk_end, (visible.end - 1) / kAttentionChunk + 1);
  }
  block.chunk_begin = std::max(block.chunk_begin, span.chunk_begin);
  block.chunk_end = std::min(block.chunk_end, span.chunk_end);
  return block;
}

void RunAttentionChunk(const Bodies& bodies, const AttentionArgs& args, const AttentionBlock& block,
                       int64_t chunk, ChunkOrder order, float* scratch,
                       const AttentionPartial& partial) {
  const KvLayout& layout = args.kv.layout;
  const ChunkRange seen = SeenOfRows(args, block, block.row_begin, block.row_end, chunk);
  ChunkRows rows;
  FindRows(layout, block, chunk, seen, rows);
  if (IsQuantizedRow(layout.dtype)) {
    UnpackRows(bodies, layout, seen, scratch, rows);
    scratch += UnpackedFloats(layout);
  }
  ChunkRows ahead;
  const bool asks =
      order == ChunkOrder::kRising && chunk + 1 < block.chunk_end && !IsQuantizedRow(layout.dtype);
  if (asks) {
    // All positions must have a row here: those that nobody sees take one that is seen.
    const ChunkRange next = SeenOfRows(args, block, block.row_begin, block.row_end, chunk + 1);
    FindRows(layout, block, chunk + 1, next, ahead);
    std::fill(ahead.keys.begin(), ahead.keys.begin() + next.begin,
              ahead.keys[static_cast<size_t>(next.begin)]);
    std::fill(ahead.keys.begin() + next.end, ahead.keys.end(),
              ahead.keys[static_cast<size_t>(next.end - 1)]);
  }
  for (int64_t begin = block.row_begin; begin < block.row_end; begin += kAttentionTileRows) {
    const int64_t end = std::min(block.row_end, begin + kAttentionTileRows);
    const int64_t first = begin - block.row_begin;
    const AttentionPartial part = {partial.out + first * PaddedLanes(layout.v_head_dim),
                                   partial.max + first, partial.sum + first};
    if (SeenOfRows(args, block, begin, end, chunk).end > 0) {
      RunTile(bodies, args, block, begin, end, chunk, rows,
              asks && begin == block.row_begin ? ahead.keys.data() : nullptr, scratch, part);
    } else {  // what folding skips
      std::fill_n(part.max, end - begin, -std::numeric_limits<float>::infinity());
      std::fill_n(part.sum, end - begin, 0.0f);
    }
  }
}

void FoldAttention(const Bodies& bodies, const AttentionBlock& block, const KvLayout& layout,
                   const AttentionPartial& partial, const AttentionPartial& state) {
  bodies.attention_fold(block.num_rows(), PaddedLanes(layout.v_head_dim), partial.out, partial.max,
                        partial.sum, state.out, state.max, state.sum);
}

int64_t CarriedFloats(const AttentionArgs& args) {
  return args.queries.shape()[0] * args.queries.shape()[1] * StateFloats(args.kv.layout);
}

void BeginAttention(const AttentionArgs& args, const AttentionBlock& block, const float* carried,
                    const AttentionPartial& state) {
  const int64_t stride = PaddedLanes(args.kv.layout.v_head_dim);
  if (!block.span->goes_on) {
    std::fill_n(state.out, block.num_rows() * stride, 0.0f);
    std::fill_n(state.max, block.num_rows(), -std::numeric_limits<float>::infinity());
    std::fill_n(state.sum, block.num_rows(), 0.0f);
    return;
  }
  for (int64_t r = 0; r < block.num_rows(); ++r) {
    const float* from =
        carried + TensorRow(args, block, block.row_begin + r) * StateFloats(args.kv.layout);
    std::copy_n(from, stride, state.out + r * stride);
    state.max[r] = from[stride];
    state.sum[r] = from[stride + 1];
  }
}

void EndAttention(const Bodies& bodies, const AttentionArgs& args, const AttentionBlock& block,
                  const AttentionPartial& state, float* carried) {
  const KvLayout& layout = args.kv.layout;
  const int64_t stride = PaddedLanes(layout.v_head_dim);
  const int64_t num_heads = args.queries.shape()[1];
  for (int64_t r = 0; r < block.num_rows(); ++r) {
    const int64_t row = TensorRow(args, block, block.row_begin + r);
    if (!block.span->ends) {
      float* to = carried + row * StateFloats(layout);
      std::copy_n(state.out + r * stride, stride, to);
      to[stride] = state.max[r];
      to[stride + 1] = state.sum[r];
      continue;
    }
    bodies.scale(state.out + r * stride, 1.0f / state.sum[r], args.out.MutableRow<float>(row),
                 layout.v_head_dim);
    if (!args.log_sum_exp.present()) continue;
    args.log_sum_exp.MutableRow<float>(row / num_heads)[row % num_heads] =
        state.max[r] + std::log(state.sum[r]);
  }
}

}  // namespace strata::cpu
