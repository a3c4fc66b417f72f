#include "bench/plan/flexgen_cost_model.h"

#include <algorithm>
#include <cmath>

#include "offload/plan/policy_search.h"
#include "offload/plan/spread_tensors.h"

namespace strata {

FlexGenEstimate FlexGenCost(const FlexGenRow& row, double disk_gib_per_s) {
  constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
  constexpr double kHostToGpu = 12.89 * kGiB, kGpuToHostKv = 0.97 * kGiB;
  constexpr double kGpuToHostHidden = 4.82 * kGiB, kDiskWriteKv = 0.746 * kGiB;
  constexpr double kDiskWrite = 2.015 * kGiB;
  const double disk_read = disk_gib_per_s * kGiB;
  const double h = static_cast<double>(row.model.hidden_dim);
  const double ffn = 4 * h;
  const double s = static_cast<double>(row.prompt_tokens);
  const double n = static_cast<double>(row.output_tokens);
  const double gbs = static_cast<double>(row.policy.micro_batch_sequences);
  const double block = gbs * static_cast<double>(row.policy.num_micro_batches);
  const double layers = static_cast<double>(row.model.num_layers);
  const FlexGenPolicy& p = row.policy;
  const double weights_disk = 1 - p.weights_gpu - p.weights_host;
  const double kv_disk = 1 - p.kv_gpu - p.kv_host;
  const double hidden_disk = 1 - p.activations_gpu - p.activations_host;
  const double hidden_off = 1 - p.activations_gpu;
  const double layer_bytes = 8 * h * h + 4 * h * ffn;
  const double macs = 8 * h * h + 4 * h * ffn;  // flops of one row: as many as bytes of 16 bits
  // Prefill, per layer.
  const double to_gpu =
      ((1 - p.weights_gpu) * layer_bytes + 2 * hidden_off * s * h * block) / kHostToGpu;
  const double to_host = 4 * (1 - p.kv_gpu) * (s + 1) * h * block / kGpuToHostKv +
                         2 * hidden_off * s * h * block / kGpuToHostHidden;
  const double from_disk =
      (weights_disk * layer_bytes + 2 * hidden_disk * s * h * block) / disk_read;
  const double to_disk = 4 * kv_disk * block * (s + 1) * h / kDiskWriteKv +
                         2 * hidden_disk * s * h * block / kDiskWrite;
  const double compute = block * s * macs / 21.24e12 + 4 * block * s * s * h / 9.97e12;
  const double prefill = std::max({to_gpu + from_disk, to_host + to_disk, compute});
  // Decode, per layer and pass, at the mean context.
  const double context = s + n / 2;
  const double a = std::max(0.0, std::log2(64 / gbs));
  const double b = std::max(0.0, std::log2(4096 / h));
  const double cpu = 0.0123e12 * std::max(0.1, 1 + 0.0168 * a * b - 0.0328 * a - 0.0621 * b);
  const double decode_to_gpu =
      ((1 - p.weights_gpu) * layer_bytes + 2 * hidden_off * h * block) / kHostToGpu;
  const double decode_to_host = 2 * hidden_off * h * block / kGpuToHostHidden;
  const double decode_from_disk =
      (4 * kv_disk * block * context * h + 2 * hidden_disk * h * block) / disk_read +
      weights_disk * layer_bytes / (0.95 * disk_read);
  const double decode_to_disk =
      (4 * kv_disk * block * h + 2 * hidden_disk * h * block) / kDiskWrite;
  const double decode_compute = block * macs / 4.3e12 +
                                4 * p.kv_gpu * block * context * h / 0.079e12 +
                                4 * (1 - p.kv_gpu) * block * context * h / cpu;
  const double decode =
      decode_to_gpu + std::max({decode_to_host, decode_from_disk, decode_to_disk, decode_compute});
  FlexGenEstimate estimate = {.prefill_seconds = prefill * layers,
                              .decode_seconds = decode * (n - 1) * layers};
  estimate.tokens_per_s = block * n / (estimate.prefill_seconds + estimate.decode_seconds);
  return estimate;
}

Estimate StrataEstimate(const FlexGenRow& row, const HardwareProfile& machine) {
  const ModelShape model = OptShape(row.model);
  const FlexGenPolicy& theirs = row.policy;
  const auto per_cent = [](double share) { return static_cast<int>(share * 100 + 0.5); };
  Policy policy = *PolicyFromPercent(model,
                                     {.weights_gpu = per_cent(theirs.weights_gpu),
                                      .weights_host = per_cent(theirs.weights_host),
                                      .kv_gpu = per_cent(theirs.kv_gpu),
                                      .kv_host = per_cent(theirs.kv_host),
                                      .activations_gpu = per_cent(theirs.activations_gpu),
                                      .activations_host = per_cent(theirs.activations_host)},
                                     true);
  policy.prefill_attend_device = ComputeDevice::kGpu;
  policy.micro_batch_sequences = theirs.micro_batch_sequences;
  policy.num_micro_batches = theirs.num_micro_batches;
  policy.micro_batch_rows = theirs.micro_batch_sequences * row.prompt_tokens;
  const Workload workload = {
      .num_sequences = theirs.micro_batch_sequences * theirs.num_micro_batches,
      .prompt_tokens = row.prompt_tokens,
      .output_tokens = row.output_tokens};
  return EstimatePolicy(CostModel(model, machine), policy, workload);
}

}  // namespace strata
