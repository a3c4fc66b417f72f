// Which layers' KV rows lie on the gpu and what attends to the others: the rounding of shares to
// layers that planner, schedule, cache and executor have in common.
//
// A layer's attention is one call on one device, whatever the shares, so its bits are the same for
// all of them, nothing is merged, and the cost is linear in the layers. Layers are spread evenly
// over the model (error diffusion), so that the lanes work steadily.
#pragma once

#include <cstdint>

#include "offload/plan/model_shape.h"
#include "offload/plan/policy.h"

namespace strata {

// Whether the KV rows of the layer lie on the gpu. Of the first n layers kv.gpu * n do, rounded.
bool KvLiesOnGpu(const TierShares& kv, int64_t layer_index);

// Of the rows outside the gpu, the share on disk.
double KvDiskShare(const TierShares& kv);

// Stages that attend, and those of them whose rows lie on the gpu.
int64_t NumAttends(const ModelShape& model);
int64_t NumAttendsAtHomeOnGpu(const ModelShape& model, const TierShares& kv);

// Whether the stage attends on the gpu to rows that lie elsewhere, so that they travel there.
bool KvTravels(const ModelShape& model, const Policy& policy, size_t stage);
bool AnyKvTravels(const ModelShape& model, const Policy& policy);

// Gives the stages that attend their devices: the gpu where the rows lie there, and for
// `travelling` (0 to 1) of the others; else the cpu.
void PlaceAttention(const ModelShape& model, double travelling, Policy& policy);

// The policy of passes that read prompts: policy.prefill_attend_device is in force.
Policy PrefillPolicy(const ModelShape& model, const Policy& policy);

}  // namespace strata
