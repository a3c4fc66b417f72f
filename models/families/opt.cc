// OPT: learned positions (their table begins two rows early), LayerNorm with biases, ReLU, biases
// on every projection. OPT-350m puts its norms after the residual sums, has no final norm, and a
// narrower embedding with projections in and out. Source: transformers' modeling_opt.py.
#include "kernels/base/status.h"
#include "models/families/family.h"

namespace strata {
namespace {

constexpr TensorName kNames[] = {
    {WeightRole::kTokenEmbedding, "embed_tokens.weight"},
    {WeightRole::kPositionEmbedding, "embed_positions.weight"},
    {WeightRole::kEmbeddingProjection, "project_in.weight"},
    {WeightRole::kAttentionNorm, "layers.{}.self_attn_layer_norm.weight"},
    {WeightRole::kAttentionNormBias, "layers.{}.self_attn_layer_norm.bias"},
    {WeightRole::kQuery, "layers.{}.self_attn.q_proj.weight"},
    {WeightRole::kQueryBias, "layers.{}.self_attn.q_proj.bias"},
    {WeightRole::kKey, "layers.{}.self_attn.k_proj.weight"},
    {WeightRole::kKeyBias, "layers.{}.self_attn.k_proj.bias"},
    {WeightRole::kValue, "layers.{}.self_attn.v_proj.weight"},
    {WeightRole::kValueBias, "layers.{}.self_attn.v_proj.bias"},
    {WeightRole::kAttentionOut, "layers.{}.self_attn.out_proj.weight"},
    {WeightRole::kAttentionOutBias, "layers.{}.self_attn.out_proj.bias"},
    {WeightRole::kMlpNorm, "layers.{}.final_layer_norm.weight"},
    {WeightRole::kMlpNormBias, "layers.{}.final_layer_norm.bias"},
    {WeightRole::kUp, "layers.{}.fc1.weight"},
    {WeightRole::kUpBias, "layers.{}.fc1.bias"},
    {WeightRole::kDown, "layers.{}.fc2.weight"},
    {WeightRole::kDownBias, "layers.{}.fc2.bias"},
    {WeightRole::kFinalNorm, "final_layer_norm.weight"},
    {WeightRole::kFinalNormBias, "final_layer_norm.bias"},
    {WeightRole::kHeadProjection, "project_out.weight"},
    {WeightRole::kHead, "lm_head.weight"},
};
constexpr const char* kPrefixes[] = {"model.decoder.", "decoder."};

absl::StatusOr<ModelConfig> ParseOpt(const ConfigReader& reader) {
  ModelConfig config;
  STRATA_RETURN_IF_ERROR(reader.ReadCommon(config));
  STRATA_ASSIGN_OR_RETURN(config.vocab_size, reader.Dimension("vocab_size"));
  STRATA_ASSIGN_OR_RETURN(config.hidden_dim, reader.Dimension("hidden_size"));
  STRATA_ASSIGN_OR_RETURN(config.num_layers, reader.NumLayers("num_hidden_layers"));
  STRATA_ASSIGN_OR_RETURN(config.num_q_heads, reader.Dimension("num_attention_heads"));
  if (config.hidden_dim % config.num_q_heads != 0) {
    return reader.Error("num_attention_heads", "does not divide hidden_size");
  }
  config.num_kv_heads = config.num_q_heads;
  config.head_dim = config.hidden_dim / config.num_q_heads;
  STRATA_ASSIGN_OR_RETURN(config.ffn_dim, reader.Dimension("ffn_dim"));
  STRATA_ASSIGN_OR_RETURN(config.max_positions,
                          reader.DimensionOr("max_position_embeddings", 2048));
  STRATA_ASSIGN_OR_RETURN(config.embedding_dim,
                          reader.DimensionOr("word_embed_proj_dim", config.hidden_dim));
  config.norm = NormKind::kLayer;
  config.norm_epsilon = 1e-5f;
  STRATA_ASSIGN_OR_RETURN(const bool norm_before, reader.BoolOr("do_layer_norm_before", true));
  STRATA_ASSIGN_OR_RETURN(const bool no_final_norm,
                          reader.BoolOr("_remove_final_layer_norm", false));
  config.norm_placement = norm_before ? NormPlacement::kBefore : NormPlacement::kAfter;
  config.final_norm = norm_before && !no_final_norm;
  STRATA_ASSIGN_OR_RETURN(const bool affine, reader.BoolOr("layer_norm_elementwise_affine", true));
  if (!affine) {
    return absl::UnimplementedError(
        reader.origin() + ": layer_norm_elementwise_affine false (Galactica) is not supported");
  }
  config.position = PositionKind::kLearned;
  config.position_offset = 2;
  STRATA_ASSIGN_OR_RETURN(config.activation, reader.ActivationOr("activation_function", "relu"));
  config.gated_ffn = false;
  STRATA_ASSIGN_OR_RETURN(const bool bias, reader.BoolOr("enable_bias", true));
  config.qkv_bias = config.attention_out_bias = config.ffn_bias = bias;
  STRATA_ASSIGN_OR_RETURN(config.tied_embeddings, reader.BoolOr("tie_word_embeddings", true));
  return config;
}

}  // namespace

const Family& OptFamily() {
  static constexpr Family kFamily = {"opt", &ParseOpt, kNames, kPrefixes};
  return kFamily;
}

}  // namespace strata
