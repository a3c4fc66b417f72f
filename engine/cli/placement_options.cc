#include "engine/cli/placement_options.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "engine/cli/byte_size.h"
#include "engine/cli/profile_command.h"
#include "engine/profile/profile.h"
#include "kernels/base/file.h"
#include "kernels/base/status.h"
#include "offload/plan/policy_json.h"

namespace strata {
namespace {

constexpr const char* kGroup = "Placement";

}  // namespace

void AddPlacementOptions(CLI::App& verb, PlacementArguments& arguments) {
  const auto add = [&verb](const char* name, auto& value, const char* help) {
    return verb.add_option(name, value, help)->group(kGroup);
  };
  add("--host-memory", arguments.host_memory,
      "Host memory to use at most, e.g. 16GiB (default: what is free, less a margin)");
  add("--gpu-memory", arguments.gpu_memory,
      "GPU memory to use at most, e.g. 16GiB (default: what is free, less a margin)");
  add("--disk-dir", arguments.disk_directory, "Directory for spilled weights and KV pages")
      ->capture_default_str();
  add("--disk-space", arguments.disk_space, "Disk space to use there at most");
  add("--profile", arguments.profile_path,
      "Rates to plan with, from strata profile --output (default: this machine's)");
  CLI::Option* policy =
      add("--policy", arguments.policy_path, "Saved policy, from strata plan --json");
  add("--percent", arguments.percent,
      "FlexGen's six numbers: weights on GPU, host; KV on GPU, host; activations on GPU, host; "
      "the disk has the rest")
      ->delimiter(',')
      ->expected(6)
      ->excludes(policy);
  add("--micro-batch", arguments.micro_batch, "Tokens of a micro-batch, at most")
      ->check(CLI::Range(1, 1 << 20))
      ->excludes(policy);
  add("--num-micro-batches", arguments.num_micro_batches, "Micro-batches of a pass, at most")
      ->check(CLI::Range(1, 1 << 20))
      ->excludes(policy);
  verb.add_flag("--no-prefix-sharing", arguments.no_prefix_sharing,
                "Compute and keep each prompt for itself, also where prompts begin alike")
      ->group(kGroup);
  add("--objective", arguments.objective, "throughput or latency: what the search minimises")
      ->check(CLI::IsMember({"throughput", "latency"}))
      ->capture_default_str();
}

absl::StatusOr<PlacementOptions> ToPlacementOptions(const PlacementArguments& arguments) {
  PlacementOptions options;
  options.disk_directory = arguments.disk_directory;
  if (!std::filesystem::is_directory(arguments.disk_directory)) {
    return absl::NotFoundError(
        absl::StrCat("--disk-dir: '", arguments.disk_directory, "' is not a directory"));
  }
  if (!arguments.host_memory.empty()) {
    STRATA_ASSIGN_OR_RETURN(options.host_memory,
                            ParseByteSize("--host-memory", arguments.host_memory));
  }
  if (!arguments.disk_space.empty()) {
    STRATA_ASSIGN_OR_RETURN(options.disk_space,
                            ParseByteSize("--disk-space", arguments.disk_space));
  }
  if (!arguments.gpu_memory.empty()) {
    STRATA_ASSIGN_OR_RETURN(options.gpu_memory,
                            ParseByteSize("--gpu-memory", arguments.gpu_memory));
  }
  if (!arguments.policy_path.empty()) {
    STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(arguments.policy_path));
    STRATA_ASSIGN_OR_RETURN(options.policy, PolicyFromJson(text, arguments.policy_path));
  }
  if (!arguments.percent.empty()) {
    options.percent = {.weights_gpu = arguments.percent[0],
                       .weights_host = arguments.percent[1],
                       .kv_gpu = arguments.percent[2],
                       .kv_host = arguments.percent[3],
                       .activations_gpu = arguments.percent[4],
                       .activations_host = arguments.percent[5]};
  }
  if (arguments.micro_batch > 0) options.micro_batch_rows = arguments.micro_batch;
  if (arguments.num_micro_batches > 0) options.num_micro_batches = arguments.num_micro_batches;
  options.share_prefixes = !arguments.no_prefix_sharing;
  if (arguments.objective == "latency") options.workload.objective = Objective::kLatency;
  if (!arguments.profile_path.empty()) {
    STRATA_ASSIGN_OR_RETURN(const HardwareProfile profile, ReadProfile(arguments.profile_path));
    options.profile = [profile] { return profile; };
    options.kept_profile = [profile] { return profile; };
  }
  return options;
}

void UseProfileOfThisMachine(int64_t num_threads, const ChosenGpu& gpu, PlacementOptions& options) {
  ProfileOptions profile = {.num_threads = num_threads,
                            .disk_directory = options.disk_directory,
                            .cache_directory = DefaultCacheDirectory(),
                            .make_gpu = gpu.make,
                            .gpu_name = gpu.name};
  profile.report = [](absl::string_view what) {
    std::cerr << "strata: measuring this machine once: " << std::string(what) << std::endl;
  };
  options.profile = [profile] { return LoadOrMeasureProfile(profile); };
  options.kept_profile = [profile] { return KeptProfile(profile); };
}

}  // namespace strata
