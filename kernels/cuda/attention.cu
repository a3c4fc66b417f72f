#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/attention_merge.cuh"
#include "kernels/cuda/attention_plain.cuh"
#include "kernels/cuda/attention_variants.cuh"
#include "kernels/cuda/launch.cuh"

namespace strata::cuda {
namespace {

constexpr int64_t kFewRows = 16;  // of the small tensor-core kernel

// Shared storage that a cta may have at most.
int64_t SharedBytesOf(int sm_version) {
  if (sm_version < 80) return 64 * 1024;
  if (sm_version == 80 || sm_version == 87) return 163 * 1024;
  if (sm_version >= 90 && sm_version < 120) return 227 * 1024;
  return 99 * 1024;
}

// Copies of 16 bytes want pages that begin at multiples of it.
bool PagesAreAligned(const KvView& kv) {
  for (const KvSequence& sequence : kv.sequences) {
    for (const void* page : sequence.pages) {
      if (reinterpret_cast<uintptr_t>(page) % 16 != 0) return false;
    }
  }
  return true;
}

// How the pages' rows become operands: asynchronous copies need sm_80.
KvLoad LoadOf(DType pages, DType operands, int sm_version) {
  return pages == operands && sm_version >= 80 ? KvLoad::kCopy : KvLoad::kDecode;
}

// Rows of the kernel for many that fits the device; those of the small one if it does not.
template <int kDim>
int64_t ManyRowsOf(KvLoad load, int sm_version) {
  using Copying = ManyRowsKernel<Float16, kDim, KvLoad::kCopy>;
  using Decoding = ManyRowsKernel<Float16, kDim, KvLoad::kDecode>;
  const int64_t bytes =
      load == KvLoad::kCopy ? sizeof(typename Copying::Shared) : sizeof(typename Decoding::Shared);
  return bytes <= SharedBytesOf(sm_version) ? Copying::kRows : kFewRows;
}

int64_t ManyRows(int64_t head_dim, KvLoad load, int sm_version) {
  switch (head_dim) {
    case 64:
      return ManyRowsOf<64>(load, sm_version);
    case 80:
      return ManyRowsOf<80>(load, sm_version);
    case 96:
      return ManyRowsOf<96>(load, sm_version);
    case 128:
      return ManyRowsOf<128>(load, sm_version);
    default:
      return ManyRowsOf<256>(load, sm_version);
  }
}

// The plan's lists on the device.
struct PlanOnDevice {
  void* const* pages;
  const PlannedQuery* queries;
  const MergedQuery* merged;
  AttentionItems items;
};

// Lists one behind the other, each aligned to 16, so that one upload carries them all.
class UploadList {
 public:
  // Where the list will begin, in bytes.
  template <typename T>
  size_t Add(const std::vector<T>& list) {
    const size_t begin = (bytes_.size() + 15) / 16 * 16;
    bytes_.resize(begin + list.size() * sizeof(T));
    if (!list.empty()) std::memcpy(bytes_.data() + begin, list.data(), list.size() * sizeof(T));
    return begin;
  }
  absl::StatusOr<const char*> Upload(LaunchContext& context) const {
    return context.Upload(absl::MakeConstSpan(bytes_));
  }

 private:
  std::vector<char> bytes_;
};

absl::StatusOr<PlanOnDevice> Upload(const AttentionPlan& plan, LaunchContext& context) {
  UploadList lists;
  const size_t pages = lists.Add(plan.pages);
  const size_t queries = lists.Add(plan.queries);
  const size_t merged = lists.Add(plan.merged);
  const size_t few = lists.Add(plan.few);
  const size_t many = lists.Add(plan.many);
  STRATA_ASSIGN_OR_RETURN(const char* const begin, lists.Upload(context));
  return PlanOnDevice{.pages = reinterpret_cast<void* const*>(begin + pages),
                      .queries = reinterpret_cast<const PlannedQuery*>(begin + queries),
                      .merged = reinterpret_cast<const MergedQuery*>(begin + merged),
                      .items = {.few = reinterpret_cast<const AttentionItem*>(begin + few),
                                .num_few = static_cast<int>(plan.few.size()),
                                .many = reinterpret_cast<const AttentionItem*>(begin + many),
                                .num_many = static_cast<int>(plan.many.size())}};
}

absl::Status LaunchItems(const AttentionParams& params, const AttentionItems& items, DType operands,
                         KvLoad load, LaunchContext& context) {
  if (operands == DType::kF32) {
    AttentionParams of_items = params;
    of_items.items = items.few;
    return Launch<AttentionPlainKernel>(
        context, {.x = items.num_few, .y = params.layout.num_kv_heads}, of_items);
  }
  if (load == KvLoad::kDecode) return LaunchAttentionDecoded(params, items, context);
  return operands == DType::kF16 ? LaunchAttentionOfF16(params, items, context)
                                 : LaunchAttentionOfBF16(params, items, context);
}

}  // namespace

DType AttentionOperands(const KvLayout& layout, int sm_version) {
  if (!HasAttentionKernel(layout.head_dim) || layout.head_dim != layout.v_head_dim ||
      layout.dtype == DType::kF32) {
    return DType::kF32;
  }
  return layout.dtype == DType::kBF16 && sm_version >= 80 ? DType::kBF16 : DType::kF16;
}

absl::Status LaunchAttention(const AttentionArgs& args, LaunchContext& context) {
  const KvLayout& layout = args.kv.layout;
  const int64_t num_q_heads = args.queries.shape()[1];
  if (layout.head_dim > kMaxHeadDim || layout.v_head_dim > kMaxHeadDim) {
    return absl::UnimplementedError(absl::StrCat("Attention: head dimensions up to ", kMaxHeadDim,
                                                 " have CUDA bodies, got ", layout.head_dim,
                                                 " and ", layout.v_head_dim));
  }
  const DType operands =
      PagesAreAligned(args.kv) ? AttentionOperands(layout, context.sm_version()) : DType::kF32;
  const KvLoad load = LoadOf(layout.dtype, operands, context.sm_version());
  AttentionTiling tiling = {.few_rows = AttentionPlainKernel::kRows,
                            .many_rows = AttentionPlainKernel::kRows,
                            .num_ctas = 8 * context.num_sms()};
  if (operands != DType::kF32) {
    tiling.few_rows = kFewRows;
    tiling.many_rows = ManyRows(layout.head_dim, load, context.sm_version());
  }
  const AttentionPlan plan = PlanAttention(args, tiling);
  if (plan.queries.empty()) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(const PlanOnDevice on_device, Upload(plan, context));
  const int64_t partial_rows = plan.num_slots * num_q_heads;
  STRATA_ASSIGN_OR_RETURN(void* const partial_out,
                          context.Scratch(BytesOf(DType::kF32, partial_rows * layout.v_head_dim)));
  STRATA_ASSIGN_OR_RETURN(void* const partial_scales,
                          context.Scratch(BytesOf(DType::kF32, 2 * partial_rows)));
  constexpr int64_t kUnlimited = int64_t{1} << 30;
  constexpr float kLog2E = 1.44269504088896341f;
  const AttentionParams params = {
      .queries = static_cast<const float*>(args.queries.data()),
      .pages = on_device.pages,
      .planned = on_device.queries,
      .items = nullptr,
      .out = static_cast<float*>(args.out.mutable_data()),
      .log_sum_exp = static_cast<float*>(args.log_sum_exp.mutable_data()),
      .partial_out = static_cast<float*>(partial_out),
      .partial_scales = static_cast<float*>(partial_scales),
      .query_stride = args.queries.row_stride(),
      .out_stride = args.out.row_stride(),
      .lse_stride = args.log_sum_exp.row_stride(),
      .layout = KvPageLayoutOf(layout),
      .page_shift = __builtin_ctzll(static_cast<unsigned long long>(layout.page_size)),
      .num_q_heads = static_cast<int>(num_q_heads),
      .group = static_cast<int>(num_q_heads / layout.num_kv_heads),
      .sliding_window =
          args.sliding_window >= kUnlimited ? 0 : static_cast<int>(args.sliding_window),
      .scale = args.scale * kLog2E};
  STRATA_RETURN_IF_ERROR(LaunchItems(params, on_device.items, operands, load, context));
  if (plan.merged.empty()) return absl::OkStatus();
  constexpr int64_t kWarps = AttentionMergeKernel::kThreads / kWarpLanes;
  const int64_t num_rows = static_cast<int64_t>(plan.merged.size()) * num_q_heads;
  return Launch<AttentionMergeKernel>(context,
                                      {.x = static_cast<int>((num_rows + kWarps - 1) / kWarps)},
                                      {.attention = params,
                                       .queries = on_device.merged,
                                       .num_queries = static_cast<int>(plan.merged.size())});
}

}  // namespace strata::cuda
