// Where completions come from, as the evaluator sees it: our engine, an HTTP server, or a test.
//
// The evaluator hands over all prompts of a run at once and says how many may be in flight; the
// source schedules them and reports each when it ends. Times are of one monotonic clock.
// The evaluator knows nothing else of an engine, so the same evaluation runs against any of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace strata {

using MonotonicTime = std::chrono::steady_clock::time_point;

struct CompletionRequest {
  struct Sampling {
    double temperature = 0;  // 0 is greedy
    double top_p = 1;
    int64_t top_k = 0;  // 0: all tokens
    uint64_t seed = 0;  // of this request's own random stream
  };

  int64_t id = 0;
  std::string prompt;
  std::vector<std::string> stop;  // the text ends before the earliest of these
  // A prompt that leaves no room for so many tokens in the model's context loses tokens on its
  // left, and the result says so.
  int64_t max_new_tokens = 0;
  Sampling sampling;
};

struct CompletionResult {
  enum class FinishReason { kStop, kLength };  // end token or stop string; token limit

  int64_t id = 0;
  absl::Status status;  // not OK: this request failed, and only `id` and the times have a meaning
  std::string text;     // cut before the stop string, valid UTF-8
  FinishReason finish_reason = FinishReason::kStop;
  int64_t num_prompt_tokens = 0;  // after truncation
  // Tokens sampled, the one that ended the answer included, none behind it: a batch that goes on
  // after a member's end does not count what it throws away.
  int64_t num_output_tokens = 0;
  bool prompt_truncated = false;

  // When the request took its place among those in flight, before its prompt was tokenised.
  MonotonicTime submitted;
  // When each output token was there, in order; the first gives the time to first token. A source
  // that receives several tokens in one chunk repeats the chunk's time; one that does not stream
  // leaves this empty.
  std::vector<MonotonicTime> token_times;
  MonotonicTime finished;  // when the text was complete
};

class CompletionSource {
 public:
  virtual ~CompletionSource() = default;

  // Completes all `requests`, at most `batch_size` of them at a time, and calls `on_finished`
  // exactly once for each, in any order, never two calls at the same time. A request that fails
  // is reported through its result's status; an error returned here ends the run (Cancelled: the
  // user interrupted it).
  virtual absl::Status Complete(absl::Span<const CompletionRequest> requests, int64_t batch_size,
                                const std::function<void(CompletionResult)>& on_finished) = 0;
};

}  // namespace strata
