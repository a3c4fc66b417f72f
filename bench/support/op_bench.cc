#include "bench/support/op_bench.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <thread>

#include "absl/strings/str_format.h"

namespace strata::bench {

int RunBenchmarks(int argc, char** argv, const std::function<void(Bench&)>& add_cases) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const int num_cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::vector<Bench> benches;
  benches.reserve(2);
  for (const int num_threads : {1, num_cores}) {
    if (num_threads == 1 && !benches.empty()) break;
    absl::StatusOr<std::unique_ptr<CpuBackend>> backend =
        CpuBackend::Create({.num_threads = num_threads});
    STRATA_CHECK(backend.ok(), "no CPU backend");
    benches.push_back({ProbeMachine(num_threads), *std::move(backend)});
    const Bench& bench = benches.back();
    benchmark::AddCustomContext(
        bench.backend->Name(),
        absl::StrFormat("read %.2f GB/s, fma peak %.1f Gflop/s", bench.probe.read_bytes_per_s / 1e9,
                        bench.probe.flops_per_s / 1e9));
    add_cases(benches.back());
    if (num_cores == 1) break;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

BenchTensor::BenchTensor(DType dtype, const Shape& shape) : dtype_(dtype), shape_(shape) {
  const int64_t count = shape.NumElements();
  absl::StatusOr<Buffer> buffer = Buffer::Allocate(BytesOf(dtype, count), MemoryKind::kPageable);
  STRATA_CHECK(buffer.ok(), "no memory for the operands of a benchmark");
  buffer_ = *std::move(buffer);
  // A block of values repeated: making gigabytes of random numbers takes longer than the case.
  std::mt19937 generator(1);
  std::normal_distribution<float> normal(0.0f, 1.0f);
  std::vector<float> values(static_cast<size_t>(std::min<int64_t>(count, 65537)));
  for (float& value : values) value = normal(generator);
  for (int64_t i = 0; i < count; ++i) {
    const float value = values[static_cast<size_t>(i) % values.size()];
    switch (dtype) {
      case DType::kF32:
        reinterpret_cast<float*>(buffer_.data())[i] = value;
        break;
      case DType::kF16:
        reinterpret_cast<Float16*>(buffer_.data())[i] = ToFloat16(value);
        break;
      case DType::kBF16:
        reinterpret_cast<BFloat16*>(buffer_.data())[i] = ToBFloat16(value);
        break;
      default:
        STRATA_CHECK(false, "a benchmark tensor of another format");
    }
  }
}

void Report(benchmark::State& state, const MachineProbe& probe, const OpCost& cost,
            double mean_seconds, double best_seconds) {
  const double bound_seconds = probe.BoundSeconds(cost);
  state.counters["GB/s"] =
      static_cast<double>(cost.bytes_read + cost.bytes_written) / mean_seconds / 1e9;
  state.counters["Gflop/s"] = static_cast<double>(cost.flops) / mean_seconds / 1e9;
  state.counters["bound_percent"] = 100.0 * bound_seconds / mean_seconds;
  state.counters["best_percent"] = 100.0 * bound_seconds / best_seconds;
}

}  // namespace strata::bench
