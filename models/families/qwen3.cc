// Qwen3 (dense): Llama with an RmsNorm on every query and key head.
// Source: transformers' configuration_qwen3.py and modeling_qwen3.py.
#include "kernels/base/status.h"
#include "models/families/family.h"
#include "models/families/qwen_windows.h"

namespace strata {
namespace {

absl::StatusOr<ModelConfig> ParseQwen3(const ConfigReader& reader) {
  STRATA_ASSIGN_OR_RETURN(ModelConfig config, ParseLlamaLikeConfig(reader));
  if (!reader.Has("head_dim")) config.head_dim = 128;  // the default of the published class
  config.qk_norm = true;
  STRATA_ASSIGN_OR_RETURN(config.qkv_bias, reader.BoolOr("attention_bias", false));
  config.attention_out_bias = config.qkv_bias;
  STRATA_ASSIGN_OR_RETURN(config.sliding_windows, QwenSlidingWindows(reader, config.num_layers));
  return config;
}

}  // namespace

const Family& Qwen3Family() {
  static const Family kFamily = {"qwen3", &ParseQwen3, LlamaLikeNames(), LlamaLikePrefixes()};
  return kFamily;
}

}  // namespace strata
