#include "tests/support/cuda_device/mirrored_backend.h"

#include <algorithm>
#include <utility>

#include "kernels/base/status.h"

namespace strata::test {
namespace {

// Mirrors are misaligned as what they mirror, up to this.
constexpr int64_t kAlignment = 256;

}  // namespace

// The memory of one operation's arguments on the device.
class MirroredBackend::Mirror {
 public:
  explicit Mirror(Device& device) : device_(device) {}

  void Add(const TensorView& view) {
    if (!view.present() || view.shape().NumElements() == 0) return;
    // Whole rows and the gaps between them, but nothing behind the last element.
    const int64_t elements = (view.num_rows() - 1) * view.row_stride() + view.num_columns();
    AddBytes(view.data(), BytesOf(view.dtype(), elements));
  }
  void Add(const KvView& kv) {
    for (const KvSequence& sequence : kv.sequences) {
      for (void* const page : sequence.pages) AddBytes(page, kv.layout.PageBytes());
    }
  }

  // Copies everything to the device.
  absl::Status Upload() {
    std::sort(regions_.begin(), regions_.end(),
              [](const Region& a, const Region& b) { return a.begin < b.begin; });
    std::vector<Region> merged;
    for (const Region& region : regions_) {
      if (!merged.empty() && region.begin < merged.back().end) {
        merged.back().end = std::max(merged.back().end, region.end);
      } else {
        merged.push_back({region.begin, region.end, {}});
      }
    }
    regions_ = std::move(merged);
    for (Region& region : regions_) {
      const int64_t bytes = region.end - region.begin;
      const int64_t skipped = static_cast<int64_t>(reinterpret_cast<uintptr_t>(region.begin) %
                                                   static_cast<uintptr_t>(kAlignment));
      STRATA_ASSIGN_OR_RETURN(Buffer buffer, device_.Allocate(skipped + bytes));
      region.on_device = buffer.data() + skipped;
      buffers_.push_back(std::move(buffer));
      STRATA_RETURN_IF_ERROR(device_.CopyIn(region.on_device, region.begin, bytes).Synchronize());
    }
    return absl::OkStatus();
  }

  absl::Status Download() {
    for (const Region& region : regions_) {
      STRATA_RETURN_IF_ERROR(
          device_.CopyOut(region.begin, region.on_device, region.end - region.begin).Synchronize());
    }
    return absl::OkStatus();
  }

  void* Map(const void* host) const {
    const std::byte* const address = static_cast<const std::byte*>(host);
    for (const Region& region : regions_) {
      if (address >= region.begin && address < region.end) {
        return region.on_device + (address - region.begin);
      }
    }
    return nullptr;  // of a tensor without elements
  }
  MutableTensorView Map(const TensorView& view) const {
    if (!view.present()) return {};
    return MutableTensorView(Map(view.data()), view.dtype(), view.shape(), view.row_stride());
  }
  // `pages` and `sequences` hold what the result views.
  KvView Map(const KvView& kv, std::vector<std::vector<void*>>& pages,
             std::vector<KvSequence>& sequences) const {
    sequences.assign(kv.sequences.begin(), kv.sequences.end());
    pages.resize(sequences.size());
    for (size_t i = 0; i < sequences.size(); ++i) {
      for (void* const page : sequences[i].pages) {
        pages[i].push_back(page == nullptr ? nullptr : Map(page));
      }
      sequences[i].pages = pages[i];
    }
    return {kv.layout, sequences};
  }

 private:
  struct Region {
    std::byte* begin;
    std::byte* end;
    std::byte* on_device;
  };

  void AddBytes(const void* data, int64_t bytes) {
    if (data == nullptr || bytes == 0) return;
    std::byte* const begin = static_cast<std::byte*>(const_cast<void*>(data));
    regions_.push_back({begin, begin + bytes, nullptr});
  }

  Device& device_;
  std::vector<Region> regions_;
  std::vector<Buffer> buffers_;
};

// Checked on the host first, where the arguments lie as the test gave them.
#define STRATA_MIRROR(...)                                                        \
  STRATA_RETURN_IF_ERROR(Check(args));                                            \
  Mirror mirror(*device_);                                                        \
  for (const TensorView& view : std::initializer_list<TensorView>{__VA_ARGS__}) { \
    mirror.Add(view);                                                             \
  }                                                                               \
  STRATA_RETURN_IF_ERROR(mirror.Upload())

#define STRATA_RUN(operation, ...)                          \
  STRATA_RETURN_IF_ERROR(backend_->operation(__VA_ARGS__)); \
  STRATA_RETURN_IF_ERROR(backend_->Record().Synchronize()); \
  return mirror.Download()

absl::Status MirroredBackend::GatherRows(const GatherRowsArgs& args) {
  STRATA_MIRROR(args.table, args.out);
  GatherRowsArgs mapped = args;
  mapped.table = mirror.Map(args.table);
  mapped.out = mirror.Map(args.out);
  STRATA_RUN(GatherRows, mapped);
}

absl::Status MirroredBackend::RmsNorm(const RmsNormArgs& args) {
  STRATA_MIRROR(args.x, args.weight, args.out);
  RmsNormArgs mapped = args;
  mapped.x = mirror.Map(args.x);
  mapped.weight = mirror.Map(args.weight);
  mapped.out = mirror.Map(args.out);
  STRATA_RUN(RmsNorm, mapped);
}

absl::Status MirroredBackend::LayerNorm(const LayerNormArgs& args) {
  STRATA_MIRROR(args.x, args.weight, args.bias, args.out);
  LayerNormArgs mapped = args;
  mapped.x = mirror.Map(args.x);
  mapped.weight = mirror.Map(args.weight);
  mapped.bias = mirror.Map(args.bias);
  mapped.out = mirror.Map(args.out);
  STRATA_RUN(LayerNorm, mapped);
}

absl::Status MirroredBackend::MatMul(const MatMulArgs& args) {
  STRATA_MIRROR(args.x, args.weight, args.bias, args.residual, args.out);
  MatMulArgs mapped = args;
  mapped.x = mirror.Map(args.x);
  mapped.weight = mirror.Map(args.weight);
  mapped.bias = mirror.Map(args.bias);
  mapped.residual = mirror.Map(args.residual);
  mapped.out = mirror.Map(args.out);
  STRATA_RUN(MatMul, mapped);
}

absl::Status MirroredBackend::Rope(const RopeArgs& args) {
  STRATA_MIRROR(args.x, args.cosines, args.sines);
  STRATA_RUN(Rope, {.x = mirror.Map(args.x),
                    .cosines = mirror.Map(args.cosines),
                    .sines = mirror.Map(args.sines)});
}

absl::Status MirroredBackend::AppendKv(const AppendKvArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  Mirror mirror(*device_);
  mirror.Add(args.keys);
  mirror.Add(args.values);
  mirror.Add(args.kv);
  STRATA_RETURN_IF_ERROR(mirror.Upload());
  std::vector<std::vector<void*>> pages;
  std::vector<KvSequence> sequences;
  STRATA_RUN(AppendKv, {.keys = mirror.Map(args.keys),
                        .values = mirror.Map(args.values),
                        .kv = mirror.Map(args.kv, pages, sequences)});
}

absl::Status MirroredBackend::TopLogits(const TopLogitsArgs& args) {
  STRATA_MIRROR(args.logits, args.ids, args.values, args.mass);
  STRATA_RUN(TopLogits, {.logits = mirror.Map(args.logits),
                         .temperatures = args.temperatures,
                         .ids = mirror.Map(args.ids),
                         .values = mirror.Map(args.values),
                         .mass = mirror.Map(args.mass)});
}

absl::Status MirroredBackend::RopeAppendKv(const RopeAppendKvArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  Mirror mirror(*device_);
  for (const TensorView& view :
       {TensorView(args.queries), TensorView(args.keys), args.values, args.cosines, args.sines}) {
    mirror.Add(view);
  }
  mirror.Add(args.kv);
  STRATA_RETURN_IF_ERROR(mirror.Upload());
  std::vector<std::vector<void*>> pages;
  std::vector<KvSequence> sequences;
  STRATA_RUN(RopeAppendKv, {.queries = mirror.Map(args.queries),
                            .keys = mirror.Map(args.keys),
                            .values = mirror.Map(args.values),
                            .cosines = mirror.Map(args.cosines),
                            .sines = mirror.Map(args.sines),
                            .kv = mirror.Map(args.kv, pages, sequences)});
}

absl::Status MirroredBackend::Attention(const AttentionArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  Mirror mirror(*device_);
  for (const TensorView& view :
       {TensorView(args.queries), TensorView(args.out), TensorView(args.log_sum_exp)}) {
    mirror.Add(view);
  }
  mirror.Add(args.kv);
  STRATA_RETURN_IF_ERROR(mirror.Upload());
  std::vector<std::vector<void*>> pages;
  std::vector<KvSequence> sequences;
  AttentionArgs mapped = args;
  mapped.queries = mirror.Map(args.queries);
  mapped.kv = mirror.Map(args.kv, pages, sequences);
  mapped.out = mirror.Map(args.out);
  mapped.log_sum_exp = mirror.Map(args.log_sum_exp);
  STRATA_RUN(Attention, mapped);
}

absl::Status MirroredBackend::MergeAttention(const MergeAttentionArgs& args) {
  STRATA_MIRROR(args.a_out, args.a_log_sum_exp, args.b_out, args.b_log_sum_exp, args.out,
                args.log_sum_exp);
  STRATA_RUN(MergeAttention, {.a_out = mirror.Map(args.a_out),
                              .a_log_sum_exp = mirror.Map(args.a_log_sum_exp),
                              .b_out = mirror.Map(args.b_out),
                              .b_log_sum_exp = mirror.Map(args.b_log_sum_exp),
                              .out = mirror.Map(args.out),
                              .log_sum_exp = mirror.Map(args.log_sum_exp)});
}

absl::Status MirroredBackend::Activate(const ActivateArgs& args) {
  STRATA_MIRROR(args.x, args.out);
  STRATA_RUN(Activate,
             {.x = mirror.Map(args.x), .activation = args.activation, .out = mirror.Map(args.out)});
}

absl::Status MirroredBackend::GatedActivate(const GatedActivateArgs& args) {
  STRATA_MIRROR(args.gate, args.up, args.out);
  STRATA_RUN(GatedActivate, {.gate = mirror.Map(args.gate),
                             .up = mirror.Map(args.up),
                             .activation = args.activation,
                             .out = mirror.Map(args.out)});
}

absl::Status MirroredBackend::Add(const AddArgs& args) {
  STRATA_MIRROR(args.a, args.b, args.out);
  STRATA_RUN(Add, {.a = mirror.Map(args.a), .b = mirror.Map(args.b), .out = mirror.Map(args.out)});
}

}  // namespace strata::test
