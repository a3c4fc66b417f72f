// Predictions for models and machines that are not here, as the markdown tables of
// docs/predictions.md: plans found by the search, priced by the simulator. Nothing is measured.
//
//   build/release/bin/predictions > predictions.md
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/plan/flexgen_cost_model.h"
#include "bench/plan/published_models.h"
#include "offload/plan/plan_table.h"
#include "offload/plan/policy_json.h"
#include "offload/plan/policy_search.h"
#include "offload/plan/spread_tensors.h"

namespace strata {
namespace {

constexpr int64_t kGB = 1000000000;
// What the system and its drivers keep for themselves.
constexpr int64_t kGpuMargin = kGB;
constexpr int64_t kHostMargin = 8 * kGB;

// --- FlexGen's rows ---

struct PublishedRow {
  FlexGenRow row;
  double published = 0;
  double disk_gib_per_s = 0.473;
};

void PrintFlexGenRows() {
  const std::vector<PublishedRow> rows = {
      {{kOpt30B, 256, 32, {160, 2, 0.1, 0.9, 0, 1, 0, 1}}, 16.01},
      {{kOpt30B, 512, 32, {48, 3, 0.2, 0.8, 0, 1, 0, 1}}, 7.32},
      {{kOpt30B, 1024, 32, {20, 4, 0.04, 0.96, 0, 1, 0, 1}}, 3.50},
      {{kOpt175B, 512, 32, {32, 8, 0, 0.5, 0, 0, 0, 1}}, 0.69, 0.473},
      {{kOpt175B, 512, 32, {32, 8, 0, 0.5, 0, 0, 0, 1}}, 0.69, 1.6},
      {{kOpt175B, 512, 32, {32, 8, 0, 0.5, 0, 0, 0, 1}}, 0.69, 2.0},
      {{kOpt175B, 512, 32, {32, 8, 0, 0.5, 0, 0, 0, 1}}, 0.69, 2.8},
  };
  std::printf(
      "| model, prompt + output | micro-batches | disk read GiB/s | published tokens/s | "
      "FlexGen's model | this model | bound by |\n|---|---|---:|---:|---:|---:|---|\n");
  for (const PublishedRow& row : rows) {
    const FlexGenEstimate theirs = FlexGenCost(row.row, row.disk_gib_per_s);
    const Estimate ours = StrataEstimate(row.row, FlexGenMachineWithDisk(row.disk_gib_per_s));
    std::printf("| %s, %d + %d | %d x %d | %.3g | %.2f | %.3g | %.3g | %s |\n", row.row.model.name,
                static_cast<int>(row.row.prompt_tokens), static_cast<int>(row.row.output_tokens),
                static_cast<int>(row.row.policy.micro_batch_sequences),
                static_cast<int>(row.row.policy.num_micro_batches), row.disk_gib_per_s,
                row.published, theirs.tokens_per_s, ours.tokens_per_s, ours.bound_by.c_str());
  }
}

// --- plans ---

struct PlanCase {
  std::string machine_name;
  ModelShape model;
  HardwareProfile machine;
  TierBytes memory;  // of the machine
  Workload workload;
  int64_t min_sequences = 0;
};

std::vector<PlanCase> PlanCases() {
  std::vector<PlanCase> cases;
  for (const OptSize& size : {kOpt30B, kOpt175B}) {
    const bool large = size.num_layers == kOpt175B.num_layers;
    cases.push_back(
        {"T4, 208 GB, disk 2 GB/s",
         OptShape(size),
         T4Machine(),
         {16 * kGB, 208 * kGB, 1500 * kGB},
         {.num_sequences = large ? 256 : 512, .prompt_tokens = 512, .output_tokens = 32},
         8});
  }
  for (const ModelShape& model : {Llama70BShape(), DeepSeekR1Shape()}) {
    for (const bool workstation : {true, false}) {
      const HostRates& host = workstation ? kWorkstation : kDesktop;
      for (const int64_t sequences : {1, 64}) {
        cases.push_back(
            {workstation ? "RTX 4090, 256 GB, NVMe 7 GB/s" : "RTX 4090, 64 GB, NVMe 7 GB/s",
             model,
             Rtx4090Machine(host, model),
             {24 * kGB, (workstation ? 256 : 64) * kGB, 2000 * kGB},
             {.num_sequences = sequences, .prompt_tokens = 512, .output_tokens = 128},
             sequences == 1 ? 1 : 8});
      }
    }
  }
  return cases;
}

std::string GigaBytes(int64_t bytes) {
  return bytes == 0 ? "-" : absl::StrFormat("%.3g", static_cast<double>(bytes) / kGB);
}

std::string WhoComputes(const PlanResult& plan) {
  std::string on_cpu;
  for (const ClassUse& use : plan.classes) {
    if (use.name == "embed" || use.num_gpu_stages == use.num_stages) continue;
    absl::StrAppend(&on_cpu, on_cpu.empty() ? "" : ", ", use.name);
    if (use.num_gpu_stages > 0) {
      absl::StrAppend(&on_cpu, " (", use.num_stages - use.num_gpu_stages, " of ", use.num_stages,
                      ")");
    }
  }
  const KvLayerCounts& layers = plan.kv_layers;
  const int64_t attended = layers.all - layers.on_gpu - layers.travelling;
  if (attended > 0) {
    absl::StrAppend(&on_cpu, on_cpu.empty() ? "" : ", ", "attention in decode");
    if (attended < layers.all) absl::StrAppend(&on_cpu, " (", attended, " of ", layers.all, ")");
  }
  return on_cpu.empty() ? "nothing" : on_cpu;
}

bool PrintPlans(bool with_tables) {
  std::printf(
      "| model | machine | sequences, prompt + output | weights gpu / host / disk GB | KV gpu "
      "/ host / disk GB | computed on the cpu | prefill s | decode pass s | tokens/s | "
      "ceiling tokens/s | bound by |\n|---|---|---|---|---|---|---:|---:|---:|---:|---|\n");
  for (const PlanCase& plan_case : PlanCases()) {
    const TierBytes budgets = {plan_case.memory.gpu - kGpuMargin,
                               plan_case.memory.host - kHostMargin, plan_case.memory.disk};
    const absl::StatusOr<PlanResult> plan =
        SearchPolicy(plan_case.model, plan_case.machine, plan_case.workload, budgets,
                     {.min_sequences = plan_case.min_sequences, .kv_dtype = DType::kF16});
    if (!plan.ok()) {
      std::fprintf(stderr, "%s\n", plan.status().ToString().c_str());
      return false;
    }
    if (with_tables) {
      std::fprintf(stderr, "== %s on %s\n%s\n", plan_case.model.name.c_str(),
                   plan_case.machine_name.c_str(), FormatPlan(*plan, plan_case.machine).c_str());
    }
    const TierBytes& weights = plan->use.weights;
    const TierBytes& kv = plan->use.kv;
    std::printf(
        "| %s | %s | %d, %d + %d | %s / %s / %s | %s / %s / %s | %s | %.3g | %.3g | %.3g | "
        "%.3g | %s |\n",
        plan_case.model.name.c_str(), plan_case.machine_name.c_str(),
        static_cast<int>(plan->workload.num_sequences),
        static_cast<int>(plan->workload.prompt_tokens),
        static_cast<int>(plan->workload.output_tokens), GigaBytes(weights.gpu).c_str(),
        GigaBytes(weights.host).c_str(), GigaBytes(weights.disk).c_str(), GigaBytes(kv.gpu).c_str(),
        GigaBytes(kv.host).c_str(), GigaBytes(kv.disk).c_str(),
        plan->fits ? WhoComputes(*plan).c_str() : "does not fit", plan->estimate.prefill_seconds,
        plan->estimate.decode_pass_seconds, plan->estimate.tokens_per_s,
        plan->estimate.ceiling_tokens_per_s, plan->estimate.bound_by.c_str());
  }
  return true;
}

}  // namespace
}  // namespace strata

// With --tables, the full plans go to stderr.
int main(int argc, char** argv) {
  const bool with_tables = argc > 1 && std::string(argv[1]) == "--tables";
  std::printf("FlexGen's rows\n\n");
  strata::PrintFlexGenRows();
  std::printf("\nPlans\n\n");
  return strata::PrintPlans(with_tables) ? 0 : 1;
}
