// KvMemory: a session's KV cache with everything it stands on: the spill file, the slots through
// which pages visit, and the charges to the budget of the tiers.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/engine.h"
#include "engine/kv_transfers.h"
#include "offload/disk/disk_file.h"
#include "offload/kv/kv_cache.h"
#include "offload/memory_budget.h"

namespace strata {

struct KvMemoryOptions {
  int64_t max_sequences = 1;              // in flight
  int64_t max_micro_batch_sequences = 1;  // of them, in one micro-batch
  // Positions of one sequence that pages are sized for; 0: the model's context, or, where memory is
  // taken before pages are used (a spill file, slots), what the plan was made for.
  int64_t max_sequence_tokens = 0;
  PrefixSharing prefix_sharing = PrefixSharing::kOn;
};

struct KvMemory {
  std::vector<MemoryCharge> charges;
  std::unique_ptr<DiskFile> spill;
  Buffer host_staging;
  Buffer gpu_staging;
  KvTransfers::Slots host_slots;
  KvTransfers::Slots gpu_slots;
  // Positions that a sequence may have, since its pages must fit a slot of the gpu; 0: any number.
  int64_t max_positions = 0;
  std::unique_ptr<KvCache> cache;  // last: it uses the above
};

// As the engine's policy places KV rows. ResourceExhausted: a budget, the disk, memory.
absl::StatusOr<KvMemory> MakeKvMemory(Engine& engine, const KvMemoryOptions& options);

}  // namespace strata
