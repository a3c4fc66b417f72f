// Activations: the tensors of one pass between its stages. One buffer, cut once; a stage overwrites
// what the stage before it no longer needs.
//
// All rows are float32. Owned by the session, used by one pass at a time.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "kernels/base/tensor_view.h"
#include "kernels/device/buffer.h"
#include "models/config.h"

namespace strata {

class Activations {
 public:
  // Room for passes of up to `max_tokens` rows, of which up to `max_logit_rows` want logits.
  // ResourceExhausted when memory does not suffice.
  static absl::StatusOr<Activations> Create(const ModelConfig& config, int64_t max_tokens,
                                            int64_t max_logit_rows, MemoryKind kind);

  int64_t max_tokens() const { return max_tokens_; }
  int64_t max_logit_rows() const { return max_logit_rows_; }
  int64_t size_bytes() const { return buffer_.bytes(); }

  // Views of the first rows; each dense, f32.
  MutableTensorView Embedding(int64_t num_tokens) const;  // [num_tokens, embedding_dim]
  MutableTensorView Hidden(int64_t num_tokens) const;     // [num_tokens, hidden_dim]
  MutableTensorView Normed(int64_t num_tokens) const;     // [num_tokens, hidden_dim]
  MutableTensorView Queries(int64_t num_tokens) const;    // [num_tokens, num_q_heads, head_dim]
  MutableTensorView Keys(int64_t num_tokens) const;       // [num_tokens, num_kv_heads, head_dim]
  MutableTensorView Values(int64_t num_tokens) const;     // [num_tokens, num_kv_heads, head_dim]
  MutableTensorView Attended(int64_t num_tokens) const;   // [num_tokens, num_q_heads, head_dim]
  MutableTensorView Gate(int64_t num_tokens) const;       // [num_tokens, ffn_dim]
  MutableTensorView Up(int64_t num_tokens) const;         // [num_tokens, ffn_dim]
  MutableTensorView Cosines(int64_t num_tokens) const;    // [num_tokens, head_dim / 2]
  MutableTensorView Sines(int64_t num_tokens) const;      // [num_tokens, head_dim / 2]
  MutableTensorView HeadHidden(int64_t num_rows) const;   // [num_rows, hidden_dim]
  MutableTensorView HeadInput(int64_t num_rows) const;    // [num_rows, embedding_dim]
  MutableTensorView Logits(int64_t num_rows) const;       // [num_rows, vocab_size]

 private:
  Activations() = default;

  MutableTensorView View(int64_t offset, Shape shape) const;

  Buffer buffer_;
  ModelConfig config_;
  int64_t max_tokens_ = 0;
  int64_t max_logit_rows_ = 0;
  // Offsets in elements from the start of buffer_.
  int64_t embedding_ = 0, hidden_ = 0, normed_ = 0, queries_ = 0, keys_ = 0, values_ = 0;
  int64_t attended_ = 0, gate_ = 0, up_ = 0, cosines_ = 0, sines_ = 0;
  int64_t head_hidden_ = 0, head_input_ = 0, logits_ = 0;
};

}  // namespace strata
