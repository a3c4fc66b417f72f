// MatMul with weights as models have them: one row (decode), a few, and many (prefill).
// Cold: the weights are read from memory each time. Prefill is bound by flops and reuses them.
#include "absl/strings/str_format.h"
#include "bench/support/op_bench.h"

namespace strata::bench {
namespace {

struct MatMulCase {
  int64_t num_rows;
  int64_t in_dim;
  int64_t out_dim;
  DType weight_dtype;
};

void RunMatMul(benchmark::State& state, Bench& bench, const MatMulCase& shape) {
  const int64_t weight_bytes = BytesOf(shape.weight_dtype, shape.in_dim * shape.out_dim);
  const int64_t num_copies = (kColdBytes + weight_bytes - 1) / weight_bytes;
  const BenchTensor weights(shape.weight_dtype, {num_copies * shape.out_dim, shape.in_dim});
  const BenchTensor x(DType::kF32, {shape.num_rows, shape.in_dim});
  const BenchTensor out(DType::kF32, {shape.num_rows, shape.out_dim});
  MatMulArgs args = {.x = x.view(), .out = out.mutable_view()};
  int64_t copy = 0;
  const auto run = [&] {
    args.weight = weights.view().Rows(copy * shape.out_dim, (copy + 1) * shape.out_dim);
    copy = (copy + 1) % num_copies;
    return bench.backend->MatMul(args);
  };
  RunCase(state, bench.probe, run, [&] { return Cost(args); });
}

void AddCases(Bench& bench) {
  for (const MatMulCase& shape : {
           MatMulCase{1, 896, 4864, DType::kBF16},
           MatMulCase{1, 4096, 4096, DType::kBF16},
           MatMulCase{1, 4096, 14336, DType::kBF16},
           MatMulCase{1, 4096, 4096, DType::kF16},
           MatMulCase{1, 4096, 4096, DType::kF32},
           MatMulCase{2, 4096, 4096, DType::kBF16},
           MatMulCase{4, 4096, 4096, DType::kBF16},
           MatMulCase{8, 4096, 4096, DType::kBF16},
           MatMulCase{16, 4096, 4096, DType::kBF16},
           MatMulCase{64, 4096, 4096, DType::kBF16},
           MatMulCase{512, 896, 4864, DType::kBF16},
           MatMulCase{512, 4096, 4096, DType::kBF16},
           MatMulCase{512, 4096, 4096, DType::kF16},
           MatMulCase{512, 4096, 4096, DType::kF32},
       }) {
    const std::string name =
        absl::StrFormat("MatMul/cold/%s/rows:%d/in:%d/out:%d/threads:%d",
                        std::string(DTypeName(shape.weight_dtype)), shape.num_rows, shape.in_dim,
                        shape.out_dim, bench.probe.num_threads);
    benchmark::RegisterBenchmark(
        name.c_str(), [&bench, shape](benchmark::State& state) { RunMatMul(state, bench, shape); })
        ->UseRealTime()
        ->MeasureProcessCPUTime();
  }
}

}  // namespace
}  // namespace strata::bench

int main(int argc, char** argv) {
  return strata::bench::RunBenchmarks(argc, argv, strata::bench::AddCases);
}
