// Policy: every decision about where bytes live, what computes, and how a pass is cut.
//
// A value: searched, saved as JSON, given by hand (--percent), drawn in tables.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/base/dtype.h"
#include "offload/tier.h"

namespace strata {

enum class ComputeDevice : uint8_t { kCpu, kGpu };

// Of one stage.
struct StagePolicy {
  std::vector<Tier> tensor_homes;  // parallel to StageShape::tensor_bytes
  // What computes it. A stage that attends on the gpu while its layer's KV rows lie elsewhere has
  // them copied there for its turn: they travel.
  ComputeDevice device = ComputeDevice::kCpu;

  friend bool operator==(const StagePolicy&, const StagePolicy&) = default;
};

// How a quantity is spread over the tiers; the three sum to 1.
struct TierShares {
  double gpu = 0;
  double host = 1;
  double disk = 0;

  friend bool operator==(const TierShares&, const TierShares&) = default;
};

struct Policy {
  std::vector<StagePolicy> stages;  // parallel to ModelShape::stages
  int64_t micro_batch_rows = 512;   // tokens of a micro-batch, at most
  int64_t num_micro_batches = 1;    // of a pass, at most
  // Sequences of a micro-batch, at most; 0: as many as its rows allow. A decode row is a sequence,
  // so this cuts a decode pass into micro-batches where micro_batch_rows cuts the prefill.
  int64_t micro_batch_sequences = 0;
  // Of the KV rows: of the layers, those on the gpu (offload/plan/kv_layers.h says which); of the
  // pages of the others, those in host memory and on disk.
  TierShares kv;
  DType kv_dtype = DType::kBF16;
  // What attends to KV rows outside the gpu in passes that read prompts, whose keys and values are
  // still where they were computed. None: what their stage says, as in passes that decode.
  std::optional<ComputeDevice> prefill_attend_device;
  TierShares activations;          // of the hidden rows of micro-batches that wait
  int64_t host_staging_bytes = 0;  // ring through which weights stream from disk; 0: none stream
  int64_t gpu_staging_bytes = 0;   // ring through which weights stream to the gpu

  friend bool operator==(const Policy&, const Policy&) = default;
};

}  // namespace strata
