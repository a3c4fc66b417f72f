// Attention over paged KV rows: decode over long contexts (bound by reading K and V) and a prefill
// chunk (bound by flops). Decode is cold: sequences together exceed the caches.
#include "absl/strings/str_format.h"
#include "bench/support/op_bench.h"
#include "kernels/ops/attention.h"

namespace strata::bench {
namespace {

constexpr int64_t kPageSize = 32;

struct AttentionCase {
  const char* phase;
  int64_t num_seqs;
  int64_t num_queries;  // per sequence; they are its last positions
  int64_t context;
  int64_t num_q_heads;
  int64_t num_kv_heads;
  int64_t head_dim;
  DType kv_dtype;
};

void RunAttention(benchmark::State& state, Bench& bench, const AttentionCase& shape) {
  const KvLayout layout = {.dtype = shape.kv_dtype,
                           .page_size = kPageSize,
                           .num_kv_heads = shape.num_kv_heads,
                           .head_dim = shape.head_dim,
                           .v_head_dim = shape.head_dim};
  const int64_t num_pages = (shape.context + kPageSize - 1) / kPageSize;
  const int64_t page_elements = 2 * shape.num_kv_heads * kPageSize * shape.head_dim;
  const BenchTensor rows(shape.kv_dtype, {shape.num_seqs * num_pages, page_elements});
  std::vector<void*> pages;
  for (int64_t page = 0; page < shape.num_seqs * num_pages; ++page) {
    pages.push_back(static_cast<char*>(rows.data()) + page * layout.PageBytes());
  }
  std::vector<KvSequence> sequences;
  for (int64_t i = 0; i < shape.num_seqs; ++i) {
    sequences.push_back({.pages = absl::MakeConstSpan(pages).subspan(
                             static_cast<size_t>(i * num_pages), static_cast<size_t>(num_pages)),
                         .first_query = i * shape.num_queries,
                         .num_queries = shape.num_queries,
                         .first_position = shape.context - shape.num_queries});
  }
  const Shape queries_shape = {shape.num_seqs * shape.num_queries, shape.num_q_heads,
                               shape.head_dim};
  const BenchTensor queries(DType::kF32, queries_shape);
  const BenchTensor out(DType::kF32, queries_shape);
  const AttentionArgs args = {.queries = queries.view(),
                              .kv = {layout, sequences},
                              .scale = 0.125f,
                              .out = out.mutable_view()};
  for (auto _ : state) {
    if (!CheckOk(state, bench.backend->Attention(args))) return;
  }
  Report(state, bench.probe, Cost(args));
}

void AddCases(Bench& bench) {
  for (const AttentionCase& shape : {
           AttentionCase{"decode", 1, 1, 4096, 32, 8, 128, DType::kBF16},
           AttentionCase{"decode", 16, 1, 4096, 32, 8, 128, DType::kBF16},
           AttentionCase{"decode", 16, 1, 4096, 32, 4, 64, DType::kBF16},
           AttentionCase{"decode", 16, 1, 4096, 32, 32, 128, DType::kBF16},
           AttentionCase{"decode", 16, 1, 4096, 32, 8, 128, DType::kF32},
           AttentionCase{"prefill", 1, 512, 512, 32, 4, 64, DType::kBF16},
           AttentionCase{"prefill", 1, 512, 2048, 32, 8, 128, DType::kBF16},
       }) {
    const std::string name = absl::StrFormat(
        "Attention/%s/%s/seqs:%d/queries:%d/context:%d/heads:%d/kv_heads:%d/head_dim:%d/threads:%d",
        shape.phase, std::string(DTypeName(shape.kv_dtype)), shape.num_seqs, shape.num_queries,
        shape.context, shape.num_q_heads, shape.num_kv_heads, shape.head_dim,
        bench.probe.num_threads);
    benchmark::RegisterBenchmark(name.c_str(), [&bench, shape](benchmark::State& state) {
      RunAttention(state, bench, shape);
    })->UseRealTime();
  }
}

}  // namespace
}  // namespace strata::bench

int main(int argc, char** argv) {
  return strata::bench::RunBenchmarks(argc, argv, strata::bench::AddCases);
}
