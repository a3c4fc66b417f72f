#include "kernels/cpu/attention.h"

#include <algorithm>
#include <vector>

#include "kernels/cpu/attention_block.h"

namespace strata::cpu {
namespace {

// Memory for the partial results of a split, at most; longer contexts are taken in waves.
constexpr int64_t kSplitBytes = int64_t{32} << 20;

std::vector<AttentionBlock> MakeBlocks(const AttentionArgs& args) {
  const int64_t num_kv_heads = args.kv.layout.num_kv_heads;
  const int64_t group = args.queries.shape()[1] / num_kv_heads;
  std::vector<AttentionBlock> blocks;
  for (const KvSequence& sequence : args.kv.sequences) {
    const int64_t num_rows = sequence.num_queries * group;
    // Late queries see most: their blocks come first, so that no thread ends with a long one.
    const int64_t num_blocks = (num_rows + kAttentionBlockRows - 1) / kAttentionBlockRows;
    for (int64_t index = num_blocks - 1; index >= 0; --index) {
      const int64_t begin = index * kAttentionBlockRows;
      const int64_t end = std::min(num_rows, begin + kAttentionBlockRows);
      const int64_t first = VisiblePositions(args, sequence, begin).begin;
      const int64_t last = VisiblePositions(args, sequence, end - 1).end - 1;
      for (int64_t head = 0; head < num_kv_heads; ++head) {
        blocks.push_back({.sequence = &sequence,
                          .kv_head = head,
                          .row_begin = begin,
                          .row_end = end,
                          .chunk_begin = first / kAttentionChunk,
                          .chunk_end = last / kAttentionChunk + 1});
      }
    }
  }
  return blocks;
}

// One task per block.
absl::Status RunWhole(Workspace& workspace, const AttentionArgs& args,
                      const std::vector<AttentionBlock>& blocks) {
  const KvLayout& layout = args.kv.layout;
  const int64_t scratch_floats = PaddedLanes(BlockScratchFloats(layout));
  const int64_t partial_floats = PaddedLanes(PartialFloats(layout));
  STRATA_RETURN_IF_ERROR(workspace.ReservePerThread(scratch_floats + 2 * partial_floats));
  workspace.threads.ParallelFor(static_cast<int64_t>(blocks.size()), [&](int64_t task, int thread) {
    const AttentionBlock& block = blocks[static_cast<size_t>(task)];
    float* scratch = workspace.ScratchOf(thread);
    const AttentionPartial partial = PartialAt(scratch + scratch_floats, layout);
    const AttentionPartial state = PartialAt(scratch + scratch_floats + partial_floats, layout);
    ClearAttention(block, layout, state);
    for (int64_t chunk = block.chunk_begin; chunk < block.chunk_end; ++chunk) {
      RunAttentionChunk(workspace.bodies, args, block, chunk, scratch, partial);
      FoldAttention(workspace.bodies, block, layout, partial, state);
    }
    FinishAttention(workspace.bodies, args, block, state);
  });
  return absl::OkStatus();
}

// One task per block and chunk, then one per block that folds in the order of RunWhole.
absl::Status RunSplit(Workspace& workspace, const AttentionArgs& args,
                      const std::vector<AttentionBlock>& blocks, int64_t max_chunks) {
  const KvLayout& layout = args.kv.layout;
  const int64_t num_blocks = static_cast<int64_t>(blocks.size());
  const int64_t partial_floats = PaddedLanes(PartialFloats(layout));
  const int64_t wave = std::clamp<int64_t>(
      kSplitBytes / BytesOf(DType::kF32, num_blocks * partial_floats), 1, max_chunks);
  STRATA_RETURN_IF_ERROR(workspace.ReservePerThread(BlockScratchFloats(layout)));
  STRATA_RETURN_IF_ERROR(
      workspace.Reserve(workspace.shared_scratch, num_blocks * (wave + 1) * partial_floats));
  float* shared = reinterpret_cast<float*>(workspace.shared_scratch.data());
  // Slot 0 of a block is its state, the others the partials of a wave.
  const auto slot_of = [&](int64_t block, int64_t slot) {
    return PartialAt(shared + (block * (wave + 1) + slot) * partial_floats, layout);
  };
  for (int64_t first = 0; first < max_chunks; first += wave) {
    workspace.threads.ParallelFor(num_blocks * wave, [&](int64_t task, int thread) {
      const AttentionBlock& block = blocks[static_cast<size_t>(task / wave)];
      const int64_t chunk = block.chunk_begin + first + task % wave;
      if (chunk >= block.chunk_end) return;
      RunAttentionChunk(workspace.bodies, args, block, chunk, workspace.ScratchOf(thread),
                        slot_of(task / wave, 1 + task % wave));
    });
    workspace.threads.ParallelFor(num_blocks, [&](int64_t task, int) {
      const AttentionBlock& block = blocks[static_cast<size_t>(task)];
      const AttentionPartial state = slot_of(task, 0);
      if (first == 0) ClearAttention(block, layout, state);
      const int64_t num_chunks = block.chunk_end - block.chunk_begin;
      for (int64_t chunk = first; chunk < std::min(first + wave, num_chunks); ++chunk) {
        FoldAttention(workspace.bodies, block, layout, slot_of(task, 1 + chunk - first), state);
      }
      if (first + wave >= max_chunks) FinishAttention(workspace.bodies, args, block, state);
    });
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Attention(Workspace& workspace, const AttentionArgs& args) {
  const std::vector<AttentionBlock> blocks = MakeBlocks(args);
  int64_t max_chunks = 0;
  for (const AttentionBlock& block : blocks) {
    max_chunks = std::max(max_chunks, block.chunk_end - block.chunk_begin);
  }
  const int num_threads = workspace.threads.num_threads();
  const bool too_few = static_cast<int64_t>(blocks.size()) < 2 * num_threads;
  if (num_threads > 1 && too_few && max_chunks > 1) {
    return RunSplit(workspace, args, blocks, max_chunks);
  }
  return RunWhole(workspace, args, blocks);
}

}  // namespace strata::cpu
