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

// By falling logit, then rising id.
bool MoreLikely(const TokenLogit& a, const TokenLogit& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

std::vector<TokenLogit> TokensOf(absl::Span<const float> logits) {
  std::vector<TokenLogit> tokens;
  tokens.reserve(logits.size());
  for (const float logit : logits) {
    tokens.push_back({.id = static_cast<int32_t>(tokens.size()), .logit = logit});
  }
  return tokens;
}

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
  std::vector<TokenLogit> tokens = TokensOf(logits);
  const size_t kept = std::min(tokens.size(), static_cast<size_t>(count));
  std::partial_sort(tokens.begin(), tokens.begin() + static_cast<int64_t>(kept), tokens.end(),
                    MoreLikely);
  const double log_sum = LogSumExp(logits);
  std::vector<TokenLogprob> top;
  for (size_t i = 0; i < kept; ++i) {
    top.push_back(
        {.token_id = tokens[i].id, .logprob = static_cast<float>(tokens[i].logit - log_sum)});
  }
  return top;
}

Sampler::Sampler(const SamplingParams& sampling, absl::Span<const int32_t> prompt_ids)
    : sampling_(sampling) {
  if (sampling_.repetition_penalty != 1.0) {
    for (const int32_t id : prompt_ids) output_counts_.try_emplace(id, 0);
  }
}

bool Sampler::has_penalties() const {
  return sampling_.repetition_penalty != 1.0 || sampling_.presence_penalty != 0.0 ||
         sampling_.frequency_penalty != 0.0;
}

float Sampler::Penalised(float logit, int64_t count) const {
  const float repetition = static_cast<float>(sampling_.repetition_penalty);
  logit = logit > 0.0f ? logit / repetition : logit * repetition;
  if (count == 0) return logit;
  return logit - static_cast<float>(sampling_.presence_penalty +
                                    static_cast<double>(count) * sampling_.frequency_penalty);
}

std::optional<float> Sampler::candidate_temperature() const {
  const bool raises = sampling_.repetition_penalty < 1.0 || sampling_.presence_penalty < 0.0 ||
                      sampling_.frequency_penalty < 0.0;
  if (raises) return std::nullopt;
  if (sampling_.temperature == 0.0) return 1.0f;
  const float temperature = static_cast<float>(sampling_.temperature);
  if (temperature < kMinTemperature || std::isinf(temperature)) return std::nullopt;
  // The mass is that of the raw row.
  if (has_penalties() && sampling_.top_k == 0) return std::nullopt;
  if (sampling_.top_k > kNumCandidates) return std::nullopt;
  return temperature;
}

std::optional<int32_t> Sampler::Draw(std::vector<TokenLogit> choices, const Rest& rest) {
  bool rest_is_empty = rest.is_empty;
  if (sampling_.top_k > 0) {
    const size_t top_k = static_cast<size_t>(sampling_.top_k);
    if (top_k <= choices.size()) {
      choices.resize(top_k);
      rest_is_empty = true;
    } else if (!rest_is_empty) {
      return std::nullopt;
    }
  }
  // Probabilities at the temperature, relative to the best's.
  const double best = choices[0].logit;
  std::vector<double> weights;
  double total = 0.0;
  for (const TokenLogit& choice : choices) {
    const double logit = choice.logit;
    weights.push_back(std::isnan(logit) ? 0.0 : std::exp((logit - best) / sampling_.temperature));
    total += weights.back();
  }
  if (!rest_is_empty) total = rest.mass;
  // Top-p: the shortest prefix that holds top_p of the mass (Holtzman et al. 2020); then min-p.
  double kept = 0.0;
  size_t num_kept = 0;
  while (num_kept < weights.size() && kept < sampling_.top_p * total) kept += weights[num_kept++];
  const bool tail_is_kept =
      !rest_is_empty && !(kept >= sampling_.top_p * total) && !(weights.back() < sampling_.min_p);
  num_kept = std::max<size_t>(num_kept, 1);
  while (num_kept > 1 && weights[num_kept - 1] < sampling_.min_p) --num_kept;
  if (tail_is_kept && (sampling_.top_p < 1.0 || sampling_.min_p > 0.0 || std::isnan(total))) {
    return std::nullopt;
  }
  const double kept_mass =
      tail_is_kept
          ? total
          : std::accumulate(weights.begin(), weights.begin() + static_cast<int64_t>(num_kept), 0.0);
  double remaining = UniformDraw(sampling_.seed, num_drawn_) * kept_mass;
  size_t drawn = 0;
  while (drawn < num_kept && remaining >= weights[drawn]) remaining -= weights[drawn++];
  if (drawn == num_kept && tail_is_kept) return std::nullopt;
  ++num_drawn_;
  return choices[std::min(drawn, num_kept - 1)].id;
}

int32_t Sampler::Count(int32_t token) {
  if (has_penalties()) ++output_counts_[token];
  return token;
}

std::optional<int32_t> Sampler::Sample(const TokenCandidates& candidates) {
  if (!candidate_temperature().has_value() || !std::isfinite(candidates.logits[0])) {
    return std::nullopt;
  }
  std::vector<TokenLogit> choices;
  for (size_t i = 0; i < candidates.ids.size(); ++i) {
    choices.push_back({candidates.ids[i], candidates.logits[i]});
  }
  if (has_penalties()) {
    for (TokenLogit& choice : choices) {
      const auto found = output_counts_.find(choice.id);
      if (found != output_counts_.end()) choice.logit = Penalised(choice.logit, found->second);
    }
    std::sort(choices.begin(), choices.end(), MoreLikely);
    if (!candidates.is_whole_row()) {
      // Any other token may be as likely as the last candidate was.
      const float bound = candidates.logits.back();
      while (!choices.empty() && !(choices.back().logit > bound)) choices.pop_back();
      if (choices.empty()) return std::nullopt;
    }
  }
  if (sampling_.temperature == 0.0) return Count(choices[0].id);
  const std::optional<int32_t> drawn =
      Draw(std::move(choices), {.is_empty = candidates.is_whole_row(), .mass = candidates.mass});
  if (!drawn.has_value()) return std::nullopt;
  return Count(*drawn);
}

int32_t Sampler::Sample(absl::Span<const float> logits) {
  std::vector<float> adjusted(logits.begin(), logits.end());
  for (const auto& [id, count] : output_counts_) {
    float& logit = adjusted[static_cast<size_t>(id)];
    logit = Penalised(logit, count);
  }
  if (sampling_.temperature == 0.0) return Count(ArgMax(adjusted));
  std::vector<TokenLogit> choices = TokensOf(adjusted);
  if (sampling_.top_k > 0 && static_cast<size_t>(sampling_.top_k) < choices.size()) {
    const auto end = choices.begin() + sampling_.top_k;
    std::nth_element(choices.begin(), end - 1, choices.end(), MoreLikely);
    choices.erase(end, choices.end());
  }
  std::sort(choices.begin(), choices.end(), MoreLikely);
  return Count(*Draw(std::move(choices), {}));
}

}  // namespace strata
