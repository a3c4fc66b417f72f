// EngineSource: completions from our own engine, for the evaluator.
//
// Each Complete runs one session with batch_size sequences in flight, refilled as they finish
// (continuous batching). Prompts too long for the context lose tokens on the left, as
// lm-evaluation-harness does it.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/engine.h"
#include "engine/evaluate/completion_source.h"

namespace strata {

class EngineSource final : public CompletionSource {
 public:
  // `engine` outlives the source and has a tokenizer.
  explicit EngineSource(Engine& engine) : engine_(engine) {}

  absl::Status Complete(absl::Span<const CompletionRequest> requests, int64_t batch_size,
                        const std::function<void(CompletionResult)>& on_finished) override;

 private:
  Engine& engine_;
};

}  // namespace strata
