// ActivationMemory: a session's activations on both devices, the spill file of hidden rows that
// wait on disk, and the charges to the budget of the tiers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/engine.h"
#include "models/activations.h"
#include "offload/disk/disk_file.h"
#include "offload/memory_budget.h"

namespace strata {

struct ActivationMemory {
  std::vector<MemoryCharge> charges;
  std::unique_ptr<DiskFile> spill;  // null where no rows go to disk
  int64_t place_bytes = 0;          // of one micro-batch in it
  Activations in_host;
  std::optional<Activations> on_gpu;  // none without a gpu
};

// For micro-batches of `extents`, whose places of hidden rows follow from the engine's policy.
// ResourceExhausted: a budget, the disk, memory.
absl::StatusOr<ActivationMemory> MakeActivationMemory(Engine& engine, ActivationExtents extents);

}  // namespace strata
