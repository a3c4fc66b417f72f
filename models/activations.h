// Activations: the tensors of one pass between its stages. One buffer, cut once; a stage overwrites
// what the stage before it no longer needs.
//
// What outlives a stage exists once per micro-batch (hidden, rotary angles) or pass (logits and
// their candidates); all else is scratch that the micro-batches use in turn. All rows are float32.
// Owned by the session, used by one pass at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/base/tensor_view.h"
#include "kernels/device/buffer.h"
#include "kernels/ops/top_logits.h"
#include "models/config.h"

namespace strata {

// Most likely tokens of a row of logits that are kept beside it, if the vocabulary has so many.
inline constexpr int64_t kNumCandidates = 128;
static_assert(kNumCandidates <= kMaxTopLogits, "TopLogits gives that many at most");

struct ActivationExtents {
  int64_t max_tokens = 0;  // rows of a micro-batch
  int64_t max_micro_batches = 1;
  int64_t max_logit_rows = 0;  // of a pass
  // The place of each micro-batch's hidden rows, from 0 on without a gap; micro-batches of one
  // place take turns. Empty: each has its own.
  std::vector<int32_t> hidden_places;
  // Of a place's length in bytes, so that with memory aligned likewise all places are.
  int64_t hidden_alignment = 64;
};

class Activations {
 public:
  // ResourceExhausted when memory does not suffice.
  static absl::StatusOr<Activations> Create(const ModelConfig& config,
                                            const ActivationExtents& extents, MemoryKind kind);

  // The same in `memory` of at least BytesFor, of any device.
  static Activations Within(const ModelConfig& config, const ActivationExtents& extents,
                            Buffer memory);

  // What Create would allocate.
  static int64_t BytesFor(const ModelConfig& config, const ActivationExtents& extents);

  const ActivationExtents& extents() const { return extents_; }
  int64_t size_bytes() const { return buffer_.bytes(); }

  // Views of the first rows; each dense, f32.
  MutableTensorView Embedding(int64_t num_tokens) const;  // [num_tokens, embedding_dim]
  MutableTensorView Hidden(int64_t micro_batch, int64_t num_tokens) const;  // [.., hidden_dim]
  MutableTensorView Normed(int64_t num_tokens) const;    // [num_tokens, hidden_dim]
  MutableTensorView Queries(int64_t num_tokens) const;   // [num_tokens, num_q_heads, head_dim]
  MutableTensorView Keys(int64_t num_tokens) const;      // [num_tokens, num_kv_heads, head_dim]
  MutableTensorView Values(int64_t num_tokens) const;    // [num_tokens, num_kv_heads, head_dim]
  MutableTensorView Attended(int64_t num_tokens) const;  // [num_tokens, num_q_heads, head_dim]
  MutableTensorView Gate(int64_t num_tokens) const;      // [num_tokens, ffn_dim]
  MutableTensorView Up(int64_t num_tokens) const;        // [num_tokens, ffn_dim]
  MutableTensorView Cosines(int64_t micro_batch, int64_t num_tokens) const;  // [.., head_dim / 2]
  MutableTensorView Sines(int64_t micro_batch, int64_t num_tokens) const;    // [.., head_dim / 2]
  MutableTensorView HeadHidden(int64_t num_rows) const;                 // [num_rows, hidden_dim]
  MutableTensorView HeadInput(int64_t num_rows) const;                  // [num_rows, embedding_dim]
  MutableTensorView Logits(int64_t first_row, int64_t num_rows) const;  // [num_rows, vocab_size]
  // What TopLogits gives of them; num_candidates is the smaller of kNumCandidates and vocab_size.
  MutableTensorView CandidateIds(int64_t first_row,
                                 int64_t num_rows) const;  // [.., candidates] i32
  MutableTensorView CandidateLogits(int64_t first_row, int64_t num_rows) const;  // [.., candidates]
  MutableTensorView CandidateMass(int64_t first_row, int64_t num_rows) const;    // [num_rows, 1]

 private:
  Activations(const ModelConfig& config, const ActivationExtents& extents);

  MutableTensorView View(int64_t offset, Shape shape) const;
  MutableTensorView LogitView(int64_t offset, int64_t first_row, Shape shape,
                              DType dtype = DType::kF32) const;
  int64_t num_candidates() const { return std::min(kNumCandidates, config_.vocab_size); }
  MutableTensorView ViewOf(int64_t micro_batch, int64_t offset, Shape shape) const;

  Buffer buffer_;
  ModelConfig config_;
  ActivationExtents extents_;
  int64_t num_elements_ = 0;
  int64_t hidden_stride_ = 0;  // elements
  // Offsets in elements from the start of buffer_.
  int64_t embedding_ = 0, hidden_ = 0, normed_ = 0, queries_ = 0, keys_ = 0, values_ = 0;
  int64_t attended_ = 0, gate_ = 0, up_ = 0, cosines_ = 0, sines_ = 0;
  int64_t head_hidden_ = 0, head_input_ = 0, logits_ = 0;
  int64_t candidate_ids_ = 0, candidate_logits_ = 0, candidate_mass_ = 0;
};

}  // namespace strata
