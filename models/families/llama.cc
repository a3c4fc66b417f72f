// Llama 1, 2 and 3 and what is built like them: RmsNorm, rotary (scaled in Llama 3.1), grouped
// queries, SwiGLU. Source: transformers' configuration_llama.py and modeling_llama.py.
#include "kernels/base/status.h"
#include "models/families/family.h"

namespace strata {
namespace {

constexpr TensorName kNames[] = {
    {WeightRole::kTokenEmbedding, "embed_tokens.weight"},
    {WeightRole::kAttentionNorm, "layers.{}.input_layernorm.weight"},
    {WeightRole::kQuery, "layers.{}.self_attn.q_proj.weight"},
    {WeightRole::kQueryBias, "layers.{}.self_attn.q_proj.bias"},
    {WeightRole::kKey, "layers.{}.self_attn.k_proj.weight"},
    {WeightRole::kKeyBias, "layers.{}.self_attn.k_proj.bias"},
    {WeightRole::kValue, "layers.{}.self_attn.v_proj.weight"},
    {WeightRole::kValueBias, "layers.{}.self_attn.v_proj.bias"},
    {WeightRole::kQueryNorm, "layers.{}.self_attn.q_norm.weight"},
    {WeightRole::kKeyNorm, "layers.{}.self_attn.k_norm.weight"},
    {WeightRole::kAttentionOut, "layers.{}.self_attn.o_proj.weight"},
    {WeightRole::kAttentionOutBias, "layers.{}.self_attn.o_proj.bias"},
    {WeightRole::kMlpNorm, "layers.{}.post_attention_layernorm.weight"},
    {WeightRole::kGate, "layers.{}.mlp.gate_proj.weight"},
    {WeightRole::kGateBias, "layers.{}.mlp.gate_proj.bias"},
    {WeightRole::kUp, "layers.{}.mlp.up_proj.weight"},
    {WeightRole::kUpBias, "layers.{}.mlp.up_proj.bias"},
    {WeightRole::kDown, "layers.{}.mlp.down_proj.weight"},
    {WeightRole::kDownBias, "layers.{}.mlp.down_proj.bias"},
    {WeightRole::kFinalNorm, "norm.weight"},
    {WeightRole::kHead, "lm_head.weight"},
};
constexpr const char* kPrefixes[] = {"model.", ""};

absl::StatusOr<ModelConfig> ParseLlama(const ConfigReader& reader) {
  STRATA_ASSIGN_OR_RETURN(ModelConfig config, ParseLlamaLikeConfig(reader));
  STRATA_ASSIGN_OR_RETURN(config.qkv_bias, reader.BoolOr("attention_bias", false));
  config.attention_out_bias = config.qkv_bias;
  STRATA_ASSIGN_OR_RETURN(config.ffn_bias, reader.BoolOr("mlp_bias", false));
  return config;
}

}  // namespace

absl::Span<const TensorName> LlamaLikeNames() { return kNames; }
absl::Span<const char* const> LlamaLikePrefixes() { return kPrefixes; }

absl::StatusOr<ModelConfig> ParseLlamaLikeConfig(const ConfigReader& reader) {
  ModelConfig config;
  STRATA_RETURN_IF_ERROR(reader.ReadCommon(config));
  STRATA_ASSIGN_OR_RETURN(config.vocab_size, reader.Dimension("vocab_size"));
  STRATA_ASSIGN_OR_RETURN(config.hidden_dim, reader.Dimension("hidden_size"));
  STRATA_ASSIGN_OR_RETURN(config.num_layers, reader.NumLayers("num_hidden_layers"));
  STRATA_ASSIGN_OR_RETURN(config.num_q_heads, reader.Dimension("num_attention_heads"));
  STRATA_ASSIGN_OR_RETURN(config.num_kv_heads,
                          reader.DimensionOr("num_key_value_heads", config.num_q_heads));
  if (!reader.Has("head_dim") && config.hidden_dim % config.num_q_heads != 0) {
    return reader.Error("num_attention_heads", "does not divide hidden_size");
  }
  STRATA_ASSIGN_OR_RETURN(config.head_dim,
                          reader.DimensionOr("head_dim", config.hidden_dim / config.num_q_heads));
  STRATA_ASSIGN_OR_RETURN(config.ffn_dim, reader.Dimension("intermediate_size"));
  STRATA_ASSIGN_OR_RETURN(config.max_positions,
                          reader.DimensionOr("max_position_embeddings", 2048));
  config.embedding_dim = config.hidden_dim;
  STRATA_ASSIGN_OR_RETURN(const double epsilon, reader.NumberOr("rms_norm_eps", 1e-6));
  config.norm_epsilon = static_cast<float>(epsilon);
  STRATA_ASSIGN_OR_RETURN(config.activation, reader.ActivationOr("hidden_act", "silu"));
  STRATA_ASSIGN_OR_RETURN(config.tied_embeddings, reader.BoolOr("tie_word_embeddings", false));
  STRATA_ASSIGN_OR_RETURN(config.rope, reader.Rope(config.max_positions));
  return config;
}

const Family& LlamaFamily() {
  static constexpr Family kFamily = {"llama", &ParseLlama, kNames, kPrefixes};
  return kFamily;
}

}  // namespace strata
