// Models, machines and policies for the plan room's tests: small, written by hand, round numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "offload/plan/hardware_profile.h"
#include "offload/plan/model_shape.h"
#include "offload/plan/policy.h"

namespace strata {

struct DenseModelArgs {
  int64_t num_layers = 4;
  int64_t hidden_dim = 256;
  int64_t ffn_dim = 1024;
  int64_t num_q_heads = 4;
  int64_t num_kv_heads = 2;
  int64_t vocab_size = 2000;
  int64_t weight_bytes = 2;  // of an element
  int64_t num_mlp_matrices = 3;
  bool tied_head = false;
};

// A decoder with grouped-query attention: embed; project, attend, output, mlp per layer; head.
inline ModelShape DenseModel(const DenseModelArgs& args) {
  const int64_t head_dim = args.hidden_dim / args.num_q_heads;
  const int64_t kv_dim = args.num_kv_heads * head_dim;
  ModelShape model = {.name = "dense",
                      .num_layers = args.num_layers,
                      .hidden_dim = args.hidden_dim,
                      .num_q_heads = args.num_q_heads,
                      .num_kv_heads = args.num_kv_heads,
                      .head_dim = head_dim,
                      .v_head_dim = head_dim,
                      .vocab_size = args.vocab_size,
                      .kv_page_size = 16,
                      .kv_bytes_per_token_layer = 2 * kv_dim * 2,
                      .activation_bytes_per_token = 2 * (4 * args.hidden_dim + 2 * args.ffn_dim),
                      .hidden_bytes_per_token = 2 * args.hidden_dim};
  const auto add = [&](std::string name, StageWork work, int64_t layer,
                       const std::vector<int64_t>& elements) {
    StageShape stage = {.name = std::move(name), .work = work, .layer_index = layer};
    for (const int64_t count : elements) {
      stage.tensor_bytes.push_back(count * args.weight_bytes);
      if (work != StageWork::kGather) stage.matmul_weights += count;
    }
    stage.tensor_is_shared.assign(elements.size(), false);
    model.stages.push_back(std::move(stage));
  };
  const int64_t h = args.hidden_dim;
  add("embed", StageWork::kGather, -1, {args.vocab_size * h});
  for (int64_t layer = 0; layer < args.num_layers; ++layer) {
    const std::string prefix = absl::StrCat("layer ", layer, " ");
    add(prefix + "project", StageWork::kMatMul, layer, {h, h * h, h * kv_dim, h * kv_dim});
    add(prefix + "attend", StageWork::kAttend, layer, {});
    add(prefix + "output", StageWork::kMatMul, layer, {h * h});
    std::vector<int64_t> mlp = {h};
    mlp.insert(mlp.end(), static_cast<size_t>(args.num_mlp_matrices), h * args.ffn_dim);
    add(prefix + "mlp", StageWork::kMatMul, layer, mlp);
  }
  add("head", StageWork::kHead, -1, {h, args.vocab_size * h});
  model.stages.back().tensor_is_shared[1] = args.tied_head;
  return model;
}

// A processor of 20 GB/s and a disk of 2 GB/s.
inline HardwareProfile CpuMachine() {
  return {.cpu = {.name = "cpu",
                  .memory_bytes_per_s = 20e9,
                  .mat_mul = {{DType::kBF16, 1, 20e9}, {DType::kBF16, 64, 400e9}},
                  .attention_bytes_per_s = 15e9,
                  .attention_flops_per_s = 200e9,
                  .seconds_per_stage = 1e-6},
          .disk_read = {2e9, 1e-5},
          .disk_write = {1e9, 1e-5},
          .cpu_share_beside_disk = 0.9};
}

// The same with an accelerator behind a link of 10 GB/s.
inline HardwareProfile GpuMachine() {
  HardwareProfile profile = CpuMachine();
  profile.gpu = {.name = "gpu",
                 .memory_bytes_per_s = 500e9,
                 .mat_mul = {{DType::kBF16, 1, 500e9}, {DType::kBF16, 256, 50e12}},
                 .attention_bytes_per_s = 300e9,
                 .attention_flops_per_s = 20e12,
                 .seconds_per_stage = 2e-6};
  profile.host_to_device = {10e9, 1e-5};
  profile.device_to_host = {10e9, 1e-5};
  return profile;
}

// Everything on `home`, computed on `device`.
inline Policy UniformPolicy(const ModelShape& model, Tier home, ComputeDevice device) {
  Policy policy;
  for (const StageShape& stage : model.stages) {
    policy.stages.push_back({std::vector<Tier>(stage.tensor_bytes.size(), home), device});
  }
  if (device == ComputeDevice::kGpu) policy.kv = {.gpu = 1, .host = 0, .disk = 0};
  return policy;
}

}  // namespace strata
