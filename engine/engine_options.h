// What an engine is created with: which model, and what the user has decided about where its bytes
// live. Everything that is left open is planned (engine/planning.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kernels/base/dtype.h"
#include "kernels/device/device.h"
#include "kernels/ops/backend.h"
#include "offload/checkpoint/model_locator.h"
#include "offload/plan/hardware_profile.h"
#include "offload/plan/policy.h"
#include "offload/plan/spread_tensors.h"
#include "offload/plan/workload.h"

namespace strata {

enum class LoadFormat : uint8_t { kAuto, kDummy };

struct PlacementOptions {
  // What each tier may hold, in bytes; none: host and disk what is free, less a margin.
  std::optional<int64_t> gpu_memory;  // of a gpu; none: nothing lies there
  std::optional<int64_t> host_memory;
  std::optional<int64_t> disk_space;
  std::string disk_directory = ".";  // of spill files
  // At most one of these; none: the policy is searched.
  std::optional<Policy> policy;
  std::optional<Percentages> percent;
  std::optional<int64_t> micro_batch_rows;
  std::optional<int64_t> num_micro_batches;
  bool share_prefixes = true;  // KV pages of prompts that begin alike
  // What the plan is made for. Other requests run too, as far as the memory planned for KV allows.
  Workload workload;
  // The rates that a plan is priced with, asked for when there is something to decide, or always if
  // `always_price`; empty: those of a modest machine (DefaultProfile).
  std::function<absl::StatusOr<HardwareProfile>()> profile;
  bool always_price = false;
  // The same where they need not be measured first: a run of which nothing is to be decided is
  // priced with them too. None, or empty: it has no prediction.
  std::function<std::optional<HardwareProfile>()> kept_profile;
};

// A gpu: its memory and what computes there.
struct GpuParts {
  std::unique_ptr<Device> device;
  std::unique_ptr<Backend> backend;
};

struct EngineOptions {
  std::string model;  // a directory, a config file (dummy weights), or a Hugging Face id
  HubCacheOptions hub_cache;
  LoadFormat load_format = LoadFormat::kAuto;
  // Makes a gpu that computes beside the cpu; empty: none. engine/device_choice.h sets it for CUDA.
  std::function<absl::StatusOr<GpuParts>()> make_gpu;
  // A packed format of the layers' matrices (kernels/base/packed_weights.h); none: as stored.
  std::optional<DType> weight_dtype;
  // Where packed copies of checkpoints are kept, made on first use; empty: packed at every start.
  std::string cache_directory;
  // Told what takes long before anything runs, a short phrase at a time; may be empty.
  std::function<void(absl::string_view)> report;
  std::optional<DType> kv_dtype;  // none: the checkpoint's precision
  PlacementOptions placement;
  int64_t num_threads = 0;  // 0: one per core this process may use
  uint64_t seed = 0;        // of dummy weights
};

}  // namespace strata
