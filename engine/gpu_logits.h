// What of a pass's logits leaves the gpu: of most rows their candidates, a kilobyte each, of those
// that are wanted whole all of them.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "engine/executor.h"
#include "kernels/device/device.h"
#include "kernels/ops/backend.h"
#include "models/activations.h"

namespace strata {

// Behind head: queues the selection of the candidates that `batch` wants, if any.
absl::Status SelectCandidates(const ScheduledBatch& batch, const Activations& on_gpu,
                              Backend& backend);

// When they have been selected: starts to copy what `batch` wants; the moment when it is there.
Event CopyWantedLogits(const ScheduledBatch& batch, const Activations& on_gpu,
                       const Activations& on_host, Device& device);

// Whole rows [first_row, first_row + num_rows) of the pass.
Event CopyLogitRows(int64_t first_row, int64_t num_rows, const Activations& on_gpu,
                    const Activations& on_host, Device& device);

}  // namespace strata
