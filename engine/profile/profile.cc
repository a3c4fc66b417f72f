#include "engine/profile/profile.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/profile/compute_rates.h"
#include "engine/profile/disk_rates.h"
#include "engine/profile/machine_identity.h"
#include "kernels/base/file.h"
#include "kernels/base/status.h"
#include "kernels/cpu/cpu_backend.h"
#include "offload/plan/hardware_profile_json.h"

namespace strata {
namespace {

constexpr int64_t kMaxThreads = 4096;
constexpr int64_t kMinColdBytes = int64_t{1} << 20;
constexpr double kBusyShare = 0.5;  // of the cores, that other programs use

void Report(const ProfileOptions& options, absl::string_view what) {
  if (options.report) options.report(what);
}

int64_t NumThreads(const ProfileOptions& options) {
  return options.num_threads > 0 ? options.num_threads : NumUsableCores();
}

// What a file name may hold everywhere; anything else becomes a single '-'.
std::string FileNamePart(const std::string& text) {
  std::string part;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_') {
      part += absl::ascii_tolower(static_cast<unsigned char>(c));
    } else if (!part.empty() && part.back() != '-') {
      part += '-';
    }
  }
  return part;
}

absl::Status MeasureDisk(const ProfileOptions& options, const ComputeRatesOptions& compute,
                         DiskProbe& probe, Backend& backend, HardwareProfile& profile) {
  Report(options, "disk");
  STRATA_ASSIGN_OR_RETURN(profile.disk_write, probe.MeasureWrite());
  STRATA_ASSIGN_OR_RETURN(profile.disk_read, probe.MeasureRead());
  Report(options, "matrix products beside the disk");
  STRATA_ASSIGN_OR_RETURN(const DiskProbe::Shares shares, probe.MeasureShares(backend, compute));
  profile.cpu_share_beside_disk = shares.cpu;
  profile.disk_share_beside_cpu = shares.disk;
  return absl::OkStatus();
}

// A product of many rows can be computed as several of fewer, so its rate is never the lower one;
// where it was measured to be, the machine was disturbed. Rates of a format follow each other.
void RaiseToFewerRows(std::vector<MatMulRate>& rates) {
  for (size_t i = 1; i < rates.size(); ++i) {
    if (rates[i].weight_dtype != rates[i - 1].weight_dtype) continue;
    rates[i].flops_per_s = std::max(rates[i].flops_per_s, rates[i - 1].flops_per_s);
  }
}

absl::Status MeasureGpu(const ProfileOptions& options, const ComputeRatesOptions& compute,
                        HardwareProfile& profile) {
  Report(options, "gpu");
  STRATA_ASSIGN_OR_RETURN(const GpuParts gpu, options.make_gpu());
  ComputeRatesOptions on_gpu = compute;
  on_gpu.device = gpu.device.get();
  DeviceRates& rates = profile.gpu.emplace();
  rates.name = gpu.backend->Name();
  STRATA_ASSIGN_OR_RETURN(rates.memory_bytes_per_s, MeasureGpuMemoryRate(*gpu.backend, on_gpu));
  STRATA_RETURN_IF_ERROR(MeasureBackend(*gpu.backend, on_gpu, rates));
  RaiseToFewerRows(rates.mat_mul);
  STRATA_ASSIGN_OR_RETURN(profile.host_to_device,
                          MeasureLink(*gpu.device, CopyDirection::kIn, on_gpu));
  STRATA_ASSIGN_OR_RETURN(profile.device_to_host,
                          MeasureLink(*gpu.device, CopyDirection::kOut, on_gpu));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HardwareProfile> MeasureProfile(const ProfileOptions& options) {
  if (options.num_threads < 0 || options.num_threads > kMaxThreads) {
    return absl::InvalidArgumentError(absl::StrCat("a profile of ", options.num_threads,
                                                   " threads: expected 0 to ", kMaxThreads));
  }
  if (options.max_rows < 1 || options.cold_bytes < kMinColdBytes || options.spill_bytes < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a profile of ", options.max_rows, " rows, ", options.cold_bytes, " cold bytes and ",
        options.spill_bytes, " bytes on disk: too little to measure"));
  }
  const ComputeRatesOptions compute = {.num_threads = NumThreads(options),
                                       .cold_bytes = options.cold_bytes,
                                       .max_rows = options.max_rows,
                                       .seconds_per_rate = options.seconds_per_rate};
  STRATA_ASSIGN_OR_RETURN(
      const std::unique_ptr<CpuBackend> backend,
      CpuBackend::Create({.num_threads = static_cast<int>(compute.num_threads)}));
  std::unique_ptr<DiskProbe> disk;  // first: a directory that will not do is found at once
  if (!options.disk_directory.empty()) {
    STRATA_ASSIGN_OR_RETURN(disk, DiskProbe::Create(options.disk_directory, options.spill_bytes));
  }
  double load = 0;  // runnable threads, over the last minute
  if (getloadavg(&load, 1) == 1 && load > kBusyShare * static_cast<double>(NumUsableCores())) {
    Report(options, absl::StrFormat("other programs keep the machine busy (load %.1f): the rates "
                                    "will be too low, measure again with --refresh",
                                    load));
  }
  HardwareProfile profile;
  profile.cpu.name = absl::StrCat(CpuModelName(), ", ", backend->Name());
  Report(options, "memory");
  STRATA_ASSIGN_OR_RETURN(profile.cpu.memory_bytes_per_s, MeasureMemoryRate(compute));
  Report(options, "matrix products and attention");
  STRATA_RETURN_IF_ERROR(MeasureBackend(*backend, compute, profile.cpu));
  RaiseToFewerRows(profile.cpu.mat_mul);
  if (options.make_gpu != nullptr) STRATA_RETURN_IF_ERROR(MeasureGpu(options, compute, profile));
  if (disk != nullptr)
    STRATA_RETURN_IF_ERROR(MeasureDisk(options, compute, *disk, *backend, profile));
  profile.measured_at = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now(), absl::UTCTimeZone());
  return profile;
}

std::string ProfileCachePath(const ProfileOptions& options) {
  if (options.cache_directory.empty()) return "";
  const std::string disk =
      options.disk_directory.empty() ? "no-disk" : DiskName(options.disk_directory);
  return absl::StrCat(options.cache_directory, "/profile-", FileNamePart(CpuModelName()), "-",
                      NumThreads(options), "threads-", FileNamePart(disk),
                      options.gpu_name.empty() ? "" : "-", FileNamePart(options.gpu_name), ".json");
}

absl::StatusOr<HardwareProfile> ReadProfile(const std::string& path) {
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return HardwareProfileFromJson(text, path);
}

std::optional<HardwareProfile> KeptProfile(const ProfileOptions& options) {
  const std::string path = ProfileCachePath(options);
  if (path.empty()) return std::nullopt;
  absl::StatusOr<HardwareProfile> kept = ReadProfile(path);
  if (!kept.ok()) return std::nullopt;
  return *std::move(kept);
}

absl::StatusOr<HardwareProfile> LoadOrMeasureProfile(const ProfileOptions& options) {
  const std::string path = ProfileCachePath(options);
  if (!path.empty() && !options.refresh) {
    absl::StatusOr<HardwareProfile> kept = ReadProfile(path);
    if (kept.ok()) return kept;
    if (!absl::IsNotFound(kept.status())) {
      Report(options, absl::StrCat("measured again: ", std::string(kept.status().message())));
    }
  }
  STRATA_ASSIGN_OR_RETURN(HardwareProfile profile, MeasureProfile(options));
  if (path.empty()) return profile;
  std::error_code error;
  std::filesystem::create_directories(options.cache_directory, error);
  const absl::Status written = WriteFileAtomically(path, ToJson(profile));
  Report(options, written.ok() ? absl::StrCat("kept in ", path)
                               : absl::StrCat("not kept: ", std::string(written.message())));
  return profile;
}

}  // namespace strata
