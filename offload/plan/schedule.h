// Schedule: what one pass does, as data. Made by MakeSchedule from a model's shape and a policy,
// priced and simulated by offload/plan, executed by the engine's Executor, drawn as a trace: the
// same object all four times.
//
// A schedule repeats, pass after pass. Its steps stand in the order in which they are issued; a
// step starts when its lane has done the steps before it and every step it comes after is done.
// There is no other barrier. Steps refer to each other by index, in this pass or in the one before:
// so weights of the next pass's first layers are read while this pass's last layers are computed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "offload/plan/model_shape.h"
#include "offload/plan/policy.h"

namespace strata {

// A resource that works in order.
enum class Lane : uint8_t { kDiskRead, kDiskWrite, kHostToDevice, kDeviceToHost, kGpu, kCpu };
inline constexpr int kNumLanes = 6;

inline bool IsDisk(Lane lane) { return lane == Lane::kDiskRead || lane == Lane::kDiskWrite; }

// "disk read", "disk write", "h2d", "d2h", "gpu", "cpu".
absl::string_view LaneName(Lane lane);

enum class StepKind : uint8_t {
  kReadWeights,  // disk -> host staging
  kCopyWeights,  // host -> gpu staging
  kReadKv,       // disk -> host staging, of one layer and micro-batch
  kCopyKvIn,     // host memory and staging -> gpu staging, the pages with earlier rows
  kReadHidden,   // disk -> host memory, a micro-batch's hidden rows for its turn from `stage` on
  kCopyHidden,   // a micro-batch's activations to the device that computes `stage`
  kCompute,      // one stage of one micro-batch
  kCopyKvOut,    // gpu staging -> host memory and staging, the pages that attend appended to
  kWriteKv,      // host staging -> disk, likewise
  kParkHidden,   // gpu -> host memory, a micro-batch's hidden rows after its turn up to `stage`
  kWriteHidden,  // host memory -> disk, likewise
};

// "read weights", ...
absl::string_view StepKindName(StepKind kind);

struct StepDependency {
  int32_t step = 0;
  int32_t passes_ago = 0;  // 0: as issued in this pass, 1: in the pass before, ...

  friend bool operator==(const StepDependency&, const StepDependency&) = default;
};

struct Step {
  StepKind kind = StepKind::kCompute;
  Lane lane = Lane::kCpu;
  int32_t stage = 0;         // index in ModelShape::stages
  int32_t micro_batch = -1;  // -1: for all
  // Issued in this pass for the next one, whose content it does not depend on. Before the first
  // pass these steps are issued once, alone.
  bool for_next_pass = false;
  int64_t bytes = 0;           // of weights moved; what else moves depends on the pass: 0
  int64_t staging_offset = 0;  // kReadWeights, kCopyWeights: where in their ring
  // Steps of a layer's KV pages, attend included: which of the kNumKvSlots regions of host memory
  // and of the gpu hold those that are not at home; -1: none are.
  int32_t host_slot = -1;
  int32_t gpu_slot = -1;
  std::vector<StepDependency> after;

  friend bool operator==(const Step&, const Step&) = default;
};

// The largest StepDependency::passes_ago.
inline constexpr int kMaxPassesAgo = 2;

// Micro-batches whose KV pages from disk are in host memory at a time, and whose pages from outside
// are on the gpu: one attended, one arriving, one leaving. Without the last, what arrives would
// have to wait until the disk has taken what was attended just before.
inline constexpr int kNumKvSlots = 3;

struct Schedule {
  std::vector<Step> steps;
  int64_t num_micro_batches = 1;

  // One line per step, for golden tests and for reading.
  std::string ToString(const ModelShape& model) const;

  friend bool operator==(const Schedule&, const Schedule&) = default;
};

// The steps of a pass of `num_micro_batches` micro-batches; in a pass of fewer the steps of the
// others do nothing. Micro-batches take turns at every group of stages: embed; project, attend and
// output of a layer; what follows them in the layer; head. Pure. The policy's rings must hold what
// SmallestStaging says.
struct StagingNeeds {
  int64_t host_bytes = 0;  // the most that one stage streams from disk
  int64_t gpu_bytes = 0;   // the most that one stage streams to the gpu
};
StagingNeeds SmallestStaging(const ModelShape& model, const Policy& policy);

Schedule MakeSchedule(const ModelShape& model, const Policy& policy, int64_t num_micro_batches);

}  // namespace strata
