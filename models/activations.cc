#include "models/activations.h"

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

constexpr int64_t kAlignment = 16;  // elements: one cache line

}  // namespace

absl::StatusOr<Activations> Activations::Create(const ModelConfig& config, int64_t max_tokens,
                                                int64_t max_logit_rows, MemoryKind kind) {
  Activations result;
  result.config_ = config;
  result.max_tokens_ = max_tokens;
  result.max_logit_rows_ = max_logit_rows;
  int64_t total = 0;
  const auto place = [&total](int64_t& offset, int64_t rows, int64_t columns) {
    offset = total;
    total += (rows * columns + kAlignment - 1) / kAlignment * kAlignment;
  };
  place(result.embedding_, max_tokens, config.embedding_dim);
  place(result.hidden_, max_tokens, config.hidden_dim);
  place(result.normed_, max_tokens, config.hidden_dim);
  place(result.queries_, max_tokens, config.q_dim());
  place(result.keys_, max_tokens, config.kv_dim());
  place(result.values_, max_tokens, config.kv_dim());
  place(result.attended_, max_tokens, config.q_dim());
  place(result.gate_, max_tokens, config.gated_ffn ? config.ffn_dim : 0);
  place(result.up_, max_tokens, config.ffn_dim);
  place(result.cosines_, max_tokens, config.head_dim / 2);
  place(result.sines_, max_tokens, config.head_dim / 2);
  place(result.head_hidden_, max_logit_rows, config.hidden_dim);
  place(result.head_input_, max_logit_rows, config.embedding_dim);
  place(result.logits_, max_logit_rows, config.vocab_size);
  absl::StatusOr<Buffer> buffer = Buffer::Allocate(BytesOf(DType::kF32, total), kind);
  if (!buffer.ok()) {
    return WithContext(buffer.status(),
                       absl::StrCat("activations of ", max_tokens, " tokens a pass"));
  }
  result.buffer_ = *std::move(buffer);
  return result;
}

MutableTensorView Activations::View(int64_t offset, Shape shape) const {
  STRATA_CHECK(shape[0] <= (offset >= head_hidden_ ? max_logit_rows_ : max_tokens_),
               "a pass larger than its activations");
  float* base = reinterpret_cast<float*>(buffer_.data());
  return MutableTensorView(base + offset, DType::kF32, shape);
}

MutableTensorView Activations::Embedding(int64_t num_tokens) const {
  return View(embedding_, {num_tokens, config_.embedding_dim});
}
MutableTensorView Activations::Hidden(int64_t num_tokens) const {
  return View(hidden_, {num_tokens, config_.hidden_dim});
}
MutableTensorView Activations::Normed(int64_t num_tokens) const {
  return View(normed_, {num_tokens, config_.hidden_dim});
}
MutableTensorView Activations::Queries(int64_t num_tokens) const {
  return View(queries_, {num_tokens, config_.num_q_heads, config_.head_dim});
}
MutableTensorView Activations::Keys(int64_t num_tokens) const {
  return View(keys_, {num_tokens, config_.num_kv_heads, config_.head_dim});
}
MutableTensorView Activations::Values(int64_t num_tokens) const {
  return View(values_, {num_tokens, config_.num_kv_heads, config_.head_dim});
}
MutableTensorView Activations::Attended(int64_t num_tokens) const {
  return View(attended_, {num_tokens, config_.num_q_heads, config_.head_dim});
}
MutableTensorView Activations::Gate(int64_t num_tokens) const {
  return View(gate_, {num_tokens, config_.ffn_dim});
}
MutableTensorView Activations::Up(int64_t num_tokens) const {
  return View(up_, {num_tokens, config_.ffn_dim});
}
MutableTensorView Activations::Cosines(int64_t num_tokens) const {
  return View(cosines_, {num_tokens, config_.head_dim / 2});
}
MutableTensorView Activations::Sines(int64_t num_tokens) const {
  return View(sines_, {num_tokens, config_.head_dim / 2});
}
MutableTensorView Activations::HeadHidden(int64_t num_rows) const {
  return View(head_hidden_, {num_rows, config_.hidden_dim});
}
MutableTensorView Activations::HeadInput(int64_t num_rows) const {
  return View(head_input_, {num_rows, config_.embedding_dim});
}
MutableTensorView Activations::Logits(int64_t num_rows) const {
  return View(logits_, {num_rows, config_.vocab_size});
}

}  // namespace strata
