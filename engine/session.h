// Session: one run of requests over an engine; all mutable state of it.
//
// Owns the KV cache, the activations, the sequences and the executor. Requests wait in order; up to
// max_batch_size run at a time, each entering and leaving between passes (continuous batching). A
// pass holds the next token of every running sequence and, in the room that is left, chunks of
// prompts; nothing is padded. Its rows are cut into micro-batches, which share one sweep over the
// weights. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/activation_memory.h"
#include "engine/engine.h"
#include "engine/executor.h"
#include "engine/kv_memory.h"
#include "engine/request.h"
#include "engine/run_report.h"
#include "engine/sequence.h"
#include "offload/kv/kv_cache.h"

namespace strata {

struct SessionOptions {
  int64_t max_batch_size = 1;  // sequences in flight
  // Rows of one pass; 0: as many as the engine's policy has. At least max_batch_size is used.
  int64_t max_pass_tokens = 0;
  int64_t micro_batch_tokens = 0;  // rows of one micro-batch, at most; 0: the policy's
  // Rows of one pass whose logits are kept, which bounds the rows of prompts whose targets are
  // scored; 0: max_batch_size. At least that is used.
  int64_t max_logit_rows = 0;
  // Positions of one sequence that KV pages are sized for; 0: the model's context, or, if pages lie
  // on disk, what the plan was made for.
  int64_t max_sequence_tokens = 0;
  // Of prompts that begin alike; never of models with dynamic rotary scaling.
  PrefixSharing prefix_sharing = PrefixSharing::kOn;
};

struct SessionCallbacks {
  std::function<void(const TokenEvent&)> on_token;  // may be empty
  std::function<void(Completion)> on_finished;      // may be empty
};

class Session {
 public:
  // `engine` outlives the session. ResourceExhausted, InvalidArgument.
  static absl::StatusOr<std::unique_ptr<Session>> Create(Engine& engine,
                                                         const SessionOptions& options,
                                                         SessionCallbacks callbacks);

  // Queues a request. InvalidArgument: an empty prompt, a token id outside the vocabulary, a prompt
  // that fills the whole context, more tokens than the plan's slots for travelling KV pages hold,
  // sampling parameters out of range.
  absl::StatusOr<RequestId> Submit(Request request);

  // Sequences that run or wait.
  int64_t num_pending() const { return static_cast<int64_t>(waiting_.size() + running_.size()); }
  // Sequences that could enter at once.
  int64_t num_free_slots() const { return options_.max_batch_size - num_pending(); }

  // One pass: admits, computes, samples, reports. Does nothing when nothing is pending.
  absl::Status RunPass();

  // Passes until nothing is pending.
  absl::Status RunUntilIdle();

  TierBytes peak_kv() const { return kv_.cache->peak_bytes(); }
  // Tokens of prompts and outputs that passes have computed; what sequences share counts once.
  int64_t num_rows_computed() const { return num_rows_computed_; }
  Executor& executor() { return *executor_; }
  // What each pass so far was, by size; and the same passes on the simulator's clock.
  const std::vector<PassShape>& pass_shapes() const { return pass_shapes_; }
  Simulation SimulatePasses() const;
  RunReport Report() const;

 private:
  // A sequence with its place in the KV cache.
  struct Running {
    std::unique_ptr<Sequence> sequence;
    SequenceId kv = 0;
  };

  Session(Engine& engine, const SessionOptions& options, SessionCallbacks callbacks,
          ActivationMemory activations);
  void MakeExecutor(int64_t num_micro_batches);

  absl::Status Admit();
  // The rows of the next pass, cut into micro-batches.
  std::vector<ScheduledBatch> ComposePass();
  // Takes the pass's logits. `num_planned`: of every running sequence, its rows that are computed.
  absl::Status SampleAll(const std::vector<int64_t>& num_planned);
  // The next token of `sequence`, from the candidates of row `logit_row` or, where these do not
  // decide, from the whole row.
  absl::StatusOr<TokenEvent> SampleRow(Sequence& sequence, int64_t logit_row);
  absl::Span<const float> LogitsOf(int64_t row) const;  // [vocab_size]
  void RemoveFinished();

  Engine& engine_;
  SessionOptions options_;
  SessionCallbacks callbacks_;
  ActivationMemory activations_;
  KvMemory kv_;
  std::unique_ptr<Executor> executor_;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<Running> running_;  // in order of admission
  RequestId next_request_ = 0;
  std::vector<PassShape> pass_shapes_;
  int64_t num_rows_computed_ = 0;
};

}  // namespace strata
