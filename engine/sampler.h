// Sampler: picks the next token of one sequence from its logits.
//
// The order is that of transformers and vLLM: repetition, presence and frequency penalties, then
// temperature, top-k, top-p, min-p, then a draw. Draw n of a stream depends on (seed, n) alone, so
// a sequence gives the same text alone and in any batch. Owns the token counts of its sequence.
//
// A draw needs the whole row of logits, or, mostly, its candidates alone: the most likely tokens
// and the mass of the row (kernels/ops/top_logits.h), which are all that leaves a gpu. Both give
// the same token, but where a draw falls within the rounding of the f32 mass.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "engine/request.h"
#include "models/activations.h"

namespace strata {

struct TokenLogit {
  int32_t id;
  float logit;
};

// The most likely tokens of a row of logits, as TopLogits gives them.
struct TokenCandidates {
  absl::Span<const int32_t> ids;   // [num_candidates]
  absl::Span<const float> logits;  // [num_candidates]
  double mass = 0.0;               // at Sampler::candidate_temperature()
  int64_t vocab_size = 0;

  bool is_whole_row() const { return static_cast<int64_t>(ids.size()) == vocab_size; }
};

class Sampler {
 public:
  // `prompt_ids` count for the repetition penalty.
  Sampler(const SamplingParams& sampling, absl::Span<const int32_t> prompt_ids);

  // The next token; `logits` [vocab_size], finite or -inf. Counts it as output.
  int32_t Sample(absl::Span<const float> logits);

  // Likewise from the candidates of a row; nothing, and nothing counted, where they do not decide:
  // a nucleus wider than they are, a draw beyond them, penalties that push them below other tokens.
  std::optional<int32_t> Sample(const TokenCandidates& candidates);

  // The temperature at which candidates have their mass; nothing where they cannot be enough:
  // penalties that raise tokens, or that change an unbounded choice, a top_k of more.
  std::optional<float> candidate_temperature() const;

 private:
  // What of a row is not among the choices of a draw.
  struct Rest {
    bool is_empty = true;
    double mass = 0.0;  // of the whole row, choices included; unless the rest is empty
  };

  bool has_penalties() const;
  float Penalised(float logit, int64_t count) const;
  // From choices by falling logit, penalties included; nothing if the rest would have to be known.
  std::optional<int32_t> Draw(std::vector<TokenLogit> choices, const Rest& rest);
  int32_t Count(int32_t token);

  SamplingParams sampling_;
  absl::flat_hash_map<int32_t, int64_t> output_counts_;  // 0: seen in the prompt only
  uint64_t num_drawn_ = 0;
};

// The `count` most likely tokens with natural-log probabilities, most likely first (ties: lower
// id).
std::vector<TokenLogprob> TopLogprobs(absl::Span<const float> logits, int64_t count);

// log softmax(logits)[token_id].
float Logprob(absl::Span<const float> logits, int32_t token_id);

// Index of the highest value, the lowest index on a tie; NaN never wins.
int32_t ArgMax(absl::Span<const float> logits);

}  // namespace strata
