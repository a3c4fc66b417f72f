// Qwen2 and Qwen2.5 (dense): Llama with biases on q, k, v, and optionally a sliding window on the
// layers from max_window_layers on. Source: transformers' configuration_qwen2.py.
#include "kernels/base/status.h"
#include "models/families/family.h"
#include "models/families/qwen_windows.h"

namespace strata {
namespace {

absl::StatusOr<ModelConfig> ParseQwen2(const ConfigReader& reader) {
  STRATA_ASSIGN_OR_RETURN(ModelConfig config, ParseLlamaLikeConfig(reader));
  config.qkv_bias = true;
  STRATA_ASSIGN_OR_RETURN(config.sliding_windows, QwenSlidingWindows(reader, config.num_layers));
  return config;
}

}  // namespace

const Family& Qwen2Family() {
  static const Family kFamily = {"qwen2", &ParseQwen2, LlamaLikeNames(), LlamaLikePrefixes()};
  return kFamily;
}

}  // namespace strata
