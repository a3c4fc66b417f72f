// Family: the two things a model family adds, how its config.json reads and how its checkpoints
// name tensors. One small file per family; the computation itself is models/decoder.h for all of
// them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/config.h"
#include "models/config_reader.h"
#include "models/stage.h"

namespace strata {

// The checkpoint name of one role: "layers.{}.mlp.up_proj.weight", {} being the layer index.
struct TensorName {
  WeightRole role;
  const char* pattern;
  StoredLayout layout = StoredLayout::kRowMajor;
  // The tensor is part `part` of `num_parts` equal ranges of rows of a fused one.
  int part = 0;
  int num_parts = 1;
};

struct Family {
  const char* model_type;
  absl::StatusOr<ModelConfig> (*parse_config)(const ConfigReader& reader);
  absl::Span<const TensorName> names;
  // What checkpoints write before every pattern but the head's ("model.", or nothing), the usual
  // first. A "lm_head." pattern takes none.
  absl::Span<const char* const> prefixes;
};

// The family of a config.json's model_type; nullptr when Strata does not have it.
const Family* FindFamily(absl::string_view model_type);

// All model types, for messages.
std::vector<std::string> SupportedModelTypes();

// One per file in this folder.
const Family& LlamaFamily();
const Family& MistralFamily();
const Family& Qwen2Family();
const Family& Qwen3Family();
const Family& OptFamily();
const Family& Gpt2Family();

// Config keys that Llama, Mistral and Qwen share (a decoder with RmsNorm, rotary, gated MLP).
absl::StatusOr<ModelConfig> ParseLlamaLikeConfig(const ConfigReader& reader);

// Tensor names that Llama, Mistral and Qwen share.
absl::Span<const TensorName> LlamaLikeNames();
absl::Span<const char* const> LlamaLikePrefixes();

}  // namespace strata
