#include "engine/profile/compute_rates.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "engine/model_shape_of.h"
#include "engine/profile/repeated_measurement.h"
#include "kernels/base/status.h"
#include "kernels/device/thread_pool.h"

namespace strata {
namespace {

constexpr int64_t kOutDim = 5632;
constexpr int64_t kInDim = 2048;
constexpr int64_t kRows[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};
constexpr DType kFormats[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kInt8Weights64,
                              DType::kInt4Weights64};

// Attention of a Llama 3 8B layer, in the engine's pages.
constexpr int64_t kQueryHeads = 32;
constexpr int64_t kKvHeads = 8;
constexpr int64_t kHeadDim = 128;
constexpr int64_t kDecodeContext = 4096;

// The bits of 1/128, exact in every float format: an ordinary number, as weights are.
uint32_t PatternOf(DType dtype) {
  switch (dtype) {
    case DType::kF16:
      return 0x20002000;
    case DType::kBF16:
      return 0x3c003c00;
    default:
      return 0x3c000000;
  }
}

// Memory filled with 1/128 in `dtype` (packed weights: with some finite values): a device's, or if
// that is null the host's.
absl::StatusOr<Buffer> FilledBuffer(DType dtype, const Shape& shape, Device* device = nullptr) {
  const int64_t bytes = (TensorBytes(dtype, shape) + 3) / 4 * 4;
  STRATA_ASSIGN_OR_RETURN(Buffer buffer, Buffer::Allocate(bytes, MemoryKind::kPageable));
  std::fill_n(reinterpret_cast<uint32_t*>(buffer.data()), bytes / 4, PatternOf(dtype));
  if (device == nullptr) return buffer;
  STRATA_ASSIGN_OR_RETURN(Buffer on_device, device->Allocate(bytes));
  STRATA_RETURN_IF_ERROR(device->CopyIn(on_device.data(), buffer.data(), bytes).Synchronize());
  return on_device;
}

// Operations of a gpu that are timed together.
constexpr int kDeviceCalls = 16;

// Median seconds of one call of `work`, an operation of `backend`.
absl::StatusOr<double> MedianSecondsOfCall(double seconds, Backend& backend,
                                           const ComputeRatesOptions& options,
                                           const std::function<absl::Status()>& work) {
  const int calls = options.device != nullptr ? kDeviceCalls : 1;
  STRATA_ASSIGN_OR_RETURN(const double all, MedianSecondsOf(seconds, [&]() -> absl::Status {
                            for (int i = 0; i < calls; ++i) STRATA_RETURN_IF_ERROR(work());
                            return backend.Record().Synchronize();
                          }));
  return all / calls;
}

// Sums of 16 bytes at a time in eight chains: enough loads in flight for any memory we know.
using Lanes = uint64_t __attribute__((vector_size(16)));

uint64_t SumOf(const std::byte* data, int64_t bytes) {
  const auto* lanes = reinterpret_cast<const Lanes*>(data);
  const int64_t count = bytes / static_cast<int64_t>(sizeof(Lanes));
  Lanes sums[8] = {};
  for (int64_t i = 0; i + 8 <= count; i += 8) {
    for (int chain = 0; chain < 8; ++chain) sums[chain] += lanes[i + chain];
  }
  Lanes sum = {};
  for (const Lanes& chain : sums) sum += chain;
  return sum[0] + sum[1];
}

// Paged KV rows of `num_seqs` sequences, each with all its pages, and queries for them.
struct AttentionOperands {
  static absl::StatusOr<AttentionOperands> Create(int64_t num_seqs, int64_t num_queries,
                                                  int64_t context, Device* device) {
    AttentionOperands operands;
    operands.layout = {.dtype = DType::kBF16,
                       .page_size = kKvPageSize,
                       .num_kv_heads = kKvHeads,
                       .head_dim = kHeadDim,
                       .v_head_dim = kHeadDim};
    const int64_t pages_each = (context + num_queries + kKvPageSize - 1) / kKvPageSize;
    const int64_t page_bytes = operands.layout.PageBytes();
    operands.num_tokens = num_seqs * num_queries;
    STRATA_ASSIGN_OR_RETURN(
        operands.rows,
        FilledBuffer(DType::kBF16, {num_seqs * pages_each * page_bytes / 2}, device));
    const int64_t query_count = operands.num_tokens * kQueryHeads * kHeadDim;
    STRATA_ASSIGN_OR_RETURN(operands.queries, FilledBuffer(DType::kF32, {query_count}, device));
    STRATA_ASSIGN_OR_RETURN(operands.out, FilledBuffer(DType::kF32, {query_count}, device));
    for (int64_t page = 0; page < num_seqs * pages_each; ++page) {
      operands.pages.push_back(operands.rows.data() + page * page_bytes);
    }
    for (int64_t seq = 0; seq < num_seqs; ++seq) {
      operands.sequences.push_back({.pages = absl::MakeSpan(operands.pages)
                                                 .subspan(static_cast<size_t>(seq * pages_each),
                                                          static_cast<size_t>(pages_each)),
                                    .first_query = seq * num_queries,
                                    .num_queries = num_queries,
                                    .first_position = context});
    }
    return operands;
  }

  AttentionArgs Args() const {
    const Shape shape = {num_tokens, kQueryHeads, kHeadDim};
    return {.queries = TensorView(queries.data(), DType::kF32, shape),
            .kv = {.layout = layout, .sequences = sequences},
            .scale = 1.0f / std::sqrt(static_cast<float>(kHeadDim)),
            .out = MutableTensorView(out.data(), DType::kF32, shape)};
  }

  KvLayout layout;
  int64_t num_tokens = 0;
  Buffer rows;     // pages, as kernels/ops/kv_view.h lays them out
  Buffer queries;  // [num_tokens, num_q_heads, head_dim] f32
  Buffer out;      // likewise
  std::vector<void*> pages;
  std::vector<KvSequence> sequences;  // of pages: moving a vector keeps its elements in place
};

absl::Status MeasureAttention(Backend& backend, const ComputeRatesOptions& options,
                              DeviceRates& rates) {
  const int64_t bytes_each = BytesOf(DType::kBF16, 2 * kKvHeads * kHeadDim * kDecodeContext);
  const int64_t num_seqs = std::max<int64_t>(1, options.cold_bytes / bytes_each);
  {
    STRATA_ASSIGN_OR_RETURN(
        const AttentionOperands decode,
        AttentionOperands::Create(num_seqs, 1, kDecodeContext - 1, options.device));
    STRATA_ASSIGN_OR_RETURN(const double seconds,
                            MedianSecondsOfCall(options.seconds_per_rate, backend, options,
                                                [&] { return backend.Attention(decode.Args()); }));
    rates.attention_bytes_per_s = static_cast<double>(num_seqs * bytes_each) / seconds;
  }
  // After as many tokens that are in the cache already.
  const int64_t num_tokens = options.max_rows;
  STRATA_ASSIGN_OR_RETURN(const AttentionOperands prefill,
                          AttentionOperands::Create(1, num_tokens, num_tokens, options.device));
  STRATA_ASSIGN_OR_RETURN(const double seconds,
                          MedianSecondsOfCall(options.seconds_per_rate, backend, options,
                                              [&] { return backend.Attention(prefill.Args()); }));
  const int64_t attended = num_tokens * num_tokens + num_tokens * (num_tokens + 1) / 2;
  rates.attention_flops_per_s =
      static_cast<double>(4 * kHeadDim * kQueryHeads * attended) / seconds;
  return absl::OkStatus();
}

// A stage's operations too small to take time: what remains is the calls, and that the threads
// begin and end them together.
absl::StatusOr<double> MeasureStageCost(Backend& backend, const ComputeRatesOptions& options) {
  constexpr int64_t kStageInDim = 64;
  constexpr int64_t kStageOutDim = 512;  // enough for all threads to have a part
  constexpr int kStageOperations = 4;    // an mlp's: norm, gate and up, activation, down
  STRATA_ASSIGN_OR_RETURN(const Buffer weight,
                          FilledBuffer(DType::kF32, {kStageOutDim * kStageInDim}, options.device));
  STRATA_ASSIGN_OR_RETURN(const Buffer x, FilledBuffer(DType::kF32, {kStageInDim}, options.device));
  STRATA_ASSIGN_OR_RETURN(const Buffer out,
                          FilledBuffer(DType::kF32, {kStageOutDim}, options.device));
  const MatMulArgs product = {
      .x = TensorView(x.data(), DType::kF32, {1, kStageInDim}),
      .weight = TensorView(weight.data(), DType::kF32, {kStageOutDim, kStageInDim}),
      .out = MutableTensorView(out.data(), DType::kF32, {1, kStageOutDim})};
  return MedianSecondsOfCall(options.seconds_per_rate / 10, backend, options,
                             [&]() -> absl::Status {
                               for (int i = 0; i < kStageOperations; ++i)
                                 STRATA_RETURN_IF_ERROR(backend.MatMul(product));
                               return absl::OkStatus();
                             });
}

}  // namespace

absl::StatusOr<double> MeasureMemoryRate(const ComputeRatesOptions& options) {
  constexpr int64_t kNumPieces = 16;
  constexpr int64_t kLineBytes = 128;  // eight chains of 16 bytes
  STRATA_ASSIGN_OR_RETURN(const Buffer region, FilledBuffer(DType::kF32, {options.cold_bytes / 4}));
  ThreadPool threads(static_cast<int>(options.num_threads));
  const int64_t share_bytes =
      options.cold_bytes / kNumPieces / options.num_threads / kLineBytes * kLineBytes;
  if (share_bytes == 0) {
    return absl::InvalidArgumentError("too little memory to measure its bandwidth");
  }
  std::vector<uint64_t> sums(static_cast<size_t>(options.num_threads));
  int64_t turn = 0;
  STRATA_ASSIGN_OR_RETURN(
      const double seconds, MedianSecondsOf(2 * options.seconds_per_rate, [&] {
        const std::byte* piece =
            region.data() + turn++ % kNumPieces * (options.cold_bytes / kNumPieces);
        threads.ParallelFor(options.num_threads, [&](int64_t share, int) {
          sums[static_cast<size_t>(share)] += SumOf(piece + share * share_bytes, share_bytes);
        });
        return absl::OkStatus();
      }));
  STRATA_CHECK(sums[0] != 0, "the sums are used, so that they are computed");
  return static_cast<double>(share_bytes * options.num_threads) / seconds;
}

absl::StatusOr<std::unique_ptr<MatMulProbe>> MatMulProbe::Create(DType weight_dtype,
                                                                 int64_t max_rows,
                                                                 int64_t cold_bytes,
                                                                 Device* device) {
  const int64_t weight_bytes = TensorBytes(weight_dtype, {kOutDim, kInDim});
  const int64_t num_weights = std::max<int64_t>(1, (cold_bytes + weight_bytes - 1) / weight_bytes);
  STRATA_ASSIGN_OR_RETURN(Buffer weights,
                          FilledBuffer(weight_dtype, {num_weights * kOutDim, kInDim}, device));
  STRATA_ASSIGN_OR_RETURN(Buffer x, FilledBuffer(DType::kF32, {max_rows * kInDim}, device));
  STRATA_ASSIGN_OR_RETURN(Buffer out, FilledBuffer(DType::kF32, {max_rows * kOutDim}, device));
  return std::unique_ptr<MatMulProbe>(
      new MatMulProbe(weight_dtype, num_weights, std::move(weights), std::move(x), std::move(out)));
}

MatMulProbe::MatMulProbe(DType weight_dtype, int64_t num_weights, Buffer weights, Buffer x,
                         Buffer out)
    : weight_dtype_(weight_dtype),
      num_weights_(num_weights),
      weights_(std::move(weights)),
      x_(std::move(x)),
      out_(std::move(out)) {}

absl::Status MatMulProbe::Run(Backend& backend, int64_t num_rows) {
  const int64_t weight_bytes = TensorBytes(weight_dtype_, {kOutDim, kInDim});
  const std::byte* weight = weights_.data() + turn_++ % num_weights_ * weight_bytes;
  return backend.MatMul({.x = TensorView(x_.data(), DType::kF32, {num_rows, kInDim}),
                         .weight = TensorView(weight, weight_dtype_, {kOutDim, kInDim}),
                         .out = MutableTensorView(out_.data(), DType::kF32, {num_rows, kOutDim})});
}

double MatMulProbe::Flops(int64_t num_rows) {
  return 2.0 * static_cast<double>(num_rows * kOutDim * kInDim);
}

absl::StatusOr<LinkRate> MeasureLink(Device& device, CopyDirection direction,
                                     const ComputeRatesOptions& options) {
  // Pieces as large as a layer's weights, queued together as the executor does.
  constexpr int64_t kPieces = 8;
  constexpr int64_t kSmallBytes = 64;
  const int64_t piece = std::max<int64_t>(kSmallBytes, options.cold_bytes / kPieces);
  STRATA_ASSIGN_OR_RETURN(const Buffer host, device.AllocateHost(piece));
  std::memset(host.data(), 1, static_cast<size_t>(piece));
  STRATA_ASSIGN_OR_RETURN(const Buffer on_device, device.Allocate(piece));
  const auto copy = [&](int64_t bytes) {
    return direction == CopyDirection::kIn ? device.CopyIn(on_device.data(), host.data(), bytes)
                                           : device.CopyOut(host.data(), on_device.data(), bytes);
  };
  LinkRate rate;
  STRATA_ASSIGN_OR_RETURN(const double seconds, MedianSecondsOf(options.seconds_per_rate, [&] {
                            Event arrived;
                            for (int64_t i = 0; i < kPieces; ++i) {
                              arrived = Event::Both(arrived, copy(piece));
                            }
                            return arrived.Synchronize();
                          }));
  rate.bytes_per_s = static_cast<double>(kPieces * piece) / seconds;
  STRATA_ASSIGN_OR_RETURN(rate.latency_s, MedianSecondsOf(options.seconds_per_rate / 10, [&] {
                            return copy(kSmallBytes).Synchronize();
                          }));
  return rate;
}

absl::StatusOr<double> MeasureGpuMemoryRate(Backend& backend, const ComputeRatesOptions& options) {
  constexpr int64_t kColumns = 4096;
  const Shape shape = {std::max<int64_t>(1, options.cold_bytes / kColumns / 4), kColumns};
  STRATA_ASSIGN_OR_RETURN(const Buffer memory,
                          FilledBuffer(DType::kF32, {shape.NumElements()}, options.device));
  const MutableTensorView view(memory.data(), DType::kF32, shape);
  STRATA_ASSIGN_OR_RETURN(
      const double seconds, MedianSecondsOfCall(options.seconds_per_rate, backend, options, [&] {
        return backend.Activate({.x = view, .activation = Activation::kRelu, .out = view});
      }));
  return 2.0 * static_cast<double>(memory.bytes()) / seconds;
}

absl::Status MeasureBackend(Backend& backend, const ComputeRatesOptions& options,
                            DeviceRates& rates) {
  rates.mat_mul.clear();
  for (const DType dtype : kFormats) {
    STRATA_ASSIGN_OR_RETURN(
        const std::unique_ptr<MatMulProbe> probe,
        MatMulProbe::Create(dtype, options.max_rows, options.cold_bytes, options.device));
    for (const int64_t num_rows : kRows) {
      if (num_rows > options.max_rows) break;
      STRATA_ASSIGN_OR_RETURN(const double seconds,
                              MedianSecondsOfCall(options.seconds_per_rate, backend, options,
                                                  [&] { return probe->Run(backend, num_rows); }));
      rates.mat_mul.push_back({.weight_dtype = dtype,
                               .num_rows = num_rows,
                               .flops_per_s = MatMulProbe::Flops(num_rows) / seconds});
    }
  }
  STRATA_RETURN_IF_ERROR(MeasureAttention(backend, options, rates));
  STRATA_ASSIGN_OR_RETURN(rates.seconds_per_stage, MeasureStageCost(backend, options));
  return absl::OkStatus();
}

}  // namespace strata
