// The operations that work row by row, on a GPU: norms, activations, sums, rotary embedding, gather
// and the append of KV rows. All are bound by memory; rows are taken from more than the cache
// holds.
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "bench/support/cuda_bench.h"
#include "kernels/base/status.h"

namespace strata::bench {
namespace {

constexpr int64_t kRows = 16384;
constexpr int64_t kColumns = 4096;

void AddCase(CudaBench& bench, const std::string& name,
             void (*run)(benchmark::State& state, CudaBench& bench)) {
  AddCudaCase(name, [&bench, run](benchmark::State& state) { run(state, bench); });
}

void RunRmsNorm(benchmark::State& state, CudaBench& bench) {
  const DeviceTensor x(*bench.device, DType::kF32, {kRows, kColumns});
  const DeviceTensor out(*bench.device, DType::kF32, {kRows, kColumns});
  const DeviceTensor weight(*bench.device, DType::kBF16, {kColumns});
  const RmsNormArgs args = {.x = x.view(), .weight = weight.view(), .out = out.mutable_view()};
  RunCudaCase(state, bench, Cost(args), [&] { return bench.backend->RmsNorm(args); });
}

void RunLayerNorm(benchmark::State& state, CudaBench& bench) {
  const DeviceTensor x(*bench.device, DType::kF32, {kRows, kColumns});
  const DeviceTensor out(*bench.device, DType::kF32, {kRows, kColumns});
  const DeviceTensor weight(*bench.device, DType::kBF16, {kColumns});
  const LayerNormArgs args = {
      .x = x.view(), .weight = weight.view(), .bias = weight.view(), .out = out.mutable_view()};
  RunCudaCase(state, bench, Cost(args), [&] { return bench.backend->LayerNorm(args); });
}

void RunGatedActivate(benchmark::State& state, CudaBench& bench) {
  const DeviceTensor gate(*bench.device, DType::kF32, {kRows, kColumns});
  const DeviceTensor up(*bench.device, DType::kF32, {kRows, kColumns});
  const GatedActivateArgs args = {.gate = gate.view(), .up = up.view(), .out = up.mutable_view()};
  RunCudaCase(state, bench, Cost(args), [&] { return bench.backend->GatedActivate(args); });
}

void RunGelu(benchmark::State& state, CudaBench& bench) {
  const DeviceTensor x(*bench.device, DType::kF32, {kRows, kColumns});
  const ActivateArgs args = {
      .x = x.view(), .activation = Activation::kGeluTanh, .out = x.mutable_view()};
  RunCudaCase(state, bench, Cost(args), [&] { return bench.backend->Activate(args); });
}

void RunAdd(benchmark::State& state, CudaBench& bench) {
  const DeviceTensor a(*bench.device, DType::kF32, {kRows, kColumns});
  const DeviceTensor b(*bench.device, DType::kF32, {kRows, kColumns});
  const AddArgs args = {.a = a.view(), .b = b.view(), .out = a.mutable_view()};
  RunCudaCase(state, bench, Cost(args), [&] { return bench.backend->Add(args); });
}

void RunRope(benchmark::State& state, CudaBench& bench) {
  const DeviceTensor x(*bench.device, DType::kF32, {kRows, 32, 128});
  const DeviceTensor angles(*bench.device, DType::kF32, {kRows, 64});
  const RopeArgs args = {.x = x.mutable_view(), .cosines = angles.view(), .sines = angles.view()};
  RunCudaCase(state, bench, Cost(args), [&] { return bench.backend->Rope(args); });
}

// Rotary embedding and append: as the operations it is made of, and fused.
enum class RopeAppend { kComposed, kFused };

template <DType kDType, RopeAppend kForm>
void RunRopeAppend(benchmark::State& state, CudaBench& bench) {
  const KvLayout layout = {
      .dtype = kDType, .page_size = 16, .num_kv_heads = 8, .head_dim = 128, .v_head_dim = 128};
  const DeviceTensor queries(*bench.device, DType::kF32, {kRows, 32, 128});
  const DeviceTensor keys(*bench.device, DType::kF32, {kRows, 8, 128});
  const DeviceTensor values(*bench.device, DType::kF32, {kRows, 8, 128});
  const DeviceTensor angles(*bench.device, DType::kF32, {kRows, 64});
  const int64_t num_pages = kRows / layout.page_size;
  const DeviceTensor memory(*bench.device, DType::kF32, {num_pages * layout.PageBytes() / 4});
  std::vector<void*> pages;
  for (int64_t i = 0; i < num_pages; ++i) pages.push_back(memory.data() + i * layout.PageBytes());
  const KvSequence sequence = {.pages = pages, .num_queries = kRows};
  const RopeAppendKvArgs args = {.queries = queries.mutable_view(),
                                 .keys = keys.mutable_view(),
                                 .values = values.view(),
                                 .cosines = angles.view(),
                                 .sines = angles.view(),
                                 .kv = {layout, {&sequence, 1}}};
  RunCudaCase(state, bench, Cost(args), [&] {
    return kForm == RopeAppend::kFused ? bench.backend->RopeAppendKv(args)
                                       : bench.backend->Backend::RopeAppendKv(args);
  });
}

// Candidates of a batch's logits; the rung below is a copy of the whole rows to the host.
void RunTopLogits(benchmark::State& state, CudaBench& bench) {
  constexpr int64_t kVocab = 128256, kBatch = 64, kCount = 128;
  const DeviceTensor logits(*bench.device, DType::kF32, {kBatch, kVocab});
  const DeviceTensor ids(*bench.device, DType::kF32, {kBatch, kCount});
  const DeviceTensor values(*bench.device, DType::kF32, {kBatch, kCount});
  const DeviceTensor mass(*bench.device, DType::kF32, {kBatch, 1});
  const std::vector<float> temperatures(kBatch, 0.8f);
  const TopLogitsArgs args = {.logits = logits.view(),
                              .temperatures = temperatures,
                              .ids = MutableTensorView(ids.data(), DType::kI32, {kBatch, kCount}),
                              .values = values.mutable_view(),
                              .mass = mass.mutable_view()};
  RunCudaCase(state, bench, Cost(args), [&] { return bench.backend->TopLogits(args); });
}

void RunCopyOfLogits(benchmark::State& state, CudaBench& bench) {
  constexpr int64_t kVocab = 128256, kBatch = 64;
  const DeviceTensor logits(*bench.device, DType::kF32, {kBatch, kVocab});
  const int64_t bytes = BytesOf(DType::kF32, kBatch * kVocab);
  absl::StatusOr<Buffer> host = bench.device->AllocateHost(bytes);
  STRATA_CHECK(host.ok(), "no host memory for a benchmark");
  RunCudaCase(state, bench, {.bytes_read = bytes}, [&] {
    return bench.device->CopyOut(host->data(), logits.data(), bytes).Synchronize();
  });
}

void RunGather(benchmark::State& state, CudaBench& bench) {
  const DeviceTensor table(*bench.device, DType::kBF16, {128256, kColumns});
  const DeviceTensor out(*bench.device, DType::kF32, {kRows, kColumns});
  std::vector<int32_t> indices(kRows);
  for (int64_t i = 0; i < kRows; ++i) {
    indices[static_cast<size_t>(i)] = static_cast<int32_t>(i * 7919 % 128256);
  }
  const GatherRowsArgs args = {
      .table = table.view(), .indices = indices, .out = out.mutable_view()};
  RunCudaCase(state, bench, Cost(args), [&] { return bench.backend->GatherRows(args); });
}

template <DType kDType>
void RunAppend(benchmark::State& state, CudaBench& bench) {
  const KvLayout layout = {
      .dtype = kDType, .page_size = 16, .num_kv_heads = 8, .head_dim = 128, .v_head_dim = 128};
  const DeviceTensor keys(*bench.device, DType::kF32, {kRows, 8, 128});
  const DeviceTensor values(*bench.device, DType::kF32, {kRows, 8, 128});
  const int64_t num_pages = kRows / layout.page_size;
  const DeviceTensor memory(*bench.device, DType::kF32, {num_pages * layout.PageBytes() / 4});
  std::vector<void*> pages;
  for (int64_t i = 0; i < num_pages; ++i) pages.push_back(memory.data() + i * layout.PageBytes());
  const KvSequence sequence = {.pages = pages, .num_queries = kRows};
  const AppendKvArgs args = {
      .keys = keys.view(), .values = values.view(), .kv = {layout, {&sequence, 1}}};
  RunCudaCase(state, bench, Cost(args), [&] { return bench.backend->AppendKv(args); });
}

void AddCases(CudaBench& bench) {
  AddCase(bench, "rms_norm/rows:16384/columns:4096", &RunRmsNorm);
  AddCase(bench, "layer_norm/rows:16384/columns:4096", &RunLayerNorm);
  AddCase(bench, "gated_activate/silu/rows:16384/columns:4096", &RunGatedActivate);
  AddCase(bench, "activate/gelu_tanh/rows:16384/columns:4096", &RunGelu);
  AddCase(bench, "add/rows:16384/columns:4096", &RunAdd);
  AddCase(bench, "rope/tokens:16384/heads:32/dim:128", &RunRope);
  AddCase(bench, "gather_rows/rows:16384/columns:4096", &RunGather);
  AddCase(bench, "append_kv/bf16/tokens:16384", &RunAppend<DType::kBF16>);
  AddCase(bench, "append_kv/int8/tokens:16384", &RunAppend<DType::kInt8Groups>);
  AddCase(bench, "append_kv/int4/tokens:16384", &RunAppend<DType::kInt4Groups>);
  AddCase(bench, "top_logits/rows:64/vocab:128256", &RunTopLogits);
  AddCase(bench, "top_logits/rows_to_host/rows:64/vocab:128256", &RunCopyOfLogits);
  AddCase(bench, "rope_append_kv/composed/bf16/tokens:16384",
          &RunRopeAppend<DType::kBF16, RopeAppend::kComposed>);
  AddCase(bench, "rope_append_kv/fused/bf16/tokens:16384",
          &RunRopeAppend<DType::kBF16, RopeAppend::kFused>);
  AddCase(bench, "rope_append_kv/composed/int4/tokens:16384",
          &RunRopeAppend<DType::kInt4Groups, RopeAppend::kComposed>);
  AddCase(bench, "rope_append_kv/fused/int4/tokens:16384",
          &RunRopeAppend<DType::kInt4Groups, RopeAppend::kFused>);
}

}  // namespace
}  // namespace strata::bench

int main(int argc, char** argv) {
  return strata::bench::RunCudaBenchmarks(argc, argv, &strata::bench::AddCases);
}
