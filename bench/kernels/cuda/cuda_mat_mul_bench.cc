// Products from one row to a prompt's chunk: our own kernels for few rows, cuBLASLt for many;
// weights of 32 and 16 bits, and packed. The rungs below: "plain", the body that takes any rows
// (here for rows that do not lie at multiples of 16 bytes), and "own", our tensor core kernels
// where the library would be taken. Cold: weights are taken in turn from copies that exceed the
// cache.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "bench/support/cuda_bench.h"
#include "kernels/base/packed_weights.h"
#include "kernels/base/round_up.h"
#include "kernels/base/status.h"

namespace strata::bench {
namespace {

enum class Rung { kBest, kOwn, kPlain };

struct Product {
  int64_t num_rows;
  int64_t in_dim;
  int64_t out_dim;
  DType dtype;
  Rung rung = Rung::kBest;
};

std::string NameOf(const Product& shape) {
  static constexpr const char* kRungs[] = {"", "/own", "/plain"};
  return absl::StrFormat("mat_mul/%s%s/rows:%d/in:%d/out:%d", std::string(DTypeName(shape.dtype)),
                         kRungs[static_cast<int>(shape.rung)], shape.num_rows, shape.in_dim,
                         shape.out_dim);
}

// Bytes of one weight matrix, a multiple of 16.
int64_t WeightBytes(const Product& shape) {
  const int64_t row_bytes = IsPackedWeight(shape.dtype) ? PackedRowBytes(shape.dtype, shape.in_dim)
                                                        : BytesOf(shape.dtype, shape.in_dim);
  return RoundUp(shape.out_dim * row_bytes, 16);
}

void RunProduct(benchmark::State& state, CudaBench& bench, const Product& shape) {
  // The rung without the library has a backend of its own, on the same device.
  CudaParts own;
  if (shape.rung == Rung::kOwn) {
    absl::StatusOr<CudaParts> made = CreateCuda({.many_rows = ManyRows::kOwnKernels});
    STRATA_CHECK(made.ok(), "a second backend on the device");
    own = *std::move(made);
  }
  Backend& backend = own.backend != nullptr ? *own.backend : *bench.backend;
  const int64_t weight_bytes = WeightBytes(shape);
  const int64_t copies = 1 + kDeviceColdBytes / weight_bytes;
  const DeviceTensor x(*bench.device, DType::kF32, {shape.num_rows, shape.in_dim});
  const DeviceTensor out(*bench.device, DType::kF32, {shape.num_rows, shape.out_dim});
  // Of packed weights any bytes are codes.
  const DType filled = IsPackedWeight(shape.dtype) ? DType::kF32 : shape.dtype;
  const DeviceTensor weights(*bench.device, filled, {copies * weight_bytes / BytesOf(filled, 1)});
  int64_t next = 0;
  MatMulArgs args = {.x = x.view(), .out = out.mutable_view()};
  const auto run = [&] {
    args.weight = TensorView(weights.data() + next * weight_bytes, shape.dtype,
                             {shape.out_dim, shape.in_dim});
    next = (next + 1) % copies;
    return backend.MatMul(args);
  };
  args.weight = TensorView(weights.data(), shape.dtype, {shape.out_dim, shape.in_dim});
  RunCudaCase(state, bench, Cost(args), run);
}

void AddCases(CudaBench& bench) {
  std::vector<Product> shapes;
  for (const int64_t rows : {1, 2, 4, 8, 16, 32, 64, 65, 128, 512, 2048}) {
    shapes.push_back({rows, 8192, 8192, DType::kBF16});
  }
  for (const int64_t rows : {1, 16, 64, 2048}) {
    shapes.push_back({rows, 4096, 14336, DType::kBF16});
    shapes.push_back({rows, 14336, 4096, DType::kBF16});
    shapes.push_back({rows, 4096, 4096, DType::kF16});
  }
  for (const DType dtype : {DType::kInt4Weights64, DType::kInt4Weights128, DType::kInt8Weights64}) {
    for (const int64_t rows : {1, 8, 16, 64, 65, 2048}) shapes.push_back({rows, 8192, 8192, dtype});
  }
  for (const int64_t rows : {65, 2048}) {
    shapes.push_back({rows, 8192, 8192, DType::kBF16, Rung::kOwn});
    shapes.push_back({rows, 8192, 8192, DType::kInt4Weights64, Rung::kOwn});
  }
  // One column less than the rows of 16 bytes that tensor cores want.
  for (const int64_t rows : {1, 16}) {
    shapes.push_back({rows, 8191, 8192, DType::kBF16, Rung::kPlain});
  }
  shapes.push_back({16, 4096, 4096, DType::kF32});
  shapes.push_back({512, 4096, 4096, DType::kF32});
  for (const Product& shape : shapes) {
    AddCudaCase(NameOf(shape),
                [&bench, shape](benchmark::State& state) { RunProduct(state, bench, shape); });
  }
}

}  // namespace
}  // namespace strata::bench

int main(int argc, char** argv) {
  return strata::bench::RunCudaBenchmarks(argc, argv, &strata::bench::AddCases);
}
