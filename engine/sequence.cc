#include "engine/sequence.h"

#include <algorithm>

namespace strata {

Sequence::Sequence(RequestId id, Request request, const Tokenizer* tokenizer, int64_t max_positions)
    : request_(std::move(request)),
      tokens_(request_.prompt_ids),
      sampler_(request_.sampling, request_.prompt_ids),
      stop_matcher_(request_.stop) {
  max_tokens_ = std::min(num_tokens() + request_.max_new_tokens, max_positions);
  if (tokenizer != nullptr) detokenizer_ = std::make_unique<Detokenizer>(*tokenizer);
  completion_.request = id;
  completion_.submitted = std::chrono::steady_clock::now();
}

void Sequence::Score(int64_t position, absl::Span<const float> logits) {
  completion_.target_logprobs.push_back(
      Logprob(logits, request_.targets[static_cast<size_t>(position)]));
}

std::optional<float> Sequence::candidate_temperature() const {
  if (request_.num_logprobs > 0 || request_.keep_logits || scores_rows()) return std::nullopt;
  return sampler_.candidate_temperature();
}

std::optional<TokenEvent> Sequence::Sample(const TokenCandidates& candidates) {
  const std::optional<int32_t> token_id = sampler_.Sample(candidates);
  if (!token_id.has_value()) return std::nullopt;
  return Append({.request = id(), .token_id = *token_id});
}

TokenEvent Sequence::Sample(absl::Span<const float> logits) {
  TokenEvent event = {.request = id(), .token_id = sampler_.Sample(logits)};
  if (request_.num_logprobs > 0) {
    event.logprob = Logprob(logits, event.token_id);
    event.top_logprobs = TopLogprobs(logits, request_.num_logprobs);
    completion_.logprobs.push_back(event.logprob);
    completion_.top_logprobs.push_back(event.top_logprobs);
  }
  if (request_.keep_logits) {
    completion_.logits.insert(completion_.logits.end(), logits.begin(), logits.end());
  }
  return Append(std::move(event));
}

TokenEvent Sequence::Append(TokenEvent event) {
  tokens_.push_back(event.token_id);
  completion_.output_ids.push_back(event.token_id);
  completion_.token_times.push_back(std::chrono::steady_clock::now());

  const std::vector<int32_t>& eos = request_.eos_token_ids;
  if (std::find(eos.begin(), eos.end(), event.token_id) != eos.end()) {
    Finish(FinishReason::kStop, event);
    return event;
  }
  if (detokenizer_ != nullptr) event.text = stop_matcher_.Push(detokenizer_->Push(event.token_id));
  if (stop_matcher_.matched()) {
    finished_ = true;
    completion_.finish_reason = FinishReason::kStop;
  } else if (num_tokens() >= max_tokens_ ||
             static_cast<int64_t>(completion_.output_ids.size()) >= request_.max_new_tokens) {
    Finish(FinishReason::kLength, event);
    return event;
  }
  completion_.text += event.text;
  return event;
}

void Sequence::Finish(FinishReason reason, TokenEvent& event) {
  finished_ = true;
  completion_.finish_reason = reason;
  if (detokenizer_ != nullptr) {
    event.text += stop_matcher_.Push(detokenizer_->Finish());
    if (stop_matcher_.matched()) completion_.finish_reason = FinishReason::kStop;
    event.text += stop_matcher_.Finish();
  }
  completion_.text += event.text;
}

}  // namespace strata
