// RopeAppendKv: rotates a pass's queries in place and its keys on their way to their pages.
//
// Grid: num_tokens x the quarter of a token's items. A warp takes one item: a head of the queries,
// or a group of 64 elements of a head of K or V as in AppendKv. Of a query head lane i has pairs i,
// i + 32, ...; of a group of K elements i and i + 32, whose partners it reads beside them: they
// come from the cache, since another lane or item of the same head reads them too. Whole lines are
// read and written; a rotated key is never written but to its page. Nothing is shared.
#pragma once

#include "kernels/cuda/append_kv.cuh"
#include "kernels/cuda/rope.cuh"

namespace strata::cuda {

struct RopeAppendKvParams {
  float* queries;               // [num_tokens, num_q_heads, head_dim]; stride between heads
  const float* keys;            // [num_tokens, num_kv_heads, head_dim]; likewise
  const float* values;          // [num_tokens, num_kv_heads, v_head_dim]; likewise
  const float* cosines;         // [num_tokens, half_dim]
  const float* sines;           // likewise
  const AppendTarget* targets;  // [num_tokens]
  int64_t query_stride;
  int64_t key_stride;
  int64_t value_stride;
  int64_t cosine_stride;
  int64_t sine_stride;
  int num_q_heads;
  int half_dim;
  int num_items;  // of a token: query heads, and groups of all heads of K and V
  KvPageLayout layout;
};

struct RopeAppendKvKernel {
  using Params = RopeAppendKvParams;
  struct Shared {};
  static constexpr int kThreads = 128;
  static constexpr int kCtasPerSm = 8;
  static constexpr int kItemsPerCta = kThreads / kWarpLanes;
  static constexpr int kGroup = AppendKvKernel::kGroup;

  static STRATA_DEVICE void RotateHead(float* x, const float* cosines, const float* sines,
                                       int half_dim) {
    for (int j = LaneIndex(); j < half_dim; j += kWarpLanes) {
      const float low = x[j];
      const float high = x[j + half_dim];
      x[j] = RopeKernel::Minus(low, cosines[j], high, sines[j]);
      x[j + half_dim] = RopeKernel::Plus(high, cosines[j], low, sines[j]);
    }
  }

  // Element `index` of the rotated row; index < dim.
  static STRATA_DEVICE float Rotated(const float* x, const float* cosines, const float* sines,
                                     int half_dim, int index) {
    if (index >= 2 * half_dim) return x[index];
    if (index < half_dim) {
      return RopeKernel::Minus(x[index], cosines[index], x[index + half_dim], sines[index]);
    }
    const int j = index - half_dim;
    return RopeKernel::Plus(x[index], cosines[j], x[j], sines[j]);
  }

  static STRATA_DEVICE void Run(const Params& p, Shared&) {
    const KvPageLayout& l = p.layout;
    const int64_t token = CtaX();
    int item = CtaY() * kItemsPerCta + WarpIndex();
    if (item >= p.num_items) return;
    const float* cosines = p.cosines + token * p.cosine_stride;
    const float* sines = p.sines + token * p.sine_stride;
    if (item < p.num_q_heads) {
      return RotateHead(p.queries + (token * p.num_q_heads + item) * p.query_stride, cosines, sines,
                        p.half_dim);
    }
    item -= p.num_q_heads;
    char* const page = static_cast<char*>(p.targets[token].page);
    const int slot = static_cast<int>(p.targets[token].slot);
    const int key_groups = GroupsOf(l.head_dim);
    const int head_groups = key_groups + GroupsOf(l.v_head_dim);
    const int head = item / head_groups;
    const int group = item % head_groups;
    const int64_t row = token * l.num_kv_heads + head;
    if (group >= key_groups) {
      return AppendKvKernel::CopyGroup(l.format, p.values + row * p.value_stride,
                                       group - key_groups, l.v_head_dim, l.value_row_bytes,
                                       page + ValueOffsetOf(l, head, slot));
    }
    const float* key = p.keys + row * p.key_stride;
    const int begin = group * kGroup;
    const int i = begin + LaneIndex();
    const int k = i + kWarpLanes;
    const float first = i < l.head_dim ? Rotated(key, cosines, sines, p.half_dim, i) : 0.0f;
    const float second = k < l.head_dim ? Rotated(key, cosines, sines, p.half_dim, k) : 0.0f;
    AppendKvKernel::AppendGroup(l.format, first, second, begin, l.head_dim, l.key_row_bytes,
                                page + KeyOffsetOf(l, head, slot));
  }
};

}  // namespace strata::cuda
