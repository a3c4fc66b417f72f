// Profile: measures this machine's rates once and keeps them, so that a plan is priced with what
// the machine does and not with what its data sheet says.
//
// The result is a plain HardwareProfile (offload/plan/hardware_profile.h). It is kept as JSON in a
// cache directory, one file per processor model, number of threads, disk and gpu; whoever has no
// such file measures, which takes seconds and the machine for itself.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/engine_options.h"
#include "offload/plan/hardware_profile.h"

namespace strata {

struct ProfileOptions {
  int64_t num_threads = 0;         // that compute; 0: one per core this process may use
  std::string disk_directory;      // where spill files would lie; empty: no disk, its rates are 0
  std::string cache_directory;     // of kept profiles; empty: measured each time
  bool refresh = false;            // measure although there is a kept one
  int64_t spill_bytes = 1 << 30;   // of the file that is written and read; deleted at the end
  int64_t cold_bytes = 256 << 20;  // operands taken in turn; beyond the caches
  int64_t max_rows = 512;          // of matrix products, and tokens of a prefill
  double seconds_per_rate = 0.1;   // of repetitions that a single rate's median is taken from
  // The gpu that computes beside the cpu, and its name; empty: none.
  std::function<absl::StatusOr<GpuParts>()> make_gpu;
  std::string gpu_name;
  // Told what is being done, a short phrase at a time; may be empty.
  std::function<void(absl::string_view)> report;
};

// Measures; some 10 s on two cores. InvalidArgument (options), NotFound, PermissionDenied,
// ResourceExhausted (disk directory, or host memory).
absl::StatusOr<HardwareProfile> MeasureProfile(const ProfileOptions& options);

// The kept profile of this machine, these threads and this disk; measured and kept when there is
// none, when it cannot be read, or with `refresh`. A cache that cannot be written is reported and
// is no error.
absl::StatusOr<HardwareProfile> LoadOrMeasureProfile(const ProfileOptions& options);

// A profile from a file that ToJson wrote. NotFound, InvalidArgument.
absl::StatusOr<HardwareProfile> ReadProfile(const std::string& path);

// The kept profile alone; none when there is none, or none that can be read.
std::optional<HardwareProfile> KeptProfile(const ProfileOptions& options);

// Where LoadOrMeasureProfile keeps it; empty without a cache directory.
std::string ProfileCachePath(const ProfileOptions& options);

}  // namespace strata
