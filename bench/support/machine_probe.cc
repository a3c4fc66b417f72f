#include "bench/support/machine_probe.h"

#include <chrono>
#include <cstring>

#include "kernels/base/status.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace strata::bench {
namespace {

constexpr int kRepetitions = 50;
constexpr int64_t kRegionBytes = int64_t{512} << 20;
constexpr int64_t kPieceBytes = int64_t{32} << 20;  // read per measurement, the next one each time
constexpr int64_t kFmaTurns = 200'000;

// Runs `task` once per thread and returns the seconds until all have ended.
template <typename Task>
double Seconds(ThreadPool& threads, Task task) {
  const auto start = std::chrono::steady_clock::now();
  threads.ParallelFor(threads.num_threads(), [&](int64_t index, int) { task(index); });
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <typename Measure>
double Best(Measure measure) {
  double best = 0;
  for (int i = 0; i < kRepetitions; ++i) best = std::max(best, measure(i));
  return best;
}

// Sums that the compiler must not drop.
void Keep(float value) { asm volatile("" : : "x"(value) : "memory"); }

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void ReadAvx2(const float* data, int64_t floats) {
  __m256 sums[4] = {};
  for (int64_t i = 0; i < floats; i += 32) {
    for (int v = 0; v < 4; ++v) sums[v] = _mm256_add_ps(sums[v], _mm256_load_ps(data + i + 8 * v));
  }
  Keep(_mm256_cvtss_f32(
      _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]))));
}

// Twelve independent chains cover the latency of two units. Returns operations per turn.
__attribute__((target("avx2,fma"))) int64_t FmaAvx2(int64_t turns) {
  __m256 sums[12];
  for (int v = 0; v < 12; ++v) sums[v] = _mm256_set1_ps(static_cast<float>(v));
  const __m256 factor = _mm256_set1_ps(0.999f);
  for (int64_t i = 0; i < turns; ++i) {
#pragma GCC unroll 12
    for (int v = 0; v < 12; ++v) sums[v] = _mm256_fmadd_ps(sums[v], factor, factor);
  }
  for (int v = 0; v < 12; ++v) Keep(_mm256_cvtss_f32(sums[v]));
  return 12 * 8 * 2;
}

__attribute__((target("avx512f"))) int64_t FmaAvx512(int64_t turns) {
  __m512 sums[12];
  for (int v = 0; v < 12; ++v) sums[v] = _mm512_set1_ps(static_cast<float>(v));
  const __m512 factor = _mm512_set1_ps(0.999f);
  for (int64_t i = 0; i < turns; ++i) {
#pragma GCC unroll 12
    for (int v = 0; v < 12; ++v) sums[v] = _mm512_fmadd_ps(sums[v], factor, factor);
  }
  for (int v = 0; v < 12; ++v) Keep(_mm512_cvtss_f32(sums[v]));
  return 12 * 16 * 2;
}
#endif

using Vec4 = float __attribute__((vector_size(16)));

void ReadBaseline(const float* data, int64_t floats) {
  Vec4 sums[4] = {};
  for (int64_t i = 0; i < floats; i += 16) {
    for (int v = 0; v < 4; ++v) sums[v] += *reinterpret_cast<const Vec4*>(data + i + 4 * v);
  }
  const Vec4 sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  Keep(sum[0]);
}

int64_t FmaBaseline(int64_t turns) {
  Vec4 sums[12];
  for (int v = 0; v < 12; ++v) sums[v] = Vec4{} + static_cast<float>(v);
  for (int64_t i = 0; i < turns; ++i) {
#pragma GCC unroll 12
    for (int v = 0; v < 12; ++v) sums[v] = sums[v] * 0.999f + 0.999f;
  }
  for (int v = 0; v < 12; ++v) Keep(sums[v][0]);
  return 12 * 4 * 2;
}

void Read(const float* data, int64_t floats) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return ReadAvx2(data, floats);
#endif
  ReadBaseline(data, floats);
}

int64_t RunFma(int64_t turns) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return FmaAvx512(turns);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return FmaAvx2(turns);
#endif
  return FmaBaseline(turns);
}

}  // namespace

ReadProbe::ReadProbe(int num_threads) : threads_(num_threads) {
  absl::StatusOr<Buffer> region = Buffer::Allocate(kRegionBytes, MemoryKind::kPageable);
  STRATA_CHECK(region.ok(), "the probe needs 512 MiB");
  region_ = *std::move(region);
  std::memset(region_.data(), 0, static_cast<size_t>(kRegionBytes));
}

double ReadProbe::Measure() {
  const int num_threads = threads_.num_threads();
  const int64_t floats_each = kPieceBytes / 4 / num_threads / 32 * 32;
  const float* piece = reinterpret_cast<const float*>(region_.data()) +
                       turn_++ % (kRegionBytes / kPieceBytes) * (kPieceBytes / 4);
  const double seconds =
      Seconds(threads_, [&](int64_t i) { Read(piece + i * floats_each, floats_each); });
  return static_cast<double>(4 * floats_each * num_threads) / seconds;
}

MachineProbe ProbeMachine(int num_threads) {
  MachineProbe probe = {.num_threads = num_threads};
  {
    ReadProbe read(num_threads);
    probe.read_bytes_per_s = Best([&](int) { return read.Measure(); });
  }
  ThreadPool threads(num_threads);
  const int64_t flops_per_turn = RunFma(1);
  probe.flops_per_s = Best([&](int) {
    const double seconds = Seconds(threads, [&](int64_t) { RunFma(kFmaTurns); });
    return static_cast<double>(flops_per_turn * kFmaTurns * num_threads) / seconds;
  });
  return probe;
}

}  // namespace strata::bench
