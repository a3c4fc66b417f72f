#include "models/text/detokenizer.h"

#include <optional>

#include "models/text/tokenizer_parts.h"

namespace strata {

Detokenizer::Detokenizer(const Tokenizer& tokenizer, const DecodeOptions& options)
    : tokenizer_(tokenizer), options_(options) {
  Start();
}

void Detokenizer::Start() {
  const TokenizerParts& parts = *tokenizer_.parts_;
  bool cleanup = options_.space_cleanup == DecodeOptions::SpaceCleanup::kOn;
  if (options_.space_cleanup == DecodeOptions::SpaceCleanup::kAsConfigured) {
    cleanup = parts.config.clean_up_tokenization_spaces.value_or(false);
  }
  stream_ = parts.decoder->Start(cleanup ? SpaceCleanup::kOn : SpaceCleanup::kOff);
}

void Detokenizer::Append(int32_t id, std::string& out) {
  const TokenizerParts& parts = *tokenizer_.parts_;
  if (const AddedToken* added = parts.added->TokenOf(id); added != nullptr) {
    if (added->special && options_.special_tokens == DecodeOptions::SpecialTokens::kSkip) return;
    stream_->Push(added->content, out);
  } else if (const std::optional<absl::string_view> token = parts.vocabulary->TokenOf(id);
             token.has_value()) {
    stream_->Push(*token, out);
  }
}

std::string Detokenizer::Push(int32_t id) {
  std::string out;
  Append(id, out);
  return out;
}

std::string Detokenizer::Push(absl::Span<const int32_t> ids) {
  std::string out;
  for (const int32_t id : ids) Append(id, out);
  return out;
}

std::string Detokenizer::Finish() {
  std::string out;
  stream_->Finish(out);
  Start();
  return out;
}

}  // namespace strata
