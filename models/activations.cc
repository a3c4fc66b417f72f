#include "models/activations.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kernels/base/round_up.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

constexpr int64_t kElementBytes = 4;
constexpr int64_t kAlignment = 16;  // elements: one cache line

}  // namespace

Activations::Activations(const ModelConfig& config, const ActivationExtents& extents)
    : config_(config), extents_(extents) {
  const auto place = [this](int64_t& offset, int64_t rows, int64_t columns) {
    offset = num_elements_;
    num_elements_ += RoundUp(rows * columns, kAlignment);
  };
  const int64_t tokens = extents.max_tokens;
  const int64_t all_tokens = tokens * extents.max_micro_batches;
  int64_t num_places = extents.max_micro_batches;
  if (!extents.hidden_places.empty()) {
    num_places = 1 + *std::max_element(extents.hidden_places.begin(), extents.hidden_places.end());
  }
  hidden_stride_ = tokens * config.hidden_dim;
  if (extents.hidden_alignment > kAlignment * kElementBytes) {
    hidden_stride_ = RoundUp(hidden_stride_, extents.hidden_alignment / kElementBytes);
  }
  place(hidden_, num_places, hidden_stride_);  // first: as aligned as the memory is
  place(cosines_, all_tokens, config.head_dim / 2);
  place(sines_, all_tokens, config.head_dim / 2);
  place(embedding_, tokens, config.embedding_dim);
  place(normed_, tokens, config.hidden_dim);
  place(queries_, tokens, config.q_dim());
  place(keys_, tokens, config.kv_dim());
  place(values_, tokens, config.kv_dim());
  place(attended_, tokens, config.q_dim());
  place(gate_, tokens, config.gated_ffn ? config.ffn_dim : 0);
  place(up_, tokens, config.ffn_dim);
  place(head_hidden_, extents.max_logit_rows, config.hidden_dim);
  place(head_input_, extents.max_logit_rows, config.embedding_dim);
  place(logits_, extents.max_logit_rows, config.vocab_size);
  place(candidate_ids_, extents.max_logit_rows, num_candidates());
  place(candidate_logits_, extents.max_logit_rows, num_candidates());
  place(candidate_mass_, extents.max_logit_rows, 1);
}

absl::StatusOr<Activations> Activations::Create(const ModelConfig& config,
                                                const ActivationExtents& extents, MemoryKind kind) {
  Activations result(config, extents);
  absl::StatusOr<Buffer> buffer =
      Buffer::Allocate(BytesOf(DType::kF32, result.num_elements_), kind);
  if (!buffer.ok()) {
    return WithContext(buffer.status(),
                       absl::StrCat("activations of ", extents.max_micro_batches,
                                    " micro-batches of ", extents.max_tokens, " tokens"));
  }
  result.buffer_ = *std::move(buffer);
  return result;
}

Activations Activations::Within(const ModelConfig& config, const ActivationExtents& extents,
                                Buffer memory) {
  Activations result(config, extents);
  STRATA_CHECK(memory.bytes() >= BytesOf(DType::kF32, result.num_elements_),
               "memory too small for the activations");
  result.buffer_ = std::move(memory);
  return result;
}

int64_t Activations::BytesFor(const ModelConfig& config, const ActivationExtents& extents) {
  return BytesOf(DType::kF32, Activations(config, extents).num_elements_);
}

MutableTensorView Activations::View(int64_t offset, Shape shape) const {
  STRATA_CHECK(shape[0] <= (offset >= head_hidden_ ? extents_.max_logit_rows : extents_.max_tokens),
               "a pass larger than its activations");
  float* base = reinterpret_cast<float*>(buffer_.data());
  return MutableTensorView(base + offset, DType::kF32, shape);
}

MutableTensorView Activations::ViewOf(int64_t micro_batch, int64_t offset, Shape shape) const {
  STRATA_CHECK(micro_batch < extents_.max_micro_batches, "more micro-batches than activations");
  return View(offset + micro_batch * extents_.max_tokens * shape[1], shape);
}

MutableTensorView Activations::Embedding(int64_t num_tokens) const {
  return View(embedding_, {num_tokens, config_.embedding_dim});
}
MutableTensorView Activations::Hidden(int64_t micro_batch, int64_t num_tokens) const {
  STRATA_CHECK(micro_batch < extents_.max_micro_batches, "more micro-batches than activations");
  const int64_t place = extents_.hidden_places.empty()
                            ? micro_batch
                            : extents_.hidden_places[static_cast<size_t>(micro_batch)];
  return View(hidden_ + place * hidden_stride_, {num_tokens, config_.hidden_dim});
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
MutableTensorView Activations::Cosines(int64_t micro_batch, int64_t num_tokens) const {
  return ViewOf(micro_batch, cosines_, {num_tokens, config_.head_dim / 2});
}
MutableTensorView Activations::Sines(int64_t micro_batch, int64_t num_tokens) const {
  return ViewOf(micro_batch, sines_, {num_tokens, config_.head_dim / 2});
}
MutableTensorView Activations::HeadHidden(int64_t num_rows) const {
  return View(head_hidden_, {num_rows, config_.hidden_dim});
}
MutableTensorView Activations::HeadInput(int64_t num_rows) const {
  return View(head_input_, {num_rows, config_.embedding_dim});
}
MutableTensorView Activations::LogitView(int64_t offset, int64_t first_row, Shape shape,
                                         DType dtype) const {
  STRATA_CHECK(first_row + shape[0] <= extents_.max_logit_rows, "more logits than activations");
  float* const base = reinterpret_cast<float*>(buffer_.data());
  return MutableTensorView(base + offset + first_row * shape[1], dtype, shape);
}
MutableTensorView Activations::Logits(int64_t first_row, int64_t num_rows) const {
  return LogitView(logits_, first_row, {num_rows, config_.vocab_size});
}
MutableTensorView Activations::CandidateIds(int64_t first_row, int64_t num_rows) const {
  return LogitView(candidate_ids_, first_row, {num_rows, num_candidates()}, DType::kI32);
}
MutableTensorView Activations::CandidateLogits(int64_t first_row, int64_t num_rows) const {
  return LogitView(candidate_logits_, first_row, {num_rows, num_candidates()});
}
MutableTensorView Activations::CandidateMass(int64_t first_row, int64_t num_rows) const {
  return LogitView(candidate_mass_, first_row, {num_rows, 1});
}

}  // namespace strata
