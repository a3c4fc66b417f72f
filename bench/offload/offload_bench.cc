// What offloading to disk costs and what the plan says of it: a Llama shape in bf16 (dummy weights)
// that is larger than its host budget.
//
//   offload_bench [--dir D] [--rounds N] [decode] [accuracy] [search] [prefix]
//
// decode: tokens/s at batch 1 and 16 under 1500 MB against the bound, which is the O_DIRECT read
// rate measured in the same round divided by the bytes that a pass reads.
// accuracy: predicted beside measured wall time of ten configurations, each predicted from a
// profile of the machine as it was just before: it is shared, and its rates change within minutes.
// search: the searched policy beside every one of a grid of policies, all measured.
// prefix: prompts with a common beginning, shared and not.
// Not a Google Benchmark program: what is compared alternates within a round. Prints markdown.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/planning.h"
#include "engine/profile/disk_rates.h"
#include "engine/profile/profile.h"
#include "engine/profile/repeated_measurement.h"
#include "engine/throughput/throughput.h"
#include "kernels/base/status.h"

namespace strata::bench {
namespace {

constexpr int64_t kMegabyte = 1'000'000;
constexpr int64_t kProbeBytes = int64_t{1} << 30;

template <typename T>
T OrExit(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::fprintf(stderr, "offload_bench: %s\n", std::string(value.status().message()).c_str());
    std::exit(1);
  }
  return *std::move(value);
}

struct Settings {
  std::string directory = ".";
  int rounds = 3;
  HardwareProfile profile;
};

struct Case {
  std::string name;
  std::string shape = "llama-1.1b";
  std::optional<int64_t> host_megabytes;
  std::optional<Percentages> percent;
  Workload workload;
  std::optional<int64_t> micro_batch_rows = std::nullopt;
  std::optional<int64_t> num_micro_batches = std::nullopt;
};

EngineOptions OptionsOf(const Case& run, const Settings& settings) {
  EngineOptions options = {
      .model = absl::StrCat(STRATA_SOURCE_DIR, "/bench/engine/", run.shape, ".json"),
      .load_format = LoadFormat::kDummy};
  options.placement.disk_directory = settings.directory;
  if (run.host_megabytes) options.placement.host_memory = *run.host_megabytes * kMegabyte;
  options.placement.percent = run.percent;
  options.placement.micro_batch_rows = run.micro_batch_rows;
  options.placement.num_micro_batches = run.num_micro_batches;
  options.placement.workload = run.workload;
  options.placement.profile = [profile = settings.profile] { return profile; };
  return options;
}

ThroughputResult Measure(const Case& run, const Settings& settings, int64_t repeat) {
  return OrExit(MeasureThroughput({.engine = OptionsOf(run, settings), .repeat = repeat}));
}

double DecodeRate(const ThroughputResult& result, const Workload& workload) {
  std::vector<double> rates;
  for (const ThroughputSample& sample : result.samples) {
    rates.push_back(static_cast<double>(workload.num_sequences * (workload.output_tokens - 1)) /
                    sample.decode_s);
  }
  return Median(rates);
}

double MeasuredSeconds(const ThroughputResult& result) {
  std::vector<double> seconds;
  for (const ThroughputSample& sample : result.samples) {
    seconds.push_back(sample.report.measured_seconds);
  }
  return Median(seconds);
}

void Decode(const Settings& settings) {
  const Case one = {.name = "batch 1",
                    .host_megabytes = 1500,
                    .percent = std::nullopt,
                    .workload = {.num_sequences = 1, .prompt_tokens = 16, .output_tokens = 16}};
  Case sixteen = one;
  sixteen.workload.num_sequences = 16;
  std::printf("\n## Decode under 1500 MB\n\n");
  std::printf(
      "| round | disk read MB/s | batch 1 MB/pass | batch 1 tokens/s | bound tokens/s | %% of "
      "bound | batch 16 MB/pass | batch 16 tokens/s | 16 : 1 | peak host MB |\n");
  std::printf("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
  std::vector<double> shares, gains;
  for (int round = 0; round < settings.rounds; ++round) {
    const std::unique_ptr<DiskProbe> probe =
        OrExit(DiskProbe::Create(settings.directory, kProbeBytes));
    OrExit(probe->MeasureWrite());
    const double before = OrExit(probe->MeasureRead()).bytes_per_s;
    const ThroughputResult small = Measure(one, settings, 1);
    const double after = OrExit(probe->MeasureRead()).bytes_per_s;
    const ThroughputResult large = Measure(sixteen, settings, 1);
    const double disk = (before + after) / 2;
    const double bytes = static_cast<double>(small.bytes_read_per_pass);
    const double rate = DecodeRate(small, one.workload);
    const double many = DecodeRate(large, sixteen.workload);
    shares.push_back(100 * rate * bytes / disk);
    gains.push_back(many / rate);
    std::printf("| %d | %.0f | %.0f | %.2f | %.2f | %.0f | %.0f | %.1f | %.1f | %.0f |\n", round,
                disk / 1e6, bytes / 1e6, rate, disk / bytes, shares.back(),
                static_cast<double>(large.bytes_read_per_pass) / 1e6, many, gains.back(),
                static_cast<double>(std::max(small.peak.host, large.peak.host)) / 1e6);
    std::fflush(stdout);
  }
  std::printf("\nmedian: %.0f %% of the bound at batch 1; batch 16 gives %.1f times batch 1\n",
              Median(shares), Median(gains));
}

std::vector<Case> AccuracyCases() {
  const auto workload = [](int64_t sequences, int64_t prompt, int64_t output) {
    return Workload{.num_sequences = sequences, .prompt_tokens = prompt, .output_tokens = output};
  };
  return {
      {"1.1B in memory, batch 1", "llama-1.1b", {}, {}, workload(1, 64, 32)},
      {"1.1B in memory, batch 16", "llama-1.1b", {}, {}, workload(16, 32, 16)},
      {"1.1B in 1500 MB, batch 1", "llama-1.1b", 1500, {}, workload(1, 32, 16)},
      {"1.1B in 1500 MB, batch 4", "llama-1.1b", 1500, {}, workload(4, 32, 16)},
      {"1.1B in 1500 MB, batch 16", "llama-1.1b", 1500, {}, workload(16, 16, 16)},
      {"1.1B in 900 MB, batch 1", "llama-1.1b", 900, {}, workload(1, 16, 16)},
      {"1.1B in 900 MB, batch 16", "llama-1.1b", 900, {}, workload(16, 16, 16)},
      {"0.3B in memory, batch 8", "llama-0.3b", {}, {}, workload(8, 128, 32)},
      {"0.3B in 400 MB, batch 1", "llama-0.3b", 400, {}, workload(1, 64, 32)},
      {"0.3B, half of weights and KV on disk, batch 16",
       "llama-0.3b",
       {},
       Percentages{.weights_host = 50, .kv_host = 50},
       workload(16, 64, 32)},
  };
}

void Accuracy(const Settings& at_start) {
  std::printf("\n## Predicted beside measured\n\n");
  std::printf(
      "| configuration | policy | predicted s | measured s | measured / predicted | bound by "
      "|\n|---|---|---:|---:|---:|---|\n");
  int num_within = 0;
  const std::vector<Case> cases = AccuracyCases();
  for (const Case& run : cases) {
    Settings settings = at_start;
    settings.profile = OrExit(MeasureProfile({.disk_directory = settings.directory}));
    const ThroughputResult result = Measure(run, settings, settings.rounds);
    const RunReport& report = result.samples.back().report;
    const double measured = MeasuredSeconds(result);
    const double ratio = measured / report.predicted_seconds;
    if (ratio >= 0.85 && ratio <= 1.15) ++num_within;
    std::printf("| %s | %s | %.3f | %.3f | %.2f | %s |\n", run.name.c_str(), result.policy.c_str(),
                report.predicted_seconds, measured, ratio, report.bound_by.c_str());
    std::fflush(stdout);
  }
  std::printf("\nwithin 15 per cent: %d of %d\n", num_within, static_cast<int>(cases.size()));
}

// Every combination of a share of weights in memory and a cut into micro-batches that fits.
void Search(const Settings& settings) {
  const auto workload = [](int64_t sequences, int64_t prompt, int64_t output) {
    return Workload{.num_sequences = sequences, .prompt_tokens = prompt, .output_tokens = output};
  };
  const std::vector<Case> cases = {
      {"0.3B in 400 MB, batch 1", "llama-0.3b", 400, {}, workload(1, 32, 12)},
      {"0.3B in 450 MB, batch 8", "llama-0.3b", 450, {}, workload(8, 32, 12)},
      {"0.3B in 500 MB, batch 16", "llama-0.3b", 500, {}, workload(16, 32, 12)},
  };
  std::printf("\n## The searched policy beside a grid\n\n");
  std::printf(
      "| configuration | searched policy | s | best of the grid | s | policies that fit | "
      "searched / best |\n|---|---|---:|---|---:|---:|---:|\n");
  for (const Case& run : cases) {
    double best = 0;
    std::string best_policy;
    int num_fitting = 0;
    for (const int host : {0, 30, 50, 60, 70, 80, 90, 100}) {
      for (const int64_t rows : {64, 512}) {
        Case candidate = run;
        candidate.percent = Percentages{.weights_host = host};
        candidate.micro_batch_rows = rows;
        candidate.num_micro_batches = 512 / rows;
        const absl::StatusOr<ThroughputResult> result =
            MeasureThroughput({.engine = OptionsOf(candidate, settings), .repeat = 1});
        if (!result.ok()) continue;  // over the budget
        ++num_fitting;
        const double seconds = MeasuredSeconds(*result);
        if (best == 0 || seconds < best) {
          best = seconds;
          best_policy = result->policy;
        }
      }
    }
    const ThroughputResult searched = Measure(run, settings, 3);
    const double seconds = MeasuredSeconds(searched);
    std::printf("| %s | %s | %.3f | %s | %.3f | %d | %.2f |\n", run.name.c_str(),
                searched.policy.c_str(), seconds, best_policy.c_str(), best, num_fitting,
                best > 0 ? seconds / best : 0.0);
    std::fflush(stdout);
  }
}

void Prefix(const Settings& settings) {
  Case run = {.name = "32 prompts of 512 tokens, 448 of them shared",
              .shape = "llama-0.3b",
              .host_megabytes = std::nullopt,
              .percent = std::nullopt,
              .workload = {.num_sequences = 32, .prompt_tokens = 512, .output_tokens = 8}};
  std::printf("\n## A common prefix\n\n| prompts | rows computed | prefill s |\n|---|---:|---:|\n");
  for (const int64_t shared : {0, 448}) {
    run.workload.shared_prefix_tokens = shared;
    const ThroughputResult result = Measure(run, settings, 1);
    std::printf("| 32 x 512, %d shared | %d | %.2f |\n", static_cast<int>(shared),
                static_cast<int>(result.samples[0].report.num_rows), result.samples[0].prefill_s);
    std::fflush(stdout);
  }
}

int Main(int argc, char** argv) {
  Settings settings;
  std::vector<std::string> chosen;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--dir" && i + 1 < argc) {
      settings.directory = argv[++i];
    } else if (argument == "--rounds" && i + 1 < argc &&
               absl::SimpleAtoi(argv[i + 1], &settings.rounds) && settings.rounds > 0) {
      ++i;
    } else if (!absl::StartsWith(argument, "--")) {
      chosen.push_back(argument);
    }
  }
  if (chosen.empty()) chosen = {"decode", "accuracy", "search", "prefix"};
  settings.profile = OrExit(MeasureProfile({.disk_directory = settings.directory}));
  std::printf(
      "%s: memory %.1f GB/s, disk read %.2f GB/s, write %.2f GB/s, bf16 products %.1f to "
      "%.1f GFLOP/s\n",
      settings.profile.cpu.name.c_str(), settings.profile.cpu.memory_bytes_per_s / 1e9,
      settings.profile.disk_read.bytes_per_s / 1e9, settings.profile.disk_write.bytes_per_s / 1e9,
      settings.profile.cpu.mat_mul.front().flops_per_s / 1e9,
      settings.profile.cpu.mat_mul.back().flops_per_s / 1e9);
  const struct {
    const char* name;
    void (*run)(const Settings&);
  } kExperiments[] = {
      {"decode", &Decode}, {"accuracy", &Accuracy}, {"search", &Search}, {"prefix", &Prefix}};
  for (const auto& experiment : kExperiments) {
    if (std::find(chosen.begin(), chosen.end(), experiment.name) != chosen.end()) {
      experiment.run(settings);
    }
  }
  return 0;
}

}  // namespace
}  // namespace strata::bench

int main(int argc, char** argv) { return strata::bench::Main(argc, argv); }
