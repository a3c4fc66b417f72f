// The operations that work row by row: norms, activations, Add, Rope, GatherRows.
// Warm: one token's rows stay in the caches, as between two layers of a decode step, and the bound
// of memory may be passed. Cold: rows of many tokens, taken in turn from more than the caches hold.
#include "absl/strings/str_format.h"
#include "bench/support/op_bench.h"

namespace strata::bench {
namespace {

constexpr int64_t kColumns = 4096;
constexpr int64_t kHeadDim = 128;
constexpr int64_t kHeads = kColumns / kHeadDim;

// Operands of all operations for `num_rows` tokens, and copies of the large ones to take in turn.
struct Operands {
  explicit Operands(int64_t rows, int64_t copies)
      : num_rows(rows),
        num_copies(copies),
        a(DType::kF32, {rows * copies, kColumns}),
        b(DType::kF32, {rows * copies, kColumns}),
        out(DType::kF32, {rows * copies, kColumns}),
        weight(DType::kBF16, {kColumns}),
        cosines(DType::kF32, {rows, kHeadDim / 2}),
        sines(DType::kF32, {rows, kHeadDim / 2}),
        table(DType::kBF16, {4096, kColumns}) {
    for (int64_t i = 0; i < rows; ++i) indices.push_back(static_cast<int32_t>(i * 37 % 4096));
  }

  TensorView A() const { return RowsOf(a); }
  TensorView B() const { return RowsOf(b); }
  MutableTensorView Out() const { return RowsOf(out); }
  MutableTensorView RowsOf(const BenchTensor& tensor) const {
    return tensor.mutable_view().Rows(turn * num_rows, (turn + 1) * num_rows);
  }
  void Advance() { turn = (turn + 1) % num_copies; }

  int64_t num_rows;
  int64_t num_copies;
  int64_t turn = 0;
  BenchTensor a;
  BenchTensor b;
  BenchTensor out;
  BenchTensor weight;
  BenchTensor cosines;
  BenchTensor sines;
  BenchTensor table;
  std::vector<int32_t> indices;
};

// Runs `run(operands)`, which returns the operation's status and cost.
struct Outcome {
  absl::Status status;
  OpCost cost;
};
using Run = std::function<Outcome(CpuBackend&, const Operands&)>;

void Register(Bench& bench, const std::string& op, const Run& run) {
  for (const int64_t num_rows : {1, 512}) {
    const bool is_warm = num_rows == 1;
    const std::string name =
        absl::StrFormat("%s/%s/rows:%d/columns:%d/threads:%d", op, is_warm ? "warm" : "cold",
                        num_rows, kColumns, bench.probe.num_threads);
    benchmark::RegisterBenchmark(name.c_str(),
                                 [&bench, run, num_rows, is_warm](benchmark::State& state) {
                                   const int64_t bytes = BytesOf(DType::kF32, num_rows * kColumns);
                                   Operands operands(num_rows, is_warm ? 1 : kColdBytes / bytes);
                                   OpCost cost;
                                   RunCase(
                                       state, bench.probe,
                                       [&] {
                                         const Outcome outcome = run(*bench.backend, operands);
                                         cost = outcome.cost;
                                         operands.Advance();
                                         return outcome.status;
                                       },
                                       [&] { return cost; });
                                 })
        ->UseRealTime()
        ->MeasureProcessCPUTime();
  }
}

void AddCases(Bench& bench) {
  Register(bench, "RmsNorm", [](CpuBackend& backend, const Operands& o) {
    const RmsNormArgs args = {.x = o.A(), .weight = o.weight.view(), .out = o.Out()};
    return Outcome{backend.RmsNorm(args), Cost(args)};
  });
  Register(bench, "LayerNorm", [](CpuBackend& backend, const Operands& o) {
    const LayerNormArgs args = {
        .x = o.A(), .weight = o.weight.view(), .bias = o.weight.view(), .out = o.Out()};
    return Outcome{backend.LayerNorm(args), Cost(args)};
  });
  Register(bench, "SwiGlu", [](CpuBackend& backend, const Operands& o) {
    const GatedActivateArgs args = {.gate = o.A(), .up = o.B(), .out = o.Out()};
    return Outcome{backend.GatedActivate(args), Cost(args)};
  });
  Register(bench, "Gelu", [](CpuBackend& backend, const Operands& o) {
    const ActivateArgs args = {.x = o.A(), .activation = Activation::kGelu, .out = o.Out()};
    return Outcome{backend.Activate(args), Cost(args)};
  });
  Register(bench, "Add", [](CpuBackend& backend, const Operands& o) {
    const AddArgs args = {.a = o.A(), .b = o.B(), .out = o.Out()};
    return Outcome{backend.Add(args), Cost(args)};
  });
  Register(bench, "GatherRows", [](CpuBackend& backend, const Operands& o) {
    const GatherRowsArgs args = {.table = o.table.view(), .indices = o.indices, .out = o.Out()};
    return Outcome{backend.GatherRows(args), Cost(args)};
  });
  Register(bench, "Rope", [](CpuBackend& backend, const Operands& o) {
    const RopeArgs args = {
        .x = MutableTensorView(o.Out().mutable_data(), DType::kF32, {o.num_rows, kHeads, kHeadDim}),
        .cosines = o.cosines.view(),
        .sines = o.sines.view()};
    return Outcome{backend.Rope(args), Cost(args)};
  });
}

}  // namespace
}  // namespace strata::bench

int main(int argc, char** argv) {
  return strata::bench::RunBenchmarks(argc, argv, strata::bench::AddCases);
}
