// Memory nodes: on which of a machine's NUMA nodes the pages of large buffers lie.
//
// Without a word from us a page lies on the node of the thread that first writes it. Weights and KV
// rows are written by one thread, the loader, and read by all: one node's memory would serve every
// processor. So large buffers are spread, page by page in turn, over all nodes that the process may
// use, before anything is written. The system calls are made directly, which needs no library.
//
// A process that was started with a memory policy of its own (numactl) keeps it. Where the calls
// are refused (containers), memory lies where it is first written. Nothing here keeps state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"

namespace strata {

// Words of a set of nodes, node n being bit n mod 64 of word n / 64: as many as Linux has nodes.
inline constexpr int kNodeWords = 16;
inline constexpr int kNodeBits = kNodeWords * 64;

// The system call that binds the pages of [data, data + bytes) to turns over a set of nodes
// (mbind of MPOL_INTERLEAVE); whether the system did it.
using InterleaveCall =
    absl::FunctionRef<bool(std::byte* data, int64_t bytes, const uint64_t (&nodes)[kNodeWords])>;
bool SystemInterleave(std::byte* data, int64_t bytes, const uint64_t (&nodes)[kNodeWords]);

// The nodes that large buffers are spread over, rising: those that the process may use. None when
// the process has a memory policy already, or the system tells nothing.
std::vector<int> SpreadNodes();

// Has the pages of [data, data + bytes) lie on `nodes` (below kNodeBits) in turn when they are
// first written; `data` is aligned to pages. Calls nothing for less than two nodes. Advice only:
// false when the pages lie where they are first written.
bool SpreadOverNodes(std::byte* data, int64_t bytes, absl::Span<const int> nodes,
                     InterleaveCall call = SystemInterleave);

}  // namespace strata
