// What the benchmarks of operations share: the program's main, random tensors, the report.
//
// A program measures the machine first (MachineProbe, printed with the context), then runs its
// cases. Each reports bytes/s, flops/s and "bound_percent": the time of the bound, the larger of
// flops / peak and bytes / bandwidth of the op's Cost(), in per cent of the measured time. Cold
// cases take their large operands in turn from copies that together exceed the caches.
#pragma once

#include <benchmark/benchmark.h>

#include <functional>
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

// Sets the counters of a case that did work of `cost` in every iteration.
void Report(benchmark::State& state, const MachineProbe& probe, const OpCost& cost);

// Ends the case with an error when `status` is one. True when it is OK.
bool CheckOk(benchmark::State& state, const absl::Status& status);

}  // namespace strata::bench
