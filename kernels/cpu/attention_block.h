// AttentionBlock: a block of rows of one span and some kv heads, computed chunk by chunk. What the
// split over threads (attention.cc) hands out.
//
// Row r of a span and kv head is query r / group and head r % group of the heads that share it. In
// decode a block has all kv heads, if they are not very many: then a chunk's pages are read in the
// order in which they lie in memory, the keys of all heads and after them the values, where one
// head alone finds a few KB in each page. Only long sweeps reach the rate of memory. A chunk's
// partial result is (out, max, sum) of every row; partials are folded in rising order of chunks
// into a state of the same form.
#pragma once

#include <cstdint>

#include "kernels/cpu/workspace.h"
#include "kernels/ops/attention.h"
#include "kernels/ops/attention_spans.h"

namespace strata::cpu {

// Rows that meet a chunk together in one call of the body: enough to share the loads of K and V,
// few enough that their scores stay in the second-level cache.
inline constexpr int64_t kAttentionTileRows = 32;
// Rows of a block of a span of several sequences, at most: it takes all its tiles through a chunk
// before the next, so K and V come from memory once for all these rows.
inline constexpr int64_t kSharedBlockRows = 128;

// Rows of a block of several kv heads, at most, all heads together; scratch grows with it.
inline constexpr int64_t kSweepRows = 64;

struct AttentionBlock {
  const AttentionSpan* span;
  int64_t kv_head_begin;
  int64_t kv_head_end;
  int64_t row_begin;  // of the rows of this span and each kv head
  int64_t row_end;
  int64_t chunk_begin;  // chunks of the span that some row sees
  int64_t chunk_end;

  int64_t num_heads() const { return kv_head_end - kv_head_begin; }
  int64_t rows_per_head() const { return row_end - row_begin; }
  int64_t num_rows() const { return num_heads() * rows_per_head(); }
};

// (out, max, sum) of the rows of a block, head by head; also the form of the state.
struct AttentionPartial {
  float* out;  // [num_rows, PaddedLanes(v_head_dim)]
  float* max;  // [num_rows]
  float* sum;  // [num_rows]
};

// `count` rounded up to whole vectors of any instruction set.
inline int64_t PaddedLanes(int64_t count) {
  return (count + kMaxLanes - 1) / kMaxLanes * kMaxLanes;
}

// Floats of a partial of this many rows, and of the scratch for queries and scores.
int64_t PartialFloats(const KvLayout& layout, int64_t num_rows);
int64_t BlockScratchFloats(const KvLayout& layout);

// The partial of a block whose floats begin at `memory`.
AttentionPartial PartialAt(float* memory, const KvLayout& layout, const AttentionBlock& block);

// The block of rows [row_begin, row_end) with the chunks they see, of the first kv heads that go
// into one block.
AttentionBlock MakeAttentionBlock(const AttentionArgs& args, const AttentionSpan& span,
                                  int64_t row_begin, int64_t row_end);

// Whether the caller goes on with the next chunk, whose keys can be asked for ahead.
enum class ChunkOrder { kRising, kSingle };

// Computes the partial of one chunk. `scratch` has BlockScratchFloats elements.
void RunAttentionChunk(const Bodies& bodies, const AttentionArgs& args, const AttentionBlock& block,
                       int64_t chunk, ChunkOrder order, float* scratch,
                       const AttentionPartial& partial);

// Folds the partial of the next chunk into the state.
void FoldAttention(const Bodies& bodies, const AttentionBlock& block, const KvLayout& layout,
                   const AttentionPartial& partial, const AttentionPartial& state);

// States of all queries and heads between levels of spans: CarriedFloats(args) floats.
int64_t CarriedFloats(const AttentionArgs& args);

// The state before the block's first chunk: empty, or what the level before has left in `carried`.
void BeginAttention(const AttentionArgs& args, const AttentionBlock& block, const float* carried,
                    const AttentionPartial& state);

// After the last chunk: writes out and log_sum_exp of the rows, or leaves their state in `carried`.
void EndAttention(const Bodies& bodies, const AttentionArgs& args, const AttentionBlock& block,
                  const AttentionPartial& state, float* carried);

}  // namespace strata::cpu
