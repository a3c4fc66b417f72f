// GPT-2: learned positions, LayerNorm with biases, one fused q, k, v product, weights stored as
// Conv1D
// ([in, out]). Source: transformers' modeling_gpt2.py.
#include "kernels/base/status.h"
#include "models/families/family.h"

namespace strata {
namespace {

constexpr StoredLayout kConv1d = StoredLayout::kTransposed;
constexpr TensorName kNames[] = {
    {WeightRole::kTokenEmbedding, "wte.weight"},
    {WeightRole::kPositionEmbedding, "wpe.weight"},
    {WeightRole::kAttentionNorm, "h.{}.ln_1.weight"},
    {WeightRole::kAttentionNormBias, "h.{}.ln_1.bias"},
    {WeightRole::kQuery, "h.{}.attn.c_attn.weight", kConv1d, 0, 3},
    {WeightRole::kQueryBias, "h.{}.attn.c_attn.bias", StoredLayout::kRowMajor, 0, 3},
    {WeightRole::kKey, "h.{}.attn.c_attn.weight", kConv1d, 1, 3},
    {WeightRole::kKeyBias, "h.{}.attn.c_attn.bias", StoredLayout::kRowMajor, 1, 3},
    {WeightRole::kValue, "h.{}.attn.c_attn.weight", kConv1d, 2, 3},
    {WeightRole::kValueBias, "h.{}.attn.c_attn.bias", StoredLayout::kRowMajor, 2, 3},
    {WeightRole::kAttentionOut, "h.{}.attn.c_proj.weight", kConv1d},
    {WeightRole::kAttentionOutBias, "h.{}.attn.c_proj.bias"},
    {WeightRole::kMlpNorm, "h.{}.ln_2.weight"},
    {WeightRole::kMlpNormBias, "h.{}.ln_2.bias"},
    {WeightRole::kUp, "h.{}.mlp.c_fc.weight", kConv1d},
    {WeightRole::kUpBias, "h.{}.mlp.c_fc.bias"},
    {WeightRole::kDown, "h.{}.mlp.c_proj.weight", kConv1d},
    {WeightRole::kDownBias, "h.{}.mlp.c_proj.bias"},
    {WeightRole::kFinalNorm, "ln_f.weight"},
    {WeightRole::kFinalNormBias, "ln_f.bias"},
    {WeightRole::kHead, "lm_head.weight"},
};
constexpr const char* kPrefixes[] = {"transformer.", ""};

absl::StatusOr<ModelConfig> ParseGpt2(const ConfigReader& reader) {
  ModelConfig config;
  STRATA_RETURN_IF_ERROR(reader.ReadCommon(config));
  STRATA_ASSIGN_OR_RETURN(config.vocab_size, reader.Dimension("vocab_size"));
  STRATA_ASSIGN_OR_RETURN(config.hidden_dim, reader.Dimension("n_embd"));
  STRATA_ASSIGN_OR_RETURN(config.num_layers, reader.NumLayers("n_layer"));
  STRATA_ASSIGN_OR_RETURN(config.num_q_heads, reader.Dimension("n_head"));
  if (config.hidden_dim % config.num_q_heads != 0) {
    return reader.Error("n_head", "does not divide n_embd");
  }
  config.num_kv_heads = config.num_q_heads;
  config.head_dim = config.hidden_dim / config.num_q_heads;
  STRATA_ASSIGN_OR_RETURN(config.ffn_dim, reader.DimensionOr("n_inner", 4 * config.hidden_dim));
  STRATA_ASSIGN_OR_RETURN(config.max_positions, reader.DimensionOr("n_positions", 1024));
  config.embedding_dim = config.hidden_dim;
  config.norm = NormKind::kLayer;
  STRATA_ASSIGN_OR_RETURN(const double epsilon, reader.NumberOr("layer_norm_epsilon", 1e-5));
  config.norm_epsilon = static_cast<float>(epsilon);
  config.position = PositionKind::kLearned;
  STRATA_ASSIGN_OR_RETURN(config.activation,
                          reader.ActivationOr("activation_function", "gelu_new"));
  config.gated_ffn = false;
  config.qkv_bias = config.attention_out_bias = config.ffn_bias = true;
  STRATA_ASSIGN_OR_RETURN(config.tied_embeddings, reader.BoolOr("tie_word_embeddings", true));
  STRATA_ASSIGN_OR_RETURN(const bool scaled, reader.BoolOr("scale_attn_weights", true));
  STRATA_ASSIGN_OR_RETURN(const bool by_layer,
                          reader.BoolOr("scale_attn_by_inverse_layer_idx", false));
  const float scale = scaled ? 1.0f / std::sqrt(static_cast<float>(config.head_dim)) : 1.0f;
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    config.attention_scales.push_back(by_layer ? scale / static_cast<float>(layer + 1) : scale);
  }
  return config;
}

}  // namespace

const Family& Gpt2Family() {
  static constexpr Family kFamily = {"gpt2", &ParseGpt2, kNames, kPrefixes};
  return kFamily;
}

}  // namespace strata
