// What memory gives for the orders in which attention may read pages of KV rows, with nothing
// computed: the bound that the order sets. Sequences of 4096 positions, 8 kv heads of 128 in bf16;
// a task reads some heads of a sequence, chunk by chunk, the keys of its pages and then the values.
// "asked" asks for the next run of memory while one is read.
#include <array>

#include "absl/strings/str_format.h"
#include "bench/support/op_bench.h"
#include "kernels/device/thread_pool.h"
#include "kernels/ops/attention.h"

namespace strata::bench {
namespace {

constexpr int64_t kNumSeqs = 16;
constexpr int64_t kNumPositions = 4096;
constexpr int64_t kNumHeads = 8;
constexpr int64_t kRowBytes = 256;
constexpr int64_t kSeqBytes = 2 * kNumPositions * kNumHeads * kRowBytes;

using Lanes = float __attribute__((vector_size(32)));

// Adds what [run, run + bytes) holds to the sums; asks for as much from `ahead` on unless null.
__attribute__((target_clones("avx2", "default"))) void ReadRun(const std::byte* run, int64_t bytes,
                                                               const std::byte* ahead,
                                                               std::array<Lanes, 4>& sums) {
  std::array<Lanes, 4> local = sums;
  for (int64_t i = 0; i < bytes; i += 128) {
    if (ahead != nullptr) {
      __builtin_prefetch(ahead + i, 0, 2);
      __builtin_prefetch(ahead + i + 64, 0, 2);
    }
    for (size_t v = 0; v < 4; ++v) local[v] += reinterpret_cast<const Lanes*>(run + i)[v];
  }
  sums = local;
}

struct ReadOrder {
  int64_t page_size;
  int64_t num_heads;  // read together
  bool asks;
};

// Run `index` of a task: of its pages' keys and values, chunk by chunk.
const std::byte* RunOf(const ReadOrder& order, const std::byte* seq, int64_t first_head,
                       int64_t index) {
  const int64_t pages = kAttentionChunk / order.page_size;
  const int64_t in_chunk = index % (2 * pages);
  const int64_t page = index / (2 * pages) * pages + in_chunk % pages;
  const int64_t head_bytes = order.page_size * kRowBytes;
  const int64_t values = in_chunk >= pages ? kNumHeads * head_bytes : 0;
  return seq + page * 2 * kNumHeads * head_bytes + values + first_head * head_bytes;
}

void Read(benchmark::State& state, const Bench& bench, const ReadOrder& order) {
  absl::StatusOr<Buffer> memory = Buffer::Allocate(kNumSeqs * kSeqBytes, MemoryKind::kPageable);
  STRATA_CHECK(memory.ok(), "no memory for the pages of a benchmark");
  std::fill_n(memory->data(), memory->bytes(), std::byte{0});
  ThreadPool threads(bench.probe.num_threads);
  const int64_t num_runs = 2 * kNumPositions / order.page_size;
  const int64_t run_bytes = order.num_heads * order.page_size * kRowBytes;
  const int64_t tasks_per_seq = kNumHeads / order.num_heads;
  for (auto _ : state) {
    threads.ParallelFor(kNumSeqs * tasks_per_seq, [&](int64_t task, int) {
      const std::byte* seq = memory->data() + task / tasks_per_seq * kSeqBytes;
      const int64_t head = task % tasks_per_seq * order.num_heads;
      std::array<Lanes, 4> sums = {};
      for (int64_t i = 0; i < num_runs; ++i) {
        const std::byte* ahead =
            order.asks && i + 1 < num_runs ? RunOf(order, seq, head, i + 1) : nullptr;
        ReadRun(RunOf(order, seq, head, i), run_bytes, ahead, sums);
      }
      for (Lanes& sum : sums) benchmark::DoNotOptimize(sum);
    });
  }
  state.counters["GB/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kNumSeqs * kSeqBytes) / 1e9,
                         benchmark::Counter::kIsRate);
}

// One linear sweep per thread.
void ReadLinear(benchmark::State& state, const Bench& bench) {
  ReadProbe probe(bench.probe.num_threads);
  std::vector<double> rates;
  for (auto _ : state) rates.push_back(probe.Measure());
  std::nth_element(rates.begin(), rates.begin() + static_cast<int64_t>(rates.size() / 2),
                   rates.end());
  state.counters["GB/s"] = rates[rates.size() / 2] / 1e9;
}

void AddCases(Bench& bench) {
  const std::string threads = absl::StrFormat("/threads:%d", bench.probe.num_threads);
  benchmark::RegisterBenchmark(("ReadOrder/linear" + threads).c_str(),
                               [&bench](benchmark::State& state) { ReadLinear(state, bench); })
      ->UseRealTime();
  for (const int64_t page_size : {16, 32}) {
    for (const int64_t num_heads : {1, 2, 4, 8}) {
      for (const bool asks : {false, true}) {
        const ReadOrder order = {page_size, num_heads, asks};
        benchmark::RegisterBenchmark(
            absl::StrFormat("ReadOrder/page:%d/heads:%d/%s%s", page_size, num_heads,
                            asks ? "asked" : "plain", threads)
                .c_str(),
            [&bench, order](benchmark::State& state) { Read(state, bench, order); })
            ->UseRealTime();
      }
    }
  }
}

}  // namespace
}  // namespace strata::bench

int main(int argc, char** argv) {
  return strata::bench::RunBenchmarks(argc, argv, strata::bench::AddCases);
}
