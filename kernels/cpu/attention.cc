#include "kernels/cpu/attention.h"

#include <algorithm>
#include <vector>

#include "kernels/cpu/attention_block.h"
#include "kernels/ops/attention_spans.h"

namespace strata::cpu {
namespace {

// Memory for the partial results of a split, at most; longer contexts are taken in waves.
constexpr int64_t kSplitBytes = int64_t{32} << 20;

// Blocks for each thread below which they are split, so that no thread waits long for the last.
constexpr int64_t kBlocksPerThread = 8;

// The blocks of one level of spans.
struct Blocks {
  std::vector<AttentionBlock> list;
  int64_t max_rows = 0;
  int64_t max_chunks = 0;
};

Blocks MakeBlocks(const AttentionArgs& args, const std::vector<AttentionSpan>& spans) {
  const int64_t num_kv_heads = args.kv.layout.num_kv_heads;
  const int64_t group = args.queries.shape()[1] / num_kv_heads;
  Blocks blocks;
  for (const AttentionSpan& span : spans) {
    const int64_t num_rows = static_cast<int64_t>(span.queries.size()) * group;
    const int64_t block_rows = span.ends ? kAttentionTileRows : kSharedBlockRows;
    // Late queries see most: their blocks come first, so that no thread ends with a long one.
    for (int64_t index = (num_rows - 1) / block_rows; index >= 0; --index) {
      const int64_t begin = index * block_rows;
      const int64_t end = std::min(num_rows, begin + block_rows);
      AttentionBlock block = MakeAttentionBlock(args, span, begin, end);
      blocks.max_rows = std::max(blocks.max_rows, block.num_rows());
      blocks.max_chunks = std::max(blocks.max_chunks, block.chunk_end - block.chunk_begin);
      const int64_t num_heads = block.num_heads();
      for (int64_t head = 0; head < num_kv_heads; head += num_heads) {
        block.kv_head_begin = head;
        block.kv_head_end = std::min(head + num_heads, num_kv_heads);
        blocks.list.push_back(block);
      }
    }
  }
  return blocks;
}

// One task per block.
absl::Status RunWhole(Workspace& workspace, const AttentionArgs& args, const Blocks& blocks,
                      float* carried) {
  const KvLayout& layout = args.kv.layout;
  const int64_t scratch_floats = PaddedLanes(BlockScratchFloats(layout));
  const int64_t partial_floats = PaddedLanes(PartialFloats(layout, blocks.max_rows));
  STRATA_RETURN_IF_ERROR(workspace.ReservePerThread(scratch_floats + 2 * partial_floats));
  workspace.threads.ParallelFor(
      static_cast<int64_t>(blocks.list.size()), [&](int64_t task, int thread) {
        const AttentionBlock& block = blocks.list[static_cast<size_t>(task)];
        float* scratch = workspace.ScratchOf(thread);
        const AttentionPartial partial = PartialAt(scratch + scratch_floats, layout, block);
        const AttentionPartial state =
            PartialAt(scratch + scratch_floats + partial_floats, layout, block);
        BeginAttention(args, block, carried, state);
        for (int64_t chunk = block.chunk_begin; chunk < block.chunk_end; ++chunk) {
          RunAttentionChunk(workspace.bodies, args, block, chunk, ChunkOrder::kRising, scratch,
                            partial);
          FoldAttention(workspace.bodies, block, layout, partial, state);
        }
        EndAttention(workspace.bodies, args, block, state, carried);
      });
  return absl::OkStatus();
}

// One task per block and chunk, then one per block that folds in the order of RunWhole.
absl::Status RunSplit(Workspace& workspace, const AttentionArgs& args, const Blocks& blocks,
                      float* carried) {
  const KvLayout& layout = args.kv.layout;
  const int64_t num_blocks = static_cast<int64_t>(blocks.list.size());
  const int64_t partial_floats = PaddedLanes(PartialFloats(layout, blocks.max_rows));
  const int64_t wave = std::clamp<int64_t>(
      kSplitBytes / BytesOf(DType::kF32, num_blocks * partial_floats), 1, blocks.max_chunks);
  STRATA_RETURN_IF_ERROR(workspace.ReservePerThread(BlockScratchFloats(layout)));
  STRATA_RETURN_IF_ERROR(
      workspace.Reserve(workspace.shared_scratch, num_blocks * (wave + 1) * partial_floats));
  float* shared = reinterpret_cast<float*>(workspace.shared_scratch.data());
  // Slot 0 of a block is its state, the others the partials of a wave.
  const auto slot_of = [&](int64_t block, int64_t slot) {
    return PartialAt(shared + (block * (wave + 1) + slot) * partial_floats, layout,
                     blocks.list[static_cast<size_t>(block)]);
  };
  for (int64_t first = 0; first < blocks.max_chunks; first += wave) {
    workspace.threads.ParallelFor(num_blocks * wave, [&](int64_t task, int thread) {
      const AttentionBlock& block = blocks.list[static_cast<size_t>(task / wave)];
      const int64_t chunk = block.chunk_begin + first + task % wave;
      if (chunk >= block.chunk_end) return;
      RunAttentionChunk(workspace.bodies, args, block, chunk, ChunkOrder::kSingle,
                        workspace.ScratchOf(thread), slot_of(task / wave, 1 + task % wave));
    });
    workspace.threads.ParallelFor(num_blocks, [&](int64_t task, int) {
      const AttentionBlock& block = blocks.list[static_cast<size_t>(task)];
      const AttentionPartial state = slot_of(task, 0);
      if (first == 0) BeginAttention(args, block, carried, state);
      const int64_t num_chunks = block.chunk_end - block.chunk_begin;
      for (int64_t chunk = first; chunk < std::min(first + wave, num_chunks); ++chunk) {
        FoldAttention(workspace.bodies, block, layout, slot_of(task, 1 + chunk - first), state);
      }
      if (first + wave >= blocks.max_chunks) {
        EndAttention(workspace.bodies, args, block, state, carried);
      }
    });
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Attention(Workspace& workspace, const AttentionArgs& args) {
  const std::vector<std::vector<AttentionSpan>> levels = MakeAttentionSpans(args);
  if (levels.size() > 1) {
    STRATA_RETURN_IF_ERROR(workspace.Reserve(workspace.carried_states, CarriedFloats(args)));
  }
  float* carried = reinterpret_cast<float*>(workspace.carried_states.data());
  const int num_threads = workspace.threads.num_threads();
  for (const std::vector<AttentionSpan>& spans : levels) {
    const Blocks blocks = MakeBlocks(args, spans);
    const bool too_few = static_cast<int64_t>(blocks.list.size()) < kBlocksPerThread * num_threads;
    const bool split = num_threads > 1 && too_few && blocks.max_chunks > 1;
    STRATA_RETURN_IF_ERROR(split ? RunSplit(workspace, args, blocks, carried)
                                 : RunWhole(workspace, args, blocks, carried));
  }
  return absl::OkStatus();
}

}  // namespace strata::cpu
