// What a policy needs on each tier to run a workload: the bytes that the budgets are compared with.
//
// Exact for weights and KV pages; activations and staging by the sizes that ModelShape gives. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "offload/plan/model_shape.h"
#include "offload/plan/policy.h"
#include "offload/plan/workload.h"
#include "offload/tier.h"

namespace strata {

struct MemoryUse {
  TierBytes weights;  // on disk: where the checkpoint lies, whose space is no budget of ours
  TierBytes kv;
  TierBytes activations;
  TierBytes staging;

  TierBytes Total() const;
  friend bool operator==(const MemoryUse&, const MemoryUse&) = default;
};

MemoryUse BytesByTier(const ModelShape& model, const Policy& policy, const Workload& workload);

// Per tier, what `use` needs over `budgets`; 0 where it fits. Weights on disk need no budget.
TierBytes MissingBytes(const MemoryUse& use, const TierBytes& budgets);

// KV bytes of all layers of the workload's sequences at full length, in whole pages.
int64_t KvBytes(const ModelShape& model, const Workload& workload);

// KV bytes of one layer of the largest micro-batch at full length: what a staging slot would hold
// if all of them came from disk.
int64_t KvSlotBytes(const ModelShape& model, const Policy& policy, const Workload& workload);

// Bytes of the gpu that KV rows which travel there pass through: all slots, for the micro-batches
// of passes that decode and of passes that read prompts, as far as rows travel in them.
int64_t KvGpuSlotBytes(const ModelShape& model, const Policy& policy, const Workload& workload,
                       bool in_decode, bool in_prefill);

// Host and gpu bytes of micro-batches: computed (where something is computed) and waiting.
TierBytes ActivationBytes(const ModelShape& model, const Policy& policy, const Workload& workload);

// A tensor of the model, by stage and index in it.
struct TensorPlace {
  size_t stage = 0;
  size_t tensor = 0;

  friend bool operator==(const TensorPlace&, const TensorPlace&) = default;
};

// The tensor that a shared one is (a tied head's is the embedding table): the first of an earlier
// stage with the same size. None when `place` is not shared.
std::optional<TensorPlace> OwnerOf(const ModelShape& model, const TensorPlace& place);

}  // namespace strata
