// Sequence: one request while it runs, from its prompt to its completion.
//
// Owns the request, its sampler, its detokenizer and what was generated. It knows how many of its
// tokens have been computed; the session decides when the next are.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "engine/request.h"
#include "engine/sampler.h"
#include "engine/stop_matcher.h"
#include "models/text/detokenizer.h"
#include "models/text/tokenizer.h"

namespace strata {

class Sequence {
 public:
  // `tokenizer` may be null (a model without text); it outlives the sequence. `max_positions` is
  // the model's context.
  Sequence(RequestId id, Request request, const Tokenizer* tokenizer, int64_t max_positions);

  RequestId id() const { return completion_.request; }
  const Request& request() const { return request_; }

  // Prompt and output together; these many tokens are known, the first num_computed() computed.
  int64_t num_tokens() const { return static_cast<int64_t>(tokens_.size()); }
  int64_t num_computed() const { return num_computed_; }
  // Positions whose K and V rows it may ever need.
  int64_t max_tokens() const { return max_tokens_; }
  absl::Span<const int32_t> tokens() const { return tokens_; }

  // The rows of the first `num_computed` tokens are computed, by this sequence or by another with
  // the same prefix.
  void MarkComputed(int64_t num_computed) { num_computed_ = num_computed; }
  // All known tokens but none after them are computed: its last row's logits give the next token.
  bool ready_to_sample() const { return num_computed_ == num_tokens(); }

  // True while rows of the prompt are computed whose targets are to be scored.
  bool scores_rows() const { return !request_.targets.empty() && completion_.output_ids.empty(); }
  // Scores the target of the prompt token at `position` from its logits [vocab_size]; in order.
  void Score(int64_t position, absl::Span<const float> logits);

  // The temperature at which it wants the candidates of its row; nothing: it needs the whole row.
  std::optional<float> candidate_temperature() const;

  // Picks the next token from `logits` [vocab_size] and returns what it means for the text.
  TokenEvent Sample(absl::Span<const float> logits);

  // Likewise from the candidates of the row; nothing, and nothing changed, where they do not
  // decide.
  std::optional<TokenEvent> Sample(const TokenCandidates& candidates);

  bool finished() const { return finished_; }
  Completion TakeCompletion() { return std::move(completion_); }

 private:
  // The event's token is the next one: completes the event.
  TokenEvent Append(TokenEvent event);
  void Finish(FinishReason reason, TokenEvent& event);

  Request request_;
  int64_t max_tokens_ = 0;
  std::vector<int32_t> tokens_;
  int64_t num_computed_ = 0;
  Sampler sampler_;
  std::unique_ptr<Detokenizer> detokenizer_;  // null without a tokenizer
  StopMatcher stop_matcher_;
  bool finished_ = false;
  Completion completion_;
};

}  // namespace strata
