// Sampler: picks the next token of one sequence from its logits.
//
// The order is that of transformers and vLLM: repetition, presence and frequency penalties, then
// temperature, top-k, top-p, min-p, then a draw. Draw n of a stream depends on (seed, n) alone, so
// a sequence gives the same text alone and in any batch. Owns the token counts of its sequence.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "engine/request.h"

namespace strata {

class Sampler {
 public:
  // `prompt_ids` count for the repetition penalty.
  Sampler(const SamplingParams& sampling, absl::Span<const int32_t> prompt_ids);

  // The next token; `logits` [vocab_size], finite or -inf. Counts it as output.
  int32_t Sample(absl::Span<const float> logits);

 private:
  void ApplyPenalties(std::vector<float>& logits) const;
  int32_t Draw(const std::vector<float>& logits);

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
