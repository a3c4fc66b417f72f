// How a workload falls into passes: the shapes that the engine's batching gives them.
//
// Prompts are read in chunks: sequence after sequence fills micro-batches of at most
// micro_batch_rows rows, num_micro_batches of them make a pass. A prefix that all prompts share is
// computed once, with the first. Then every pass gives each sequence one token.
#pragma once

#include <cstdint>
#include <vector>

#include "offload/plan/policy.h"
#include "offload/plan/workload.h"

namespace strata {

// The passes that read all prompts, in order; they also produce the first token of each sequence.
std::vector<PassShape> PrefillPasses(const Workload& workload, const Policy& policy);

// The passes (one, unless num_micro_batches is too few) that give every sequence one token, when
// each has `context_tokens` tokens, the new one included.
std::vector<PassShape> DecodePasses(const Workload& workload, const Policy& policy,
                                    int64_t context_tokens);

// The mean context of the workload's decode passes, for a plan that prices one of them.
int64_t MeanDecodeContext(const Workload& workload);

// Rows of the largest micro-batch, and of the fullest pass; the most micro-batches of a pass.
struct RowCounts {
  int64_t micro_batch_rows = 0;
  int64_t pass_rows = 0;
  int64_t micro_batches = 1;
};
RowCounts MostRows(const Workload& workload, const Policy& policy);

}  // namespace strata
