// Tokens per second of whole passes: a 1.1B Llama shape (22 layers, hidden 2048, 32 heads, 4 KV
// heads, ffn 5632, vocabulary 32000) in bf16, dummy weights (seeded), against the read bandwidth
// and the multiply-add rate measured in the same run.
//
// Prefill: one pass over a prompt. Decode: one pass gives one token to each sequence of the batch;
// it must read every weight but the embedding table once, so bytes/s beside the probe's is the
// distance from the memory wall.
#include <sched.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "bench/support/machine_probe.h"
#include "benchmark/benchmark.h"
#include "engine/session.h"

namespace strata::bench {
namespace {

constexpr int64_t kDecodeContext = 128;  // tokens in the cache when decoding begins

struct LlamaBench {
  std::unique_ptr<Engine> engine;
  MachineProbe probe;
  int64_t weight_bytes = 0;  // that a pass reads: all but the embedding table
  int64_t weight_flops = 0;  // per token in the layers
};

std::vector<int32_t> Prompt(int64_t num_tokens, int64_t salt) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < num_tokens; ++i) {
    ids.push_back(static_cast<int32_t>((i * 7919 + salt * 104729) % 32000));
  }
  return ids;
}

bool CheckOk(benchmark::State& state, const absl::Status& status) {
  if (!status.ok()) state.SkipWithError(std::string(status.message()).c_str());
  return status.ok();
}

void RunPrefill(benchmark::State& state, LlamaBench& bench, int64_t num_tokens) {
  for (auto _ : state) {
    state.PauseTiming();
    absl::StatusOr<std::unique_ptr<Session>> session =
        Session::Create(*bench.engine, {.max_pass_tokens = num_tokens}, {});
    if (!CheckOk(state, session.status())) return;
    if (!CheckOk(state, (*session)->Submit({.prompt_ids = Prompt(num_tokens, 0)}).status())) return;
    state.ResumeTiming();
    if (!CheckOk(state, (*session)->RunPass())) return;
  }
  const double tokens = static_cast<double>(state.iterations() * num_tokens);
  const double flops = tokens * static_cast<double>(bench.weight_flops);
  state.counters["tokens/s"] = benchmark::Counter(tokens, benchmark::Counter::kIsRate);
  state.counters["flops/s"] = benchmark::Counter(flops, benchmark::Counter::kIsRate);
  state.counters["%bound"] =
      benchmark::Counter(100.0 * flops / bench.probe.flops_per_s, benchmark::Counter::kIsRate);
}

void RunDecode(benchmark::State& state, LlamaBench& bench, int64_t batch_size) {
  absl::StatusOr<std::unique_ptr<Session>> session =
      Session::Create(*bench.engine, {.max_batch_size = batch_size, .max_pass_tokens = 1024}, {});
  if (!CheckOk(state, session.status())) return;
  for (int64_t i = 0; i < batch_size; ++i) {
    Request request = {.prompt_ids = Prompt(kDecodeContext, i), .max_new_tokens = 1024};
    if (!CheckOk(state, (*session)->Submit(std::move(request)).status())) return;
  }
  // Enough passes that every prompt is computed, then only decode passes remain.
  for (int64_t done = 0; done < batch_size * kDecodeContext; done += 512) {
    if (!CheckOk(state, (*session)->RunPass())) return;
  }
  for (auto _ : state) {
    if (!CheckOk(state, (*session)->RunPass())) return;
  }
  const double passes = static_cast<double>(state.iterations());
  const double bytes = passes * static_cast<double>(bench.weight_bytes);
  state.counters["tokens/s"] =
      benchmark::Counter(passes * static_cast<double>(batch_size), benchmark::Counter::kIsRate);
  state.counters["bytes/s"] = benchmark::Counter(bytes, benchmark::Counter::kIsRate);
  state.counters["%bandwidth"] =
      benchmark::Counter(100.0 * bytes / bench.probe.read_bytes_per_s, benchmark::Counter::kIsRate);
}

absl::StatusOr<LlamaBench> MakeBench() {
  cpu_set_t cores;
  const int num_threads = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
  LlamaBench bench;
  absl::StatusOr<std::unique_ptr<Engine>> engine =
      Engine::Create({.model = absl::StrCat(STRATA_SOURCE_DIR, "/bench/engine/llama-1.1b.json"),
                      .load_format = LoadFormat::kDummy,
                      .num_threads = num_threads});
  if (!engine.ok()) return engine.status();
  bench.engine = *std::move(engine);
  bench.probe = ProbeMachine(num_threads);
  const std::vector<Stage>& stages = bench.engine->decoder().stages();
  for (size_t i = 0; i < stages.size(); ++i) {
    if (stages[i].kind == StageKind::kEmbed) continue;
    const int64_t bytes = bench.engine->weights().unit_bytes(static_cast<int64_t>(i));
    bench.weight_bytes += bytes;
    // Two bytes a weight, two operations a weight and token; the head runs on the last row alone.
    if (stages[i].kind != StageKind::kHead) bench.weight_flops += bytes;
  }
  std::printf("%s: read %.1f GB/s, multiply-add %.0f GFLOP/s; weights of a pass %.3f GB\n",
              bench.engine->backend().Name().c_str(), bench.probe.read_bytes_per_s / 1e9,
              bench.probe.flops_per_s / 1e9, static_cast<double>(bench.weight_bytes) / 1e9);
  return bench;
}

int Main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  absl::StatusOr<LlamaBench> bench = MakeBench();
  if (!bench.ok()) {
    std::fprintf(stderr, "%s\n", std::string(bench.status().message()).c_str());
    return 1;
  }
  for (const int64_t num_tokens : {128, 512}) {
    benchmark::RegisterBenchmark(
        absl::StrCat("Prefill/tokens:", num_tokens).c_str(),
        [&bench, num_tokens](benchmark::State& state) { RunPrefill(state, *bench, num_tokens); })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
  for (const int64_t batch_size : {1, 4, 16}) {
    benchmark::RegisterBenchmark(
        absl::StrCat("Decode/batch:", batch_size).c_str(),
        [&bench, batch_size](benchmark::State& state) { RunDecode(state, *bench, batch_size); })
        ->UseRealTime()
        ->Iterations(32)
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace strata::bench

int main(int argc, char** argv) { return strata::bench::Main(argc, argv); }
