#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace strata {
namespace {

// Splitmix64 (Steele, Lea & Flood 2014) over (seed, counter): a uniform double in [0, 1).
double UniformDraw(uint64_t seed, uint64_t counter) {
  const auto mix = [](uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  };
  const uint64_t bits = mix(mix(seed + 0x9e3779b97f4a7c15ull) + counter * 0x9e3779b97f4a7c15ull);
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

double LogSumExp(absl::Span<const float> logits) {
  const float best = logits[static_cast<size_t>(ArgMax(logits))];
  double sum = 0.0;
  for (const float logit : logits) {
    if (!std::isnan(logit)) sum += std::exp(static_cast<double>(logit) - best);
  }
  return best + std::log(sum);
}

// Orders token ids by falling logit, then rising id.
struct MoreLikely {
  absl::Span<const float> logits;
  bool operator()(int32_t a, int32_t b) const {
    const float x = logits[static_cast<size_t>(a)];
    const float y = logits[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  }
};

}  // namespace

int32_t ArgMax(absl::Span<const float> logits) {
  size_t best = 0;
  float best_logit = -std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > best_logit) {
      best = i;
      best_logit = logits[i];
    }
  }
  return static_cast<int32_t>(best);
}

float Logprob(absl::Span<const float> logits, int32_t token_id) {
  return static_cast<float>(logits[static_cast<size_t>(token_id)] - LogSumExp(logits));
}

std::vector<TokenLogprob> TopLogprobs(absl::Span<const float> logits, int64_t count) {
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const size_t kept = std::min(ids.size(), static_cast<size_t>(count));
  std::partial_sort(ids.begin(), ids.begin() + static_cast<int64_t>(kept), ids.end(),
                    MoreLikely{logits});
  const double log_sum = LogSumExp(logits);
  std::vector<TokenLogprob> top;
  for (size_t i = 0; i < kept; ++i) {
    const float logit = logits[static_cast<size_t>(ids[i])];
    top.push_back({.token_id = ids[i], .logprob = static_cast<float>(logit - log_sum)});
  }
  return top;
}

Sampler::Sampler(const SamplingParams& sampling, absl::Span<const int32_t> prompt_ids)
    : sampling_(sampling) {
  if (sampling_.repetition_penalty != 1.0) {
    for (const int32_t id : prompt_ids) output_counts_.try_emplace(id, 0);
  }
}

void Sampler::ApplyPenalties(std::vector<float>& logits) const {
  const float repetition = static_cast<float>(sampling_.repetition_penalty);
  for (const auto& [id, count] : output_counts_) {
    float& logit = logits[static_cast<size_t>(id)];
    logit = logit > 0.0f ? logit / repetition : logit * repetition;
    if (count > 0) {
      logit -= static_cast<float>(sampling_.presence_penalty +
                                  static_cast<double>(count) * sampling_.frequency_penalty);
    }
  }
}

int32_t Sampler::Draw(const std::vector<float>& logits) {
  const MoreLikely more_likely{logits};
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  if (sampling_.top_k > 0 && static_cast<size_t>(sampling_.top_k) < ids.size()) {
    const auto end = ids.begin() + sampling_.top_k;
    std::nth_element(ids.begin(), end - 1, ids.end(), more_likely);
    ids.erase(end, ids.end());
  }
  std::sort(ids.begin(), ids.end(), more_likely);

  // Probabilities at the temperature, relative to the best's.
  const double best = logits[static_cast<size_t>(ids[0])];
  std::vector<double> weights;
  double total = 0.0;
  for (const int32_t id : ids) {
    const double logit = logits[static_cast<size_t>(id)];
    weights.push_back(std::isnan(logit) ? 0.0 : std::exp((logit - best) / sampling_.temperature));
    total += weights.back();
  }
  // Top-p: the shortest prefix that holds top_p of the mass (Holtzman et al. 2020); then min-p.
  double kept = 0.0;
  size_t num_kept = 0;
  while (num_kept < weights.size() && kept < sampling_.top_p * total) kept += weights[num_kept++];
  num_kept = std::max<size_t>(num_kept, 1);
  while (num_kept > 1 && weights[num_kept - 1] < sampling_.min_p) kept -= weights[--num_kept];

  double remaining =
      UniformDraw(sampling_.seed, num_drawn_++) *
      std::accumulate(weights.begin(), weights.begin() + static_cast<int64_t>(num_kept), 0.0);
  for (size_t i = 0; i + 1 < num_kept; ++i) {
    remaining -= weights[i];
    if (remaining < 0.0) return ids[i];
  }
  return ids[num_kept - 1];
}

int32_t Sampler::Sample(absl::Span<const float> logits) {
  std::vector<float> adjusted(logits.begin(), logits.end());
  ApplyPenalties(adjusted);
  const int32_t token = sampling_.temperature == 0.0 ? ArgMax(adjusted) : Draw(adjusted);
  const bool counts = sampling_.repetition_penalty != 1.0 || sampling_.presence_penalty != 0.0 ||
                      sampling_.frequency_penalty != 0.0;
  if (counts) ++output_counts_[token];
  return token;
}

}  // namespace strata
