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
int64_t TensorRow(const AttentionArgs& args, const AttentionBlock& block, int64_t kv_head,
                  int64_t row) {
  return QueryOf(args, block, row).token * args.queries.shape()[1] + kv_head * GroupSize(args) +
         row % GroupSize(args);
}

// That of row r of a block's partial.
int64_t TensorRowOf(const AttentionArgs& args, const AttentionBlock& block, int64_t r) {
  return TensorRow(args, block, block.kv_head_begin + r / block.rows_per_head(),
                   block.row_begin + r % block.rows_per_head());
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

// Floats of the rows of a chunk when they are unpacked from groups.
int64_t UnpackedFloats(const KvLayout& layout) {
  if (!IsQuantizedRow(layout.dtype)) return 0;
  return kAttentionChunk * (PaddedLanes(layout.head_dim) + PaddedLanes(layout.v_head_dim));
}

enum class Rows { kKeys, kValues };

// The runs of a chunk in the order of memory: page by page the rows of heads [head_begin, head_end)
// at the positions of `range`, of K or of V. Calls run(head, AttentionRun); `next` is what comes in
// memory after the last run.
template <typename Run>
void ForRuns(const KvLayout& layout, const AttentionBlock& block, int64_t chunk, ChunkRange range,
             Rows which, const char* next, Run run) {
  const int64_t row_bytes = which == Rows::kKeys ? layout.KeyRowBytes() : layout.ValueRowBytes();
  const int64_t first_position = chunk * kAttentionChunk;
  const auto place = [&](int64_t head, int64_t j) {
    const int64_t position = first_position + j;
    const auto* page = static_cast<const char*>(
        block.span->pages[static_cast<size_t>(position / layout.page_size)]);
    const int64_t offset = which == Rows::kKeys ? layout.KeyOffset(head) : layout.ValueOffset(head);
    return page + offset + position % layout.page_size * row_bytes;
  };
  for (int64_t begin = range.begin; begin < range.end;) {
    const int64_t page_end = (begin / layout.page_size + 1) * layout.page_size;
    const int64_t end = std::min(range.end, page_end);
    for (int64_t head = block.kv_head_begin; head < block.kv_head_end; ++head) {
      const char* ahead = head + 1 < block.kv_head_end ? place(head + 1, begin)
                          : end < range.end            ? place(block.kv_head_begin, end)
                                                       : next;
      run(head, AttentionRun{.rows = place(head, begin),
                             .row_bytes = row_bytes,
                             .ahead = ahead,
                             .begin = begin,
                             .end = end});
    }
    begin = end;
  }
}

// Where the first run of a chunk lies.
const char* FirstRun(const KvLayout& layout, const AttentionBlock& block, int64_t chunk,
                     ChunkRange range, Rows which) {
  const int64_t position = chunk * kAttentionChunk + range.begin;
  const auto* page =
      static_cast<const char*>(block.span->pages[static_cast<size_t>(position / layout.page_size)]);
  return which == Rows::kKeys ? page + layout.KeyOffset(block.kv_head_begin) +
                                    position % layout.page_size * layout.KeyRowBytes()
                              : page + layout.ValueOffset(block.kv_head_begin) +
                                    position % layout.page_size * layout.ValueRowBytes();
}

// Rows that packed rows are asked for ahead of their unpacking: the processor's own prefetcher
// stops at the end of every page.
constexpr int64_t kRowsAhead = 32;

// Unpacks the rows of a block's one head to `memory`, once for all its tiles.
void UnpackRows(const Bodies& bodies, const KvLayout& layout, const AttentionBlock& block,
                int64_t chunk, ChunkRange range, float* memory) {
  const Code code = CodeOf(layout.dtype);
  const auto unpack = [&](Rows which, int64_t dim, const char* next, float* rows) {
    ForRuns(layout, block, chunk, range, which, next, [&](int64_t, const AttentionRun& run) {
      for (int64_t j = run.begin; j < run.end; ++j) {
        const char* row = run.rows + (j - run.begin) * run.row_bytes;
        const int64_t over = j + kRowsAhead - run.end;
        const char* ahead = over < 0 || run.ahead == nullptr ? row + kRowsAhead * run.row_bytes
                                                             : run.ahead + over * run.row_bytes;
        for (int64_t line = 0; line < run.row_bytes; line += 64) __builtin_prefetch(ahead + line);
        bodies.unpack(row, code, rows + j * PaddedLanes(dim), dim);
      }
    });
  };
  unpack(Rows::kKeys, layout.head_dim, FirstRun(layout, block, chunk, range, Rows::kValues),
         memory);
  unpack(Rows::kValues, layout.v_head_dim, nullptr,
         memory + kAttentionChunk * PaddedLanes(layout.head_dim));
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

// What a tile needs beside its rows' pages.
struct TileMemory {
  const float* unpacked;  // of the chunk; null: rows are read where they lie
  float* scratch;
  AttentionPartial partial;  // of the tile's rows
};

// Rows [row_begin, row_end) of every head of the block, at most kAttentionTileRows of one head and
// kSweepRows of several. `next` is the run that the caller will read after this chunk.
void RunTile(const Bodies& bodies, const AttentionArgs& args, const AttentionBlock& block,
             int64_t row_begin, int64_t row_end, int64_t chunk, ChunkRange range, const char* next,
             const TileMemory& memory) {
  const KvLayout& layout = args.kv.layout;
  const int64_t num_rows = row_end - row_begin;
  const int64_t query_stride = PaddedLanes(layout.head_dim);
  const int64_t value_stride = PaddedLanes(layout.v_head_dim);
  std::array<int32_t, kAttentionTileRows> visible_begin;
  std::array<int32_t, kAttentionTileRows> visible_end;
  for (int64_t r = 0; r < num_rows; ++r) {
    const ChunkRange seen = SeenOf(args, QueryOf(args, block, row_begin + r), chunk);
    visible_begin[static_cast<size_t>(r)] = static_cast<int32_t>(seen.begin);
    visible_end[static_cast<size_t>(r)] = static_cast<int32_t>(seen.end);
  }
  const int64_t num_queries = block.num_heads() * num_rows;
  for (int64_t r = 0; r < num_queries; ++r) {
    float* query = memory.scratch + r * query_stride;
    const int64_t row =
        TensorRow(args, block, block.kv_head_begin + r / num_rows, row_begin + r % num_rows);
    bodies.scale(args.queries.Row<float>(row), args.scale, query, layout.head_dim);
    std::fill(query + layout.head_dim, query + query_stride, 0.0f);
  }
  const auto body_of = [&](int64_t head) -> AttentionChunkBody {
    const int64_t first = (head - block.kv_head_begin) * num_rows;
    return {.queries = memory.scratch + first * query_stride,
            .query_stride = query_stride,
            .num_rows = num_rows,
            .visible_begin = visible_begin.data(),
            .visible_end = visible_end.data(),
            .element = memory.unpacked != nullptr ? Element::kF32 : ElementOf(layout.dtype),
            .head_dim = layout.head_dim,
            .v_head_dim = layout.v_head_dim,
            .scores = memory.scratch + num_queries * query_stride + first * kAttentionChunk,
            .out = memory.partial.out + first * value_stride,
            .out_stride = value_stride,
            .max = memory.partial.max + first,
            .sum = memory.partial.sum + first};
  };
  const auto unpacked_run = [&](int64_t first, int64_t stride) -> AttentionRun {
    return {.rows = reinterpret_cast<const char*>(memory.unpacked + first + range.begin * stride),
            .row_bytes = BytesOf(DType::kF32, stride),
            .ahead = nullptr,
            .begin = range.begin,
            .end = range.end};
  };
  if (memory.unpacked != nullptr) {
    const AttentionChunkBody body = body_of(block.kv_head_begin);
    bodies.attention_scores(body, unpacked_run(0, query_stride));
    bodies.attention_weights(body);
    bodies.attention_values(body, unpacked_run(kAttentionChunk * query_stride, value_stride));
    return;
  }
  ForRuns(
      layout, block, chunk, range, Rows::kKeys,
      FirstRun(layout, block, chunk, range, Rows::kValues),
      [&](int64_t head, const AttentionRun& run) { bodies.attention_scores(body_of(head), run); });
  for (int64_t head = block.kv_head_begin; head < block.kv_head_end; ++head) {
    bodies.attention_weights(body_of(head));
  }
  ForRuns(
      layout, block, chunk, range, Rows::kValues, next,
      [&](int64_t head, const AttentionRun& run) { bodies.attention_values(body_of(head), run); });
}

// Heads of a block whose heads have so many rows each.
int64_t HeadsOfBlock(const KvLayout& layout, int64_t rows_per_head) {
  if (IsQuantizedRow(layout.dtype) || 2 * rows_per_head > kAttentionTileRows) return 1;
  return std::min(layout.num_kv_heads, kSweepRows / rows_per_head);
}

// Floats of one row in a partial.
int64_t StateFloats(const KvLayout& layout) { return PaddedLanes(layout.v_head_dim) + 2; }

}  // namespace

int64_t PartialFloats(const KvLayout& layout, int64_t num_rows) {
  return num_rows * StateFloats(layout);
}

int64_t BlockScratchFloats(const KvLayout& layout) {
  return kSweepRows * (PaddedLanes(layout.head_dim) + kAttentionChunk) + UnpackedFloats(layout);
}

AttentionPartial PartialAt(float* memory, const KvLayout& layout, const AttentionBlock& block) {
  float* max = memory + block.num_rows() * PaddedLanes(layout.v_head_dim);
  return {memory, max, max + block.num_rows()};
}

AttentionBlock MakeAttentionBlock(const AttentionArgs& args, const AttentionSpan& span,
                                  int64_t row_begin, int64_t row_end) {
  AttentionBlock block = {.span = &span,
                          .kv_head_begin = 0,
                          .kv_head_end = HeadsOfBlock(args.kv.layout, row_end - row_begin),
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
  float* unpacked = nullptr;
  if (IsQuantizedRow(layout.dtype)) {
    unpacked = scratch;
    if (seen.end > 0) UnpackRows(bodies, layout, block, chunk, seen, unpacked);
    scratch += UnpackedFloats(layout);
  }
  const char* next = nullptr;
  if (order == ChunkOrder::kRising && chunk + 1 < block.chunk_end) {
    const ChunkRange range = SeenOfRows(args, block, block.row_begin, block.row_end, chunk + 1);
    if (range.end > 0) next = FirstRun(layout, block, chunk + 1, range, Rows::kKeys);
  }
  for (int64_t begin = block.row_begin; begin < block.row_end; begin += kAttentionTileRows) {
    const int64_t end = std::min(block.row_end, begin + kAttentionTileRows);
    const int64_t first = begin - block.row_begin;
    const AttentionPartial part = {partial.out + first * PaddedLanes(layout.v_head_dim),
                                   partial.max + first, partial.sum + first};
    const ChunkRange range = SeenOfRows(args, block, begin, end, chunk);
    if (range.end > 0) {
      RunTile(bodies, args, block, begin, end, chunk, range, next, {unpacked, scratch, part});
    } else {  // what folding skips
      const int64_t num_rows = block.num_heads() * (end - begin);
      std::fill_n(part.max, num_rows, -std::numeric_limits<float>::infinity());
      std::fill_n(part.sum, num_rows, 0.0f);
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
    const float* from = carried + TensorRowOf(args, block, r) * StateFloats(args.kv.layout);
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
    const int64_t row = TensorRowOf(args, block, r);
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
