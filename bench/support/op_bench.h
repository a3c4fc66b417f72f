// What the benchmarks of operations share: the program's main, random tensors, the report.
//
// A program measures the machine first (MachineProbe, printed with the context), then runs its
// cases. Each reports bytes/s, flops/s and "bound_percent": the time of the bound, the larger of
// flops / peak and bytes / bandwidth of the op's Cost(), in per cent of the measured time;
// "best_percent" is that of the fastest iteration, which other programs on the machine disturb
// least. Cold cases take their large operands in turn from copies that exceed the caches.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "bench/support/machine_probe.h"
#include "kernels/base/tensor_view.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/device/buffer.h"

namespace strata::bench {

// More than the last-level cache of the machines we measure on.
inline constexpr int64_t kColdBytes = int64_t{256} << 20;

// The backend and the limits of one number of threads.
struct Bench {
  MachineProbe probe;
  std::unique_ptr<CpuBackend> backend;
};

// Initialises Google Benchmark, measures the machine with one thread and with all, has `add_cases`
// register its cases for each, and runs them.
int RunBenchmarks(int argc, char** argv, const std::function<void(Bench&)>& add_cases);

// A tensor with memory of its own, filled with seeded values from a normal distribution.
class BenchTensor {
 public:
  BenchTensor(DType dtype, const Shape& shape);
  TensorView view() const { return TensorView(buffer_.data(), dtype_, shape_); }
  MutableTensorView mutable_view() const { return {buffer_.data(), dtype_, shape_}; }
  void* data() const { return buffer_.data(); }

 private:
  DType dtype_;
  Shape shape_;
  Buffer buffer_;
};

// Sets the counters of a case whose iterations did work of `cost` in these seconds.
void Report(benchmark::State& state, const MachineProbe& probe, const OpCost& cost,
            double mean_seconds, double best_seconds);

// Runs `run` (returns absl::Status) in the loop of a case and sets its counters; `cost` is that of
// one iteration, asked for after the loop. `after`(seconds of the iteration) runs unmeasured
// between iterations. Ends the case with an error when `run` fails.
template <typename Run, typename Cost, typename After>
void RunCase(benchmark::State& state, const MachineProbe& probe, Run run, Cost cost, After after) {
  using Clock = std::chrono::steady_clock;
  double total_seconds = 0;
  double best_seconds = std::numeric_limits<double>::infinity();
  for (auto _ : state) {
    const Clock::time_point start = Clock::now();
    const absl::Status status = run();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    total_seconds += seconds;
    best_seconds = std::min(best_seconds, seconds);
    if (!status.ok()) {
      state.SkipWithError(std::string(status.message()).c_str());
      return;
    }
    state.PauseTiming();
    after(seconds);
    state.ResumeTiming();
  }
  Report(state, probe, cost(), total_seconds / static_cast<double>(state.iterations()),
         best_seconds);
}
template <typename Run, typename Cost>
void RunCase(benchmark::State& state, const MachineProbe& probe, Run run, Cost cost) {
  RunCase(state, probe, run, cost, [](double) {});
}

}  // namespace strata::bench
