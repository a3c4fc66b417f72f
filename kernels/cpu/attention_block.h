// AttentionBlock: a block of query rows of one sequence that share a kv head, computed chunk by
// chunk. What the split over threads (attention.cc) hands out.
//
// Row r of a sequence and kv head is query r / group and head r % group of the heads that share it.
// A chunk's partial result is (out, max, sum) of every row; partials are folded in rising order of
// chunks into a state of the same form.
#pragma once

#include <cstdint>

#include "kernels/cpu/workspace.h"
#include "kernels/ops/attention.h"

namespace strata::cpu {

// Rows of one block, at most: enough to share the loads of K and V, few enough that their scores
// stay in the second-level cache.
inline constexpr int64_t kAttentionBlockRows = 32;

struct AttentionBlock {
  const KvSequence* sequence;
  int64_t kv_head;
  int64_t row_begin;  // of the rows of this sequence and kv head
  int64_t row_end;
  int64_t chunk_begin;  // chunks that some row sees
  int64_t chunk_end;
};

// (out, max, sum) of the rows of a block; also the form of the state.
struct AttentionPartial {
  float* out;  // [kAttentionBlockRows, PaddedLanes(v_head_dim)]
  float* max;  // [kAttentionBlockRows]
  float* sum;  // [kAttentionBlockRows]
};

// `count` rounded up to whole vectors of any instruction set.
inline int64_t PaddedLanes(int64_t count) {
  return (count + kMaxLanes - 1) / kMaxLanes * kMaxLanes;
}

// Floats of a partial, and of the scratch for queries and scores.
int64_t PartialFloats(const KvLayout& layout);
int64_t BlockScratchFloats(const KvLayout& layout);

// The partial whose floats begin at `memory`.
AttentionPartial PartialAt(float* memory, const KvLayout& layout);

// Computes the partial of one chunk. `scratch` has BlockScratchFloats elements.
void RunAttentionChunk(const Bodies& bodies, const AttentionArgs& args, const AttentionBlock& block,
                       int64_t chunk, float* scratch, const AttentionPartial& partial);

// The state before any chunk.
void ClearAttention(const AttentionBlock& block, const KvLayout& layout,
                    const AttentionPartial& state);

// Folds the partial of the next chunk into the state.
void FoldAttention(const Bodies& bodies, const AttentionBlock& block, const KvLayout& layout,
                   const AttentionPartial& partial, const AttentionPartial& state);

// Writes out and log_sum_exp of the block's rows from the state after its last chunk.
void FinishAttention(const Bodies& bodies, const AttentionArgs& args, const AttentionBlock& block,
                     const AttentionPartial& state);

// First and last-plus-one position that row `row` of a sequence sees.
struct PositionRange {
  int64_t begin;
  int64_t end;
};
PositionRange VisiblePositions(const AttentionArgs& args, const KvSequence& sequence, int64_t row);

}  // namespace strata::cpu
