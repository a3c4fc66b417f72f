// Attention over paged KV rows on a GPU: decode, prefill, a shared prefix, and the formats of KV.
// The rungs below the tensor cores: f32 pages take the plain body, a warp a row. Cold: the pages of
// a decode step are read from memory each time, from copies in turn.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "bench/support/cuda_bench.h"

namespace strata::bench {
namespace {

constexpr int64_t kPageSize = 16;

struct Shape3 {
  int64_t num_seqs;
  int64_t num_queries;  // of each sequence
  int64_t context;      // positions before them
  int64_t num_q_heads;
  int64_t num_kv_heads;
  int64_t head_dim;
  DType kv_dtype;
  int64_t shared = 0;  // leading positions that all sequences hold in the same pages
};

void RunAttention(benchmark::State& state, CudaBench& bench, const Shape3& shape) {
  const KvLayout layout = {.dtype = shape.kv_dtype,
                           .page_size = kPageSize,
                           .num_kv_heads = shape.num_kv_heads,
                           .head_dim = shape.head_dim,
                           .v_head_dim = shape.head_dim};
  const int64_t pages_per_seq = (shape.context + shape.num_queries + kPageSize - 1) / kPageSize;
  const int64_t set_pages = shape.num_seqs * pages_per_seq;
  const int64_t num_sets = 1 + kDeviceColdBytes / (set_pages * layout.PageBytes());
  // Bytes of any value are codes; of f16 and bf16 the values are normal ones.
  const bool quantized = IsQuantizedRow(shape.kv_dtype);
  const DType filled = quantized ? DType::kF32 : shape.kv_dtype;
  const int64_t num_elements = num_sets * set_pages * layout.PageBytes() / BytesOf(filled, 1);
  const DeviceTensor memory(*bench.device, filled, {num_elements});
  std::vector<void*> pages;
  for (int64_t i = 0; i < num_sets * set_pages; ++i) {
    pages.push_back(memory.data() + i * layout.PageBytes());
  }
  for (int64_t set = 0; set < num_sets; ++set) {
    const auto first = pages.begin() + set * set_pages;
    for (int64_t i = 1; i < shape.num_seqs; ++i) {
      std::copy_n(first, shape.shared / kPageSize, first + i * pages_per_seq);
    }
  }
  const int64_t num_tokens = shape.num_seqs * shape.num_queries;
  const DeviceTensor queries(*bench.device, DType::kF32,
                             {num_tokens, shape.num_q_heads, shape.head_dim});
  const DeviceTensor out(*bench.device, DType::kF32,
                         {num_tokens, shape.num_q_heads, shape.head_dim});
  std::vector<KvSequence> sequences(static_cast<size_t>(shape.num_seqs));
  const AttentionArgs args = {.queries = queries.view(),
                              .kv = {layout, sequences},
                              .scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim)),
                              .out = out.mutable_view()};
  int64_t set = 0;
  const auto choose = [&] {
    for (int64_t i = 0; i < shape.num_seqs; ++i) {
      sequences[static_cast<size_t>(i)] = {
          .pages = absl::MakeConstSpan(pages).subspan(
              static_cast<size_t>(set * set_pages + i * pages_per_seq),
              static_cast<size_t>(pages_per_seq)),
          .first_query = i * shape.num_queries,
          .num_queries = shape.num_queries,
          .first_position = shape.context};
    }
    set = (set + 1) % num_sets;
  };
  choose();
  RunCudaCase(state, bench, Cost(args), [&] {
    choose();
    return bench.backend->Attention(args);
  });
}

void AddCases(CudaBench& bench) {
  for (const Shape3& shape : {
           // Decode: the target is the first.
           Shape3{64, 1, 4095, 32, 8, 128, DType::kBF16},
           Shape3{64, 1, 4095, 32, 8, 128, DType::kF16},
           Shape3{64, 1, 4095, 32, 8, 128, DType::kInt8Groups},
           Shape3{64, 1, 4095, 32, 8, 128, DType::kInt4Groups},
           Shape3{1, 1, 4095, 32, 8, 128, DType::kBF16},
           Shape3{1, 1, 32767, 32, 8, 128, DType::kBF16},
           Shape3{16, 1, 4095, 32, 8, 128, DType::kBF16},
           Shape3{64, 1, 4095, 32, 32, 128, DType::kBF16},
           Shape3{64, 1, 4095, 32, 8, 64, DType::kBF16},
           Shape3{64, 1, 4351, 32, 8, 128, DType::kBF16, 4096},
           Shape3{64, 1, 4351, 32, 8, 128, DType::kBF16},
           Shape3{64, 1, 4095, 32, 8, 128, DType::kF32},
           Shape3{1, 1024, 0, 32, 8, 128, DType::kF32},
           // Prefill: the target is the first.
           Shape3{1, 8192, 0, 32, 8, 128, DType::kBF16},
           Shape3{1, 8192, 0, 32, 32, 128, DType::kBF16},
           Shape3{4, 2048, 0, 32, 8, 128, DType::kBF16},
           Shape3{1, 2048, 6144, 32, 8, 128, DType::kBF16},
           Shape3{4, 2048, 0, 32, 8, 64, DType::kF16},
       }) {
    AddCudaCase(
        absl::StrFormat("attention/%s/seqs:%d/queries:%d/context:%d/heads:%d:%d/dim:%d%s",
                        std::string(DTypeName(shape.kv_dtype)), shape.num_seqs, shape.num_queries,
                        shape.context, shape.num_q_heads, shape.num_kv_heads, shape.head_dim,
                        shape.shared > 0 ? "/prefix:4096" : ""),
        [&bench, shape](benchmark::State& state) { RunAttention(state, bench, shape); });
  }
}

}  // namespace
}  // namespace strata::bench

int main(int argc, char** argv) {
  return strata::bench::RunCudaBenchmarks(argc, argv, &strata::bench::AddCases);
}
