#include "models/decoder.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/rotary.h"

namespace strata {
namespace {

// The tensors of one stage by role; absent roles give absent views, as optional biases want.
class StageWeights {
 public:
  StageWeights(const Stage& stage, absl::Span<const TensorView> weights) {
    STRATA_CHECK(weights.size() == stage.roles.size(), "weights do not match their stage");
    for (size_t i = 0; i < weights.size(); ++i) {
      views_[static_cast<size_t>(stage.roles[i])] = weights[i];
    }
  }
  const TensorView& operator[](WeightRole role) const { return views_[static_cast<size_t>(role)]; }

 private:
  std::array<TensorView, kNumWeightRoles> views_;
};

// One stage of one micro-batch: what its steps share.
struct StageRun {
  const ModelConfig& config;
  const Stage& stage;
  const StageWeights& weights;
  const MicroBatch& batch;
  const KvView& kv;
  Activations& activations;
  Backend& backend;
};

// [n, heads, dim] as [n, heads * dim]: what a projection writes.
MutableTensorView Flattened(const MutableTensorView& heads) {
  return MutableTensorView(heads.mutable_data(), heads.dtype(),
                           {heads.shape()[0], heads.shape()[1] * heads.shape()[2]});
}

// [n, heads, dim] as [n * heads, dim]: one row per head.
MutableTensorView HeadRows(const MutableTensorView& heads) {
  return MutableTensorView(heads.mutable_data(), heads.dtype(),
                           {heads.shape()[0] * heads.shape()[1], heads.shape()[2]});
}

absl::Status Norm(StageRun& run, WeightRole weight, WeightRole bias, const TensorView& x,
                  const MutableTensorView& out) {
  if (run.config.norm == NormKind::kRms) {
    return run.backend.RmsNorm(
        {.x = x, .weight = run.weights[weight], .epsilon = run.config.norm_epsilon, .out = out});
  }
  return run.backend.LayerNorm({.x = x,
                                .weight = run.weights[weight],
                                .bias = run.weights[bias],
                                .epsilon = run.config.norm_epsilon,
                                .out = out});
}

absl::Status RunEmbed(StageRun& run) {
  const int64_t n = run.batch.num_tokens();
  const MutableTensorView hidden = run.activations.Hidden(run.batch.index, n);
  const bool projected = run.weights[WeightRole::kEmbeddingProjection].present();
  const MutableTensorView embedded = projected ? run.activations.Embedding(n) : hidden;
  STRATA_RETURN_IF_ERROR(run.backend.GatherRows({.table = run.weights[WeightRole::kTokenEmbedding],
                                                 .indices = run.batch.token_ids,
                                                 .out = embedded}));
  if (projected) {
    STRATA_RETURN_IF_ERROR(run.backend.MatMul(
        {.x = embedded, .weight = run.weights[WeightRole::kEmbeddingProjection], .out = hidden}));
  }
  if (run.config.position != PositionKind::kLearned) return absl::OkStatus();
  std::vector<int32_t> rows(run.batch.positions);
  for (int32_t& row : rows) row += static_cast<int32_t>(run.config.position_offset);
  return run.backend.GatherRows({.table = run.weights[WeightRole::kPositionEmbedding],
                                 .indices = rows,
                                 .mode = GatherMode::kAdd,
                                 .out = hidden});
}

absl::Status RunProject(StageRun& run) {
  const int64_t n = run.batch.num_tokens();
  MutableTensorView x = run.activations.Hidden(run.batch.index, n);
  if (run.config.norm_placement == NormPlacement::kBefore) {
    const MutableTensorView normed = run.activations.Normed(n);
    STRATA_RETURN_IF_ERROR(
        Norm(run, WeightRole::kAttentionNorm, WeightRole::kAttentionNormBias, x, normed));
    x = normed;
  }
  struct Projection {
    WeightRole weight, bias, norm;
    MutableTensorView out;
    bool has_norm;
  };
  const bool qk_norm = run.config.qk_norm;
  const Projection projections[] = {
      {WeightRole::kQuery, WeightRole::kQueryBias, WeightRole::kQueryNorm,
       run.activations.Queries(n), qk_norm},
      {WeightRole::kKey, WeightRole::kKeyBias, WeightRole::kKeyNorm, run.activations.Keys(n),
       qk_norm},
      {WeightRole::kValue, WeightRole::kValueBias, WeightRole::kValue, run.activations.Values(n),
       false},
  };
  for (const Projection& projection : projections) {
    STRATA_RETURN_IF_ERROR(run.backend.MatMul({.x = x,
                                               .weight = run.weights[projection.weight],
                                               .bias = run.weights[projection.bias],
                                               .out = Flattened(projection.out)}));
    if (!projection.has_norm) continue;
    const MutableTensorView heads = HeadRows(projection.out);
    STRATA_RETURN_IF_ERROR(run.backend.RmsNorm({.x = heads,
                                                .weight = run.weights[projection.norm],
                                                .epsilon = run.config.norm_epsilon,
                                                .out = heads}));
  }
  return absl::OkStatus();
}

absl::Status RunAttend(StageRun& run) {
  const int64_t n = run.batch.num_tokens();
  const size_t layer = static_cast<size_t>(run.stage.layer_index);
  if (run.config.position == PositionKind::kRotary) {
    STRATA_RETURN_IF_ERROR(
        run.backend.RopeAppendKv({.queries = run.activations.Queries(n),
                                  .keys = run.activations.Keys(n),
                                  .values = run.activations.Values(n),
                                  .cosines = run.activations.Cosines(run.batch.index, n),
                                  .sines = run.activations.Sines(run.batch.index, n),
                                  .kv = run.kv}));
  } else {
    STRATA_RETURN_IF_ERROR(run.backend.AppendKv(
        {.keys = run.activations.Keys(n), .values = run.activations.Values(n), .kv = run.kv}));
  }
  return run.backend.Attention({.queries = run.activations.Queries(n),
                                .kv = run.kv,
                                .scale = run.config.attention_scales[layer],
                                .sliding_window = run.config.sliding_windows[layer],
                                .out = run.activations.Attended(n)});
}

absl::Status RunOutput(StageRun& run) {
  const int64_t n = run.batch.num_tokens();
  const MutableTensorView hidden = run.activations.Hidden(run.batch.index, n);
  STRATA_RETURN_IF_ERROR(run.backend.MatMul({.x = Flattened(run.activations.Attended(n)),
                                             .weight = run.weights[WeightRole::kAttentionOut],
                                             .bias = run.weights[WeightRole::kAttentionOutBias],
                                             .residual = hidden,
                                             .out = hidden}));
  if (run.config.norm_placement == NormPlacement::kBefore) return absl::OkStatus();
  return Norm(run, WeightRole::kAttentionNorm, WeightRole::kAttentionNormBias, hidden, hidden);
}

absl::Status RunMlp(StageRun& run) {
  const int64_t n = run.batch.num_tokens();
  const MutableTensorView hidden = run.activations.Hidden(run.batch.index, n);
  MutableTensorView x = hidden;
  if (run.config.norm_placement == NormPlacement::kBefore) {
    x = run.activations.Normed(n);
    STRATA_RETURN_IF_ERROR(Norm(run, WeightRole::kMlpNorm, WeightRole::kMlpNormBias, hidden, x));
  }
  const MutableTensorView up = run.activations.Up(n);
  STRATA_RETURN_IF_ERROR(run.backend.MatMul({.x = x,
                                             .weight = run.weights[WeightRole::kUp],
                                             .bias = run.weights[WeightRole::kUpBias],
                                             .out = up}));
  if (run.config.gated_ffn) {
    const MutableTensorView gate = run.activations.Gate(n);
    STRATA_RETURN_IF_ERROR(run.backend.MatMul({.x = x,
                                               .weight = run.weights[WeightRole::kGate],
                                               .bias = run.weights[WeightRole::kGateBias],
                                               .out = gate}));
    STRATA_RETURN_IF_ERROR(run.backend.GatedActivate(
        {.gate = gate, .up = up, .activation = run.config.activation, .out = up}));
  } else {
    STRATA_RETURN_IF_ERROR(
        run.backend.Activate({.x = up, .activation = run.config.activation, .out = up}));
  }
  STRATA_RETURN_IF_ERROR(run.backend.MatMul({.x = up,
                                             .weight = run.weights[WeightRole::kDown],
                                             .bias = run.weights[WeightRole::kDownBias],
                                             .residual = hidden,
                                             .out = hidden}));
  if (run.config.norm_placement == NormPlacement::kBefore) return absl::OkStatus();
  return Norm(run, WeightRole::kMlpNorm, WeightRole::kMlpNormBias, hidden, hidden);
}

absl::Status RunHead(StageRun& run) {
  const int64_t rows = run.batch.num_logit_rows();
  if (rows == 0) return absl::OkStatus();
  MutableTensorView x = run.activations.HeadHidden(rows);
  STRATA_RETURN_IF_ERROR(run.backend.GatherRows(
      {.table = run.activations.Hidden(run.batch.index, run.batch.num_tokens()),
       .indices = run.batch.logit_rows,
       .out = x}));
  if (run.config.final_norm) {
    STRATA_RETURN_IF_ERROR(Norm(run, WeightRole::kFinalNorm, WeightRole::kFinalNormBias, x, x));
  }
  if (run.weights[WeightRole::kHeadProjection].present()) {
    const MutableTensorView projected = run.activations.HeadInput(rows);
    STRATA_RETURN_IF_ERROR(run.backend.MatMul(
        {.x = x, .weight = run.weights[WeightRole::kHeadProjection], .out = projected}));
    x = projected;
  }
  return run.backend.MatMul({.x = x,
                             .weight = run.weights[WeightRole::kHead],
                             .out = run.activations.Logits(run.batch.first_logit_row, rows)});
}

}  // namespace

absl::StatusOr<Decoder> Decoder::Create(ModelConfig config) {
  STRATA_ASSIGN_OR_RETURN(std::vector<Stage> stages, BuildStages(config));
  return Decoder(std::move(config), std::move(stages));
}

absl::Status Decoder::Begin(const MicroBatch& batch, Activations& activations) const {
  const ActivationExtents& extents = activations.extents();
  if (batch.num_tokens() > extents.max_tokens || batch.index >= extents.max_micro_batches ||
      batch.first_logit_row + batch.num_logit_rows() > extents.max_logit_rows) {
    return absl::InvalidArgumentError(absl::StrCat("a micro-batch of ", batch.num_tokens(),
                                                   " tokens and ", batch.num_logit_rows(),
                                                   " logit rows is larger than its activations"));
  }
  for (int64_t i = 0; i < batch.num_tokens(); ++i) {
    const int32_t id = batch.token_ids[static_cast<size_t>(i)];
    const int32_t position = batch.positions[static_cast<size_t>(i)];
    if (id < 0 || id >= config_.vocab_size) {
      return absl::InvalidArgumentError(absl::StrCat("token id ", id, " is outside [0, ",
                                                     config_.vocab_size, "), the vocabulary"));
    }
    if (position < 0 || position >= config_.max_positions) {
      return absl::InvalidArgumentError(absl::StrCat("position ", position, " is outside [0, ",
                                                     config_.max_positions, "), the context"));
    }
  }
  if (config_.position != PositionKind::kRotary) return absl::OkStatus();
  const MutableTensorView cosines = activations.Cosines(batch.index, batch.num_tokens());
  const MutableTensorView sines = activations.Sines(batch.index, batch.num_tokens());
  const absl::Span<const int32_t> positions = batch.positions;
  for (const MicroBatchSequence& sequence : batch.sequences) {
    const int64_t end = sequence.first_row + sequence.num_tokens;
    FillRotaryAngles(
        ComputeRotaryFrequencies(config_.rope, config_.head_dim, sequence.sequence_length),
        positions.subspan(static_cast<size_t>(sequence.first_row),
                          static_cast<size_t>(sequence.num_tokens)),
        cosines.Rows(sequence.first_row, end), sines.Rows(sequence.first_row, end));
  }
  return absl::OkStatus();
}

absl::Status Decoder::Run(const Stage& stage, absl::Span<const TensorView> weights,
                          const MicroBatch& batch, const KvView& kv, Activations& activations,
                          Backend& backend) const {
  const StageWeights stage_weights(stage, weights);
  StageRun run = {config_, stage, stage_weights, batch, kv, activations, backend};
  absl::Status (*const kSteps[])(StageRun&) = {&RunEmbed,  &RunProject, &RunAttend,
                                               &RunOutput, &RunMlp,     &RunHead};
  return WithContext(kSteps[static_cast<size_t>(stage.kind)](run), stage.Name());
}

}  // namespace strata
