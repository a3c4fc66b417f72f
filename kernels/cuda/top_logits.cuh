// TopLogits: a cta a row, by radix selection.
//
// Every token has a key of 64 bits that orders as the result does: the logit's bits made to order
// as numbers, then the id turned round, so no two are alike. Digit by digit from the top, the cta
// counts the keys that still can be the count-th largest in 256 bins and goes into the bin where
// it lies; when all of that bin are wanted, which two to four digits bring about, the wanted keys
// are those not below the prefix. They are collected in any order, and each finds its place by
// counting the larger ones. Counts are whole numbers, so atomics do not change the result. The row
// is read once a digit, from the cache after the first time; the first two reads also find the
// largest logit and the sum of exponentials.
#pragma once

#include "kernels/cuda/math.cuh"
#include "kernels/cuda/reduce.cuh"
#include "kernels/ops/top_logits.h"

namespace strata::cuda {

struct TopLogitsParams {
  const float* logits;        // [num_rows, vocab_size]
  int32_t* ids;               // [num_rows, count]
  float* values;              // [num_rows, count]
  float* mass;                // [num_rows, 1]
  const float* temperatures;  // [num_rows]
  int64_t logits_stride;
  int64_t ids_stride;
  int64_t values_stride;
  int64_t mass_stride;
  int vocab_size;
  int count;
};

struct TopLogitsKernel {
  using Params = TopLogitsParams;
  static constexpr int kThreads = 512;
  static constexpr int kCtasPerSm = 2;
  static constexpr int kWarps = kThreads / kWarpLanes;
  static constexpr int kBins = 256;

  struct Shared {
    Array<uint64_t, kMaxTopLogits> keys;
    Array<int, kBins> bins;
    Array<float, kWarps> maxima;
    Array<float, kWarps> sums;
    uint64_t prefix;  // digits of the wanted keys that are known
    int wanted;       // keys that are wanted among those with the prefix
    int all_wanted;   // whether those are all of them
    int num_collected;
  };

  static STRATA_DEVICE bool IsNan(float x) { return (BitsOf(x) & 0x7fffffffu) > 0x7f800000u; }

  static STRATA_DEVICE uint64_t KeyOf(float logit, int id) {
    const uint32_t bits = BitsOf(logit + 0.0f);  // -0 and 0 are alike
    const uint32_t order = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
    return static_cast<uint64_t>(IsNan(logit) ? 0u : order) << 32 |
           static_cast<uint32_t>(~static_cast<uint32_t>(id));
  }

  // The bin that holds the wanted-th largest key. One thread; 256 steps.
  static STRATA_DEVICE void ChooseBin(int shift, Shared& shared) {
    int above = 0;
    for (int bin = kBins - 1; bin >= 0; --bin) {
      const int here = shared.bins[bin];
      if (above + here >= shared.wanted) {
        shared.prefix |= static_cast<uint64_t>(bin) << shift;
        shared.wanted -= above;
        shared.all_wanted = here == shared.wanted;
        return;
      }
      above += here;
    }
  }

  static STRATA_DEVICE void Run(const Params& p, Shared& shared) {
    const float* logits = p.logits + CtaX() * p.logits_stride;
    if (ThreadIndex() == 0) {
      shared.prefix = 0;
      shared.wanted = p.count;
      shared.all_wanted = 0;
      shared.num_collected = 0;
    }
    const float scale = 1.0f / p.temperatures[CtaX()];
    float max = FloatOf(0xff800000u);
    float sum = 0.0f;
    int shift = 56;
    for (;; shift -= 8) {
      for (int bin = ThreadIndex(); bin < kBins; bin += kThreads) shared.bins[bin] = 0;
      Barrier();  // bins are empty, the prefix is known
      const uint64_t known = shift == 56 ? 0 : ~uint64_t{0} << (shift + 8);
      const uint64_t prefix = shared.prefix;
      for (int id = ThreadIndex(); id < p.vocab_size; id += kThreads) {
        const float logit = logits[id];
        const uint64_t key = KeyOf(logit, id);
        if (shift == 56) max = Max(max, logit);  // which passes over NaN
        if (shift == 48 && !IsNan(logit)) sum += Exp((logit - max) * scale);
        if ((key & known) == prefix)
          AtomicAdd(shared.bins[static_cast<int>(key >> shift & 255)], 1);
      }
      if (shift == 56) max = CtaMax(max, shared.maxima);
      Barrier();  // bins are counted
      if (ThreadIndex() == 0) ChooseBin(shift, shared);
      Barrier();  // the bin is chosen
      // The second read is always made, for its sum.
      if (shift <= 48 && shared.all_wanted != 0) break;
    }
    const float total = CtaSum(sum, shared.sums);
    for (int id = ThreadIndex(); id < p.vocab_size; id += kThreads) {
      const uint64_t key = KeyOf(logits[id], id);
      if (key >= shared.prefix) shared.keys[AtomicAdd(shared.num_collected, 1)] = key;
    }
    Barrier();  // keys are collected
    for (int i = ThreadIndex(); i < p.count; i += kThreads) {
      const uint64_t key = shared.keys[i];
      int place = 0;
      for (int j = 0; j < p.count; ++j) place += shared.keys[j] > key;
      const int id = static_cast<int>(~static_cast<uint32_t>(key));
      p.ids[CtaX() * p.ids_stride + place] = id;
      p.values[CtaX() * p.values_stride + place] = logits[id];
    }
    if (ThreadIndex() == 0) p.mass[CtaX() * p.mass_stride] = total;
  }
};

}  // namespace strata::cuda
