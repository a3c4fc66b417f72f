#include "engine/cli/profile_command.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/cli/exit_code.h"
#include "engine/cli/model_options.h"
#include "kernels/base/file.h"
#include "offload/plan/hardware_profile_json.h"

namespace strata {
namespace {

void PrintLink(const char* name, const LinkRate& link, std::ostream& out) {
  if (link.bytes_per_s <= 0) return;  // no such way
  out << absl::StrFormat("%-20s %8.2f GB/s, %.0f us for one page alone\n", name,
                         link.bytes_per_s / 1e9, link.latency_s * 1e6);
}

// Rows of a format follow each other, rising; every format has the same rows.
void PrintMatMul(const DeviceRates& rates, std::ostream& out) {
  if (rates.mat_mul.empty()) return;
  out << "\nmatrix products, GFLOP/s\nrows    ";
  for (const MatMulRate& rate : rates.mat_mul) {
    if (rate.weight_dtype != rates.mat_mul.front().weight_dtype) break;
    out << absl::StrFormat("%8d", rate.num_rows);
  }
  const MatMulRate* previous = nullptr;
  for (const MatMulRate& rate : rates.mat_mul) {
    if (previous == nullptr || previous->weight_dtype != rate.weight_dtype) {
      out << absl::StrFormat("\n%-8s", std::string(DTypeName(rate.weight_dtype)));
    }
    out << absl::StrFormat("%8.1f", rate.flops_per_s / 1e9);
    previous = &rate;
  }
  out << "\n";
}

void PrintLine(const char* name, double value, const char* unit, std::ostream& out) {
  out << absl::StrFormat("%-20s %8.2f %s\n", name, value, unit);
}

void PrintGpu(const HardwareProfile& profile, std::ostream& out) {
  const DeviceRates& gpu = *profile.gpu;
  out << "\n" << gpu.name << "\n\n";
  PrintLine("memory", gpu.memory_bytes_per_s / 1e9, "GB/s", out);
  PrintLine("attention, decode", gpu.attention_bytes_per_s / 1e9, "GB/s of keys and values", out);
  PrintLine("attention, prefill", gpu.attention_flops_per_s / 1e9, "GFLOP/s", out);
  PrintLine("start of a stage", gpu.seconds_per_stage * 1e6, "us", out);
  PrintLink("host to gpu", profile.host_to_device, out);
  PrintLink("gpu to host", profile.device_to_host, out);
  PrintMatMul(gpu, out);
}

void Print(const HardwareProfile& profile, std::ostream& out) {
  const auto line = [&out](const char* name, double value, const char* unit) {
    PrintLine(name, value, unit, out);
  };
  out << profile.cpu.name;
  if (!profile.measured_at.empty()) out << ", measured " << profile.measured_at;
  out << "\n\n";
  line("memory, read", profile.cpu.memory_bytes_per_s / 1e9, "GB/s");
  line("attention, decode", profile.cpu.attention_bytes_per_s / 1e9, "GB/s of keys and values");
  line("attention, prefill", profile.cpu.attention_flops_per_s / 1e9, "GFLOP/s");
  line("start of a stage", profile.cpu.seconds_per_stage * 1e6, "us");
  PrintLink("disk, read", profile.disk_read, out);
  PrintLink("disk, write", profile.disk_write, out);
  if (profile.disk_read.bytes_per_s > 0) {
    line("cpu beside the disk", profile.cpu_share_beside_disk * 100, "% of its rate alone");
    line("disk beside the cpu", profile.disk_share_beside_cpu * 100, "% of its rate alone");
  }
  PrintMatMul(profile.cpu, out);
  if (profile.gpu.has_value()) PrintGpu(profile, out);
}

}  // namespace

std::string DefaultCacheDirectory() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const std::string cache = variable("XDG_CACHE_HOME"); !cache.empty())
    return cache + "/strata";
  if (const std::string home = variable("HOME"); !home.empty()) return home + "/.cache/strata";
  return "";
}

int RunProfile(const ProfileCommandOptions& options, std::ostream& out, std::ostream& err) {
  ProfileOptions profile_options = options.profile;
  EngineOptions unused;  // of a run, which this is not
  const absl::StatusOr<DeviceChoice> device = ParseDevice(options.device);
  const absl::StatusOr<ChosenGpu> gpu =
      device.ok() ? ChooseDevice(*device, unused) : device.status();
  if (!gpu.ok()) {
    err << "strata profile: " << gpu.status().message() << std::endl;
    return ExitCodeOf(gpu.status());
  }
  profile_options.make_gpu = gpu->make;
  profile_options.gpu_name = gpu->name;
  profile_options.report = [&err](absl::string_view what) {
    err << "strata profile: " << std::string(what) << std::endl;
  };
  const absl::StatusOr<HardwareProfile> profile = LoadOrMeasureProfile(profile_options);
  absl::Status status = profile.status();
  if (status.ok() && !options.output.empty()) {
    status = WriteFileAtomically(options.output, ToJson(*profile));
  }
  if (!status.ok()) {
    err << "strata profile: " << status.message() << std::endl;
    return ExitCodeOf(status);
  }
  if (options.json) {
    out << ToJson(*profile) << std::flush;
  } else {
    Print(*profile, out);
  }
  return kExitDone;
}

void RegisterProfile(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand(
      "profile",
      "Measures this machine's memory, arithmetic and disk, once; plans are priced by it");
  const auto options = std::make_shared<ProfileCommandOptions>();
  options->profile.disk_directory = ".";
  verb->add_option("--output", options->output, "Also write the profile to this file, as JSON");
  verb->add_option("--disk-dir", options->profile.disk_directory,
                   "Directory on the disk to measure, with 1 GiB to spare for some seconds; empty: "
                   "no disk")
      ->capture_default_str();
  verb->add_option("--threads", options->profile.num_threads, "Computing threads; 0: one per core")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  verb->add_option("--device", options->device, "auto, cpu or cuda[:N]: whether a gpu is measured")
      ->capture_default_str();
  verb->add_flag("--refresh", options->profile.refresh,
                 "Measure again although this machine's profile is kept");
  verb->add_flag("--json", options->json, "Print one JSON object");
  verb->callback([options, &exit_code] {
    options->profile.cache_directory = DefaultCacheDirectory();
    exit_code = RunProfile(*options, std::cout, std::cerr);
  });
}

}  // namespace strata
