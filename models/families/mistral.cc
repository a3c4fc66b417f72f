// Mistral: Llama with a sliding window over all layers (null in later releases).
// Source: transformers' configuration_mistral.py.
#include "kernels/base/status.h"
#include "models/families/family.h"

namespace strata {
namespace {

absl::StatusOr<ModelConfig> ParseMistral(const ConfigReader& reader) {
  STRATA_ASSIGN_OR_RETURN(ModelConfig config, ParseLlamaLikeConfig(reader));
  // A missing key means 4096, Mistral 7B v0.1's window; null means none.
  const bool absent = !reader.Has("sliding_window") && !reader.IsNull("sliding_window");
  STRATA_ASSIGN_OR_RETURN(const int64_t window,
                          reader.DimensionOr("sliding_window", absent ? 4096 : 0));
  config.sliding_windows.assign(static_cast<size_t>(config.num_layers), window);
  return config;
}

}  // namespace

const Family& MistralFamily() {
  static const Family kFamily = {"mistral", &ParseMistral, LlamaLikeNames(), LlamaLikePrefixes()};
  return kFamily;
}

}  // namespace strata
