// Attention over paged KV rows: decode (one query per sequence) and prefill (a prompt's chunk).
// Cold: the pages of a decode step are read from memory each time, from caches in turn.
//
// Every case runs with each instruction set that this processor has. Each iteration is followed by
// a linear read of memory with as many threads: "read_percent" is the median, over the iterations,
// of the bytes that attention reads per second in per cent of that, "beside_GB/s" the median of
// what the reads gave.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>

#include "absl/strings/str_format.h"
#include "bench/support/op_bench.h"
#include "kernels/base/quantized_rows.h"

namespace strata::bench {
namespace {

struct AttentionCase {
  int64_t num_seqs;
  int64_t num_queries;  // of each sequence
  int64_t context;      // positions before them
  int64_t num_q_heads;
  int64_t num_kv_heads;
  int64_t head_dim;
  DType kv_dtype;
  int64_t shared = 0;  // leading positions of the context that all sequences hold in one copy
  // Whether they lie in the same pages, or each sequence reads a copy of its own.
  bool in_shared_pages = true;
  int64_t page_size = 32;  // the engine's
  // Layers whose pages lie one behind the other, as in the engine; a call takes the next layer.
  int64_t num_layers = 1;
};

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<int64_t>(values.size()) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Memory of `num_pages` pages with seeded values from a normal distribution.
Buffer FilledPages(const KvLayout& layout, int64_t num_pages) {
  const int64_t page_bytes = layout.PageBytes();
  absl::StatusOr<Buffer> pages = Buffer::Allocate(num_pages * page_bytes, MemoryKind::kPageable);
  STRATA_CHECK(pages.ok(), "no memory for the pages of a benchmark");
  const int64_t num_rows = layout.num_kv_heads * layout.page_size;
  const DType dtype = IsQuantizedRow(layout.dtype) ? DType::kF32 : layout.dtype;
  const BenchTensor rows(dtype, {2 * num_rows, layout.head_dim});
  if (IsQuantizedRow(layout.dtype)) {
    for (int64_t row = 0; row < 2 * num_rows; ++row) {
      PackRow(layout.dtype, rows.view().Row<float>(row), layout.head_dim,
              pages->data() + row * layout.KeyRowBytes());
    }
  } else {
    std::memcpy(pages->data(), rows.data(), static_cast<size_t>(page_bytes));
  }
  for (int64_t page = 1; page < num_pages; ++page) {
    std::memcpy(pages->data() + page * page_bytes, pages->data(), static_cast<size_t>(page_bytes));
  }
  return *std::move(pages);
}

void RunAttention(benchmark::State& state, const MachineProbe& probe, Backend& backend,
                  const AttentionCase& shape) {
  const KvLayout layout = {.dtype = shape.kv_dtype,
                           .page_size = shape.page_size,
                           .num_kv_heads = shape.num_kv_heads,
                           .head_dim = shape.head_dim,
                           .v_head_dim = shape.head_dim};
  const int64_t pages_per_seq =
      (shape.context + shape.num_queries + shape.page_size - 1) / shape.page_size;
  const int64_t set_bytes = shape.num_seqs * pages_per_seq * layout.PageBytes();
  const int64_t num_sets = std::max(shape.num_layers, (kColdBytes + set_bytes - 1) / set_bytes);
  const int64_t pages_per_set = shape.num_seqs * pages_per_seq;
  const Buffer memory = FilledPages(layout, num_sets * pages_per_set);
  std::vector<void*> pages;
  for (int64_t set = 0; set < num_sets; ++set) {
    for (int64_t i = 0; i < pages_per_set; ++i) {
      const int64_t place = shape.num_layers > 1 ? i * num_sets + set : set * pages_per_set + i;
      pages.push_back(memory.data() + place * layout.PageBytes());
    }
  }
  const int64_t num_tokens = shape.num_seqs * shape.num_queries;
  const BenchTensor queries(DType::kF32, {num_tokens, shape.num_q_heads, shape.head_dim});
  const BenchTensor out(DType::kF32, {num_tokens, shape.num_q_heads, shape.head_dim});
  std::vector<KvSequence> sequences(static_cast<size_t>(shape.num_seqs));
  const AttentionArgs args = {.queries = queries.view(),
                              .kv = {layout, sequences},
                              .scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim)),
                              .out = out.mutable_view()};
  if (shape.in_shared_pages) {
    for (int64_t set = 0; set < num_sets; ++set) {
      const auto first = pages.begin() + set * shape.num_seqs * pages_per_seq;
      for (int64_t i = 1; i < shape.num_seqs; ++i) {
        std::copy_n(first, shape.shared / shape.page_size, first + i * pages_per_seq);
      }
    }
  }
  int64_t first_page = 0;
  const auto run = [&] {
    for (int64_t i = 0; i < shape.num_seqs; ++i) {
      sequences[static_cast<size_t>(i)] = {.pages = absl::MakeConstSpan(pages).subspan(
                                               static_cast<size_t>(first_page + i * pages_per_seq),
                                               static_cast<size_t>(pages_per_seq)),
                                           .first_query = i * shape.num_queries,
                                           .num_queries = shape.num_queries,
                                           .first_position = shape.context};
    }
    first_page = (first_page + shape.num_seqs * pages_per_seq) % static_cast<int64_t>(pages.size());
    return backend.Attention(args);
  };
  ReadProbe read(probe.num_threads);
  const auto cost = [&] { return Cost(args); };
  std::vector<double> percents, rates;
  RunCase(state, probe, run, cost, [&](double seconds) {
    const OpCost bytes = cost();
    rates.push_back(read.Measure());
    percents.push_back(100.0 * static_cast<double>(bytes.bytes_read) / seconds / rates.back());
  });
  if (percents.empty()) return;
  state.counters["read_percent"] = Median(percents);
  state.counters["beside_GB/s"] = Median(rates) / 1e9;
}

// The instruction sets worth comparing: those with fused multiply-adds, else what there is.
std::vector<CpuIsa> ComparedIsas() {
  std::vector<CpuIsa> isas = AvailableCpuIsas();
  if (isas.size() > 1) isas.erase(isas.begin());
  return isas;
}

void AddCases(const MachineProbe& probe, CpuIsa isa, Backend& backend) {
  for (const AttentionCase& shape : {
           // Decode at a context of 4k, what the bandwidth of CPU attention is judged by.
           AttentionCase{1, 1, 4095, 32, 4, 64, DType::kBF16},
           AttentionCase{1, 1, 4095, 32, 8, 64, DType::kBF16},
           AttentionCase{1, 1, 4095, 32, 4, 128, DType::kBF16},
           AttentionCase{1, 1, 4095, 32, 8, 128, DType::kBF16},
           AttentionCase{16, 1, 4095, 32, 4, 64, DType::kBF16},
           AttentionCase{16, 1, 4095, 32, 8, 64, DType::kBF16},
           AttentionCase{16, 1, 4095, 32, 4, 128, DType::kBF16},
           AttentionCase{16, 1, 4095, 32, 8, 128, DType::kBF16},
           AttentionCase{16, 1, 4095, 64, 8, 128, DType::kBF16},
           AttentionCase{16, 1, 4095, 32, 8, 128, DType::kF16},
           AttentionCase{16, 1, 4095, 32, 8, 128, DType::kF32},
           AttentionCase{16, 1, 4095, 32, 8, 128, DType::kInt8Groups},
           AttentionCase{4, 1, 4095, 32, 8, 128, DType::kBF16, 0, true, 32, 16},
           // The same in other pages: a kv head's rows of a page are one run of memory.
           AttentionCase{16, 1, 4095, 32, 8, 128, DType::kBF16, 0, true, 16},
           AttentionCase{16, 1, 4095, 32, 8, 128, DType::kBF16, 0, true, 64},
           AttentionCase{16, 1, 4095, 32, 8, 128, DType::kBF16, 0, true, 256},
           // A prefix of 4096 positions, in one copy and in sixteen.
           AttentionCase{16, 1, 4351, 32, 8, 64, DType::kBF16, 4096, true},
           AttentionCase{16, 1, 4351, 32, 8, 64, DType::kBF16, 4096, false},
           AttentionCase{16, 1, 4351, 32, 8, 128, DType::kBF16, 4096, true},
           AttentionCase{16, 1, 4351, 32, 8, 128, DType::kBF16, 4096, false},
           AttentionCase{1, 1, 1024, 14, 2, 64, DType::kBF16},
           AttentionCase{1, 1, 1024, 32, 8, 128, DType::kBF16},
           AttentionCase{1, 1, 16384, 32, 8, 128, DType::kBF16},
           AttentionCase{16, 1, 1024, 32, 8, 128, DType::kBF16},
           AttentionCase{16, 1, 1024, 32, 8, 128, DType::kF16},
           AttentionCase{16, 1, 1024, 32, 8, 128, DType::kF32},
           AttentionCase{16, 1, 1024, 12, 12, 64, DType::kF16},
           AttentionCase{1, 512, 0, 14, 2, 64, DType::kBF16},
           AttentionCase{1, 512, 0, 32, 8, 128, DType::kBF16},
           AttentionCase{1, 512, 2048, 32, 8, 128, DType::kBF16},
           AttentionCase{1, 512, 2048, 32, 8, 128, DType::kF16},
       }) {
    const char* sharing = shape.shared == 0       ? ""
                          : shape.in_shared_pages ? "/prefix:4096,shared"
                                                  : "/prefix:4096,copied";
    const std::string name = absl::StrFormat(
        "Attention/cold/%s/%s/seqs:%d/queries:%d/context:%d/heads:%d/kv_heads:%d/dim:%d/"
        "page:%d%s%s/"
        "threads:%d",
        std::string(CpuIsaName(isa)), std::string(DTypeName(shape.kv_dtype)), shape.num_seqs,
        shape.num_queries, shape.context, shape.num_q_heads, shape.num_kv_heads, shape.head_dim,
        shape.page_size,
        shape.num_layers > 1 ? absl::StrFormat("/layers:%d", shape.num_layers) : "", sharing,
        probe.num_threads);
    benchmark::RegisterBenchmark(name.c_str(),
                                 [&probe, &backend, shape](benchmark::State& state) {
                                   RunAttention(state, probe, backend, shape);
                                 })
        ->UseRealTime()
        ->MeasureProcessCPUTime();
  }
}

}  // namespace
}  // namespace strata::bench

int main(int argc, char** argv) {
  std::deque<std::unique_ptr<strata::CpuBackend>> backends;
  return strata::bench::RunBenchmarks(argc, argv, [&](strata::bench::Bench& bench) {
    for (const strata::CpuIsa isa : strata::bench::ComparedIsas()) {
      auto backend =
          strata::CpuBackend::Create({.num_threads = bench.probe.num_threads, .isa = isa});
      STRATA_CHECK(backend.ok(), "no CPU backend");
      backends.push_back(*std::move(backend));
      strata::bench::AddCases(bench.probe, isa, *backends.back());
    }
  });
}
