// The operations that pass over rows once: norms, activations, rotary, residual sum, gather, KV
// append, merging of partial attention. All are bound by memory; cold: 4096 rows of 4096 exceed the
// caches.
#include "absl/strings/str_cat.h"
#include "bench/support/op_bench.h"

namespace strata::bench {
namespace {

constexpr int64_t kNumRows = 4096;
constexpr int64_t kNumColumns = 4096;
constexpr int64_t kNumHeads = 32;
constexpr int64_t kHeadDim = kNumColumns / kNumHeads;
constexpr int64_t kPageSize = 32;

// Runs `op` until the benchmark has enough, and reports its cost.
template <typename Args>
void Repeat(benchmark::State& state, Bench& bench, absl::Status (Backend::*op)(const Args&),
            const Args& args) {
  for (auto _ : state) {
    if (!CheckOk(state, (bench.backend.get()->*op)(args))) return;
  }
  Report(state, bench.probe, Cost(args));
}

void RunGather(benchmark::State& state, Bench& bench) {
  const BenchTensor table(DType::kBF16, {32000, kNumColumns});
  const BenchTensor out(DType::kF32, {kNumRows, kNumColumns});
  std::vector<int32_t> indices;
  for (int64_t i = 0; i < kNumRows; ++i) {
    indices.push_back(static_cast<int32_t>(i * 7919 % 32000));
  }
  Repeat<GatherRowsArgs>(state, bench, &Backend::GatherRows,
                         {.table = table.view(), .indices = indices, .out = out.mutable_view()});
}

void RunRmsNorm(benchmark::State& state, Bench& bench) {
  const BenchTensor x(DType::kF32, {kNumRows, kNumColumns});
  const BenchTensor weight(DType::kBF16, {kNumColumns});
  const BenchTensor out(DType::kF32, {kNumRows, kNumColumns});
  Repeat<RmsNormArgs>(state, bench, &Backend::RmsNorm,
                      {.x = x.view(), .weight = weight.view(), .out = out.mutable_view()});
}

void RunLayerNorm(benchmark::State& state, Bench& bench) {
  const BenchTensor x(DType::kF32, {kNumRows, kNumColumns});
  const BenchTensor weight(DType::kBF16, {kNumColumns});
  const BenchTensor bias(DType::kBF16, {kNumColumns});
  const BenchTensor out(DType::kF32, {kNumRows, kNumColumns});
  Repeat<LayerNormArgs>(
      state, bench, &Backend::LayerNorm,
      {.x = x.view(), .weight = weight.view(), .bias = bias.view(), .out = out.mutable_view()});
}

void RunGatedActivate(benchmark::State& state, Bench& bench) {
  const BenchTensor gate(DType::kF32, {kNumRows, kNumColumns});
  const BenchTensor up(DType::kF32, {kNumRows, kNumColumns});
  Repeat<GatedActivateArgs>(state, bench, &Backend::GatedActivate,
                            {.gate = gate.view(),
                             .up = up.view(),
                             .activation = Activation::kSilu,
                             .out = up.mutable_view()});
}

void RunActivate(benchmark::State& state, Bench& bench) {
  const BenchTensor x(DType::kF32, {kNumRows, kNumColumns});
  Repeat<ActivateArgs>(
      state, bench, &Backend::Activate,
      {.x = x.view(), .activation = Activation::kGeluTanh, .out = x.mutable_view()});
}

void RunAdd(benchmark::State& state, Bench& bench) {
  const BenchTensor a(DType::kF32, {kNumRows, kNumColumns});
  const BenchTensor b(DType::kF32, {kNumRows, kNumColumns});
  Repeat<AddArgs>(state, bench, &Backend::Add,
                  {.a = a.view(), .b = b.view(), .out = a.mutable_view()});
}

void RunRope(benchmark::State& state, Bench& bench) {
  const BenchTensor x(DType::kF32, {kNumRows, kNumHeads, kHeadDim});
  const BenchTensor cosines(DType::kF32, {kNumRows, kHeadDim / 2});
  const BenchTensor sines(DType::kF32, {kNumRows, kHeadDim / 2});
  Repeat<RopeArgs>(state, bench, &Backend::Rope,
                   {.x = x.mutable_view(), .cosines = cosines.view(), .sines = sines.view()});
}

void RunAppendKv(benchmark::State& state, Bench& bench) {
  const KvLayout layout = {.dtype = DType::kBF16,
                           .page_size = kPageSize,
                           .num_kv_heads = 8,
                           .head_dim = 128,
                           .v_head_dim = 128};
  const int64_t num_pages = kNumRows / kPageSize;
  const BenchTensor keys(DType::kF32, {kNumRows, 8, 128});
  const BenchTensor values(DType::kF32, {kNumRows, 8, 128});
  const BenchTensor rows(DType::kBF16, {num_pages, 2 * 8 * kPageSize * 128});
  std::vector<void*> pages;
  for (int64_t page = 0; page < num_pages; ++page) {
    pages.push_back(static_cast<char*>(rows.data()) + page * layout.PageBytes());
  }
  const KvSequence sequence = {.pages = pages, .num_queries = kNumRows};
  Repeat<AppendKvArgs>(state, bench, &Backend::AppendKv,
                       {.keys = keys.view(),
                        .values = values.view(),
                        .kv = {layout, absl::MakeConstSpan(&sequence, 1)}});
}

void RunMergeAttention(benchmark::State& state, Bench& bench) {
  const BenchTensor a(DType::kF32, {kNumRows, kNumHeads, kHeadDim});
  const BenchTensor b(DType::kF32, {kNumRows, kNumHeads, kHeadDim});
  const BenchTensor a_sum(DType::kF32, {kNumRows, kNumHeads});
  const BenchTensor b_sum(DType::kF32, {kNumRows, kNumHeads});
  Repeat<MergeAttentionArgs>(state, bench, &Backend::MergeAttention,
                             {.a_out = a.view(),
                              .a_log_sum_exp = a_sum.view(),
                              .b_out = b.view(),
                              .b_log_sum_exp = b_sum.view(),
                              .out = a.mutable_view(),
                              .log_sum_exp = a_sum.mutable_view()});
}

void AddCases(Bench& bench) {
  const std::pair<const char*, void (*)(benchmark::State&, Bench&)> cases[] = {
      {"GatherRows", RunGather},
      {"RmsNorm", RunRmsNorm},
      {"LayerNorm", RunLayerNorm},
      {"GatedActivate/silu", RunGatedActivate},
      {"Activate/gelu_tanh", RunActivate},
      {"Add", RunAdd},
      {"Rope", RunRope},
      {"AppendKv/bf16", RunAppendKv},
      {"MergeAttention", RunMergeAttention}};
  for (const auto& [name, run] : cases) {
    benchmark::RegisterBenchmark(
        absl::StrCat(name, "/cold/threads:", bench.probe.num_threads).c_str(),
        [&bench, run = run](benchmark::State& state) { run(state, bench); })
        ->UseRealTime();
  }
}

}  // namespace
}  // namespace strata::bench

int main(int argc, char** argv) {
  return strata::bench::RunBenchmarks(argc, argv, strata::bench::AddCases);
}
