// AppendKv: a pass's rows of K and V into their pages, converted to the pages' format.
//
// Grid: num_tokens. A warp takes a group of 64 elements of one row of K or V at a time; lane i has
// elements i and i + 32 of the group, so that loads are whole lines, the smallest and largest value
// of a quantised group are a butterfly away, and the two codes of an int4 byte are 16 lanes apart.
// Codes are those of PackRow, bit by bit. Nothing is shared.
#pragma once

#include <vector>

#include "kernels/cuda/kv_page.cuh"
#include "kernels/cuda/reduce.cuh"

namespace strata::cuda {

// Where a token's rows go.
struct AppendTarget {
  void* page;
  int64_t slot;  // of the page
};

// Of every token of the call, in order.
inline std::vector<AppendTarget> AppendTargetsOf(const KvView& kv) {
  std::vector<AppendTarget> targets;
  for (const KvSequence& sequence : kv.sequences) {
    for (int64_t i = 0; i < sequence.num_queries; ++i) {
      const int64_t position = sequence.first_position + i;
      targets.push_back({sequence.pages[static_cast<size_t>(position / kv.layout.page_size)],
                         position % kv.layout.page_size});
    }
  }
  return targets;
}

struct AppendKvParams {
  const float* keys;            // [num_tokens, num_kv_heads, head_dim]
  const float* values;          // [num_tokens, num_kv_heads, v_head_dim]
  const AppendTarget* targets;  // [num_tokens]
  int64_t key_stride;
  int64_t value_stride;
  KvPageLayout layout;
};

struct AppendKvKernel {
  using Params = AppendKvParams;
  struct Shared {};
  static constexpr int kThreads = 128;
  static constexpr int kCtasPerSm = 8;
  static constexpr int kGroup = static_cast<int>(kQuantizedGroup);

  static STRATA_DEVICE bool IsFinite(float x) { return (BitsOf(x) & 0x7f800000u) != 0x7f800000u; }

  static STRATA_DEVICE int CodeOf(float value, const QuantizedGroup& group, float max_code) {
    if (!(group.step > 0.0f)) return 0;
    return static_cast<int>(Min((value - group.minimum) / group.step + 0.5f, max_code));
  }

  // The group of the warp's values; lanes have two, of which `count` in all exist.
  static STRATA_DEVICE QuantizedGroup GroupOf(float first, float second, int count,
                                              float max_code) {
    const bool has_first = LaneIndex() < count;
    const bool has_second = LaneIndex() + kWarpLanes < count;
    const float infinity = FloatOf(0x7f800000u);
    const bool is_finite = (!has_first || IsFinite(first)) && (!has_second || IsFinite(second));
    const float low = Min(has_first ? first : infinity, has_second ? second : infinity);
    const float high = Max(has_first ? first : -infinity, has_second ? second : -infinity);
    const float minimum = -WarpMax(-low);
    const float range = WarpMax(high) - minimum;
    if (Ballot(!is_finite) != 0 || !IsFinite(range)) return {FloatOf(0x7fc00000u), 0.0f};
    return {minimum, range / max_code};
  }

  // Elements [begin, begin + 64) of a row of `dim`, to int8 or int4. The warp that has the last
  // ones fills up the row's bytes.
  static STRATA_DEVICE void PackGroup(KvFormat format, int begin, int dim, int64_t row_bytes,
                                      float first, float second, char* row) {
    const int count = dim - begin < kGroup ? dim - begin : kGroup;
    const float max_code = format == KvFormat::kInt8 ? 255.0f : 15.0f;
    const QuantizedGroup group = GroupOf(first, second, count, max_code);
    if (LaneIndex() == 0) reinterpret_cast<QuantizedGroup*>(row)[begin / kGroup] = group;
    uint8_t* const codes = reinterpret_cast<uint8_t*>(row) + GroupsOf(dim) * 8;
    const int lane = LaneIndex();
    const bool has_second = lane + kWarpLanes < count;
    const int first_code = lane < count ? CodeOf(first, group, max_code) : 0;
    const int second_code = has_second ? CodeOf(second, group, max_code) : 0;
    int end = 0;  // of the codes written
    if (format == KvFormat::kInt8) {
      if (lane < count) codes[begin + lane] = static_cast<uint8_t>(first_code);
      if (has_second) codes[begin + lane + kWarpLanes] = static_cast<uint8_t>(second_code);
      end = begin + count;
    } else {
      // Lanes 0 to 15 write the first block of 32 elements, lanes 16 to 31 the second.
      const int sent = lane < 16 ? second_code : first_code;
      const int received = ShuffleXor(sent, 16);
      const int low = lane < 16 ? first_code : received;
      const int high = lane < 16 ? received : second_code;
      const int in_block = lane < 16 ? count : count - 32;
      if (lane % 16 < in_block) {
        codes[begin / 2 + lane] = static_cast<uint8_t>(low | high << 4);
      }
      const int rest = count % 32;
      end = begin / 2 + count / 32 * 16 + (rest < 16 ? rest : 16);
    }
    if (begin + kGroup < dim) return;
    const int num_bytes = static_cast<int>(row_bytes) - GroupsOf(dim) * 8;
    if (end + lane < num_bytes) codes[end + lane] = 0;
  }

  template <typename T>
  static STRATA_DEVICE void StoreGroup(int begin, int dim, float first, float second, char* row) {
    const int i = begin + LaneIndex();
    T* const to = reinterpret_cast<T*>(row);
    if constexpr (sizeof(T) == 4) {
      if (i < dim) to[i] = first;
      if (i + kWarpLanes < dim) to[i + kWarpLanes] = second;
    } else {
      if (i < dim) to[i] = Narrow<T>(first);
      if (i + kWarpLanes < dim) to[i + kWarpLanes] = Narrow<T>(second);
    }
  }

  // Elements [begin, begin + 64) of a row of `dim`, of which a lane has `first` and `second`.
  static STRATA_DEVICE void AppendGroup(KvFormat format, float first, float second, int begin,
                                        int dim, int64_t row_bytes, char* row) {
    switch (format) {
      case KvFormat::kF32:
        return StoreGroup<float>(begin, dim, first, second, row);
      case KvFormat::kF16:
        return StoreGroup<Float16>(begin, dim, first, second, row);
      case KvFormat::kBF16:
        return StoreGroup<BFloat16>(begin, dim, first, second, row);
      default:
        return PackGroup(format, begin, dim, row_bytes, first, second, row);
    }
  }

  // Group `index` of the row `x`.
  static STRATA_DEVICE void CopyGroup(KvFormat format, const float* x, int index, int dim,
                                      int64_t row_bytes, char* row) {
    const int begin = index * kGroup;
    const int i = begin + LaneIndex();
    const float first = i < dim ? x[i] : 0.0f;
    const float second = i + kWarpLanes < dim ? x[i + kWarpLanes] : 0.0f;
    AppendGroup(format, first, second, begin, dim, row_bytes, row);
  }

  static STRATA_DEVICE void Run(const Params& p, Shared&) {
    const KvPageLayout& l = p.layout;
    const int64_t token = CtaX();
    char* const page = static_cast<char*>(p.targets[token].page);
    const int slot = static_cast<int>(p.targets[token].slot);
    const int key_groups = GroupsOf(l.head_dim);
    const int head_groups = key_groups + GroupsOf(l.v_head_dim);
    for (int i = WarpIndex(); i < l.num_kv_heads * head_groups; i += kThreads / kWarpLanes) {
      const int head = i / head_groups;
      const int group = i % head_groups;
      const int64_t row = token * l.num_kv_heads + head;
      if (group < key_groups) {
        CopyGroup(l.format, p.keys + row * p.key_stride, group, l.head_dim, l.key_row_bytes,
                  page + KeyOffsetOf(l, head, slot));
      } else {
        CopyGroup(l.format, p.values + row * p.value_stride, group - key_groups, l.v_head_dim,
                  l.value_row_bytes, page + ValueOffsetOf(l, head, slot));
      }
    }
  }
};

}  // namespace strata::cuda
