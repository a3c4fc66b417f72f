// ModelConfig: what a decoder-only model is made of, as orthogonal feature values.
//
// There is no boolean per family: each field says one thing about the computation, and the one
// model definition (models/decoder.h) reads only these fields. models/families/ maps each family's
// config.json to it. A plain value: copy, compare, print.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kernels/base/dtype.h"
#include "kernels/ops/activation.h"

namespace strata {

enum class NormKind : uint8_t { kRms, kLayer };

// Where a layer's norms stand: before attention and MLP (on their input), or after the residual
// sum.
enum class NormPlacement : uint8_t { kBefore, kAfter };

enum class PositionKind : uint8_t { kLearned, kRotary };

enum class RopeScaling : uint8_t { kNone, kLinear, kDynamic, kLlama3, kYarn };

// Rotary position embedding; the formulas are in models/rotary.h.
struct RopeConfig {
  double theta = 10000.0;
  RopeScaling scaling = RopeScaling::kNone;
  double factor = 1.0;
  // Context length before scaling (llama3, yarn, dynamic).
  int64_t original_max_positions = 0;
  double low_freq_factor = 1.0;   // llama3
  double high_freq_factor = 4.0;  // llama3
  double beta_fast = 32.0;        // yarn
  double beta_slow = 1.0;         // yarn
  double mscale = 0.0;            // yarn; 0: not given
  double mscale_all_dim = 0.0;    // yarn; 0: not given
  double attention_factor = 0.0;  // yarn; 0: derived
  bool truncate = true;           // yarn: round the correction range to whole dimensions

  friend bool operator==(const RopeConfig&, const RopeConfig&) = default;
};

// Far above any published model; what a config says beyond it is refused before anything is sized
// by it.
inline constexpr int64_t kMaxLayers = 10'000;

struct ModelConfig {
  std::string model_type;  // config.json's, which names the family: "llama"

  int64_t vocab_size = 0;
  int64_t hidden_dim = 0;
  int64_t num_layers = 0;
  int64_t num_q_heads = 0;
  int64_t num_kv_heads = 0;
  int64_t head_dim = 0;
  int64_t ffn_dim = 0;
  int64_t max_positions = 0;  // context length
  // Width of the token embedding and of the head's input; other than hidden_dim only in OPT-350m,
  // which then has projections in and out.
  int64_t embedding_dim = 0;

  NormKind norm = NormKind::kRms;
  NormPlacement norm_placement = NormPlacement::kBefore;
  float norm_epsilon = 1e-6f;
  bool final_norm = true;
  bool qk_norm = false;  // RmsNorm of each query and key head before rotary

  PositionKind position = PositionKind::kRotary;
  int64_t position_offset = 0;  // learned: row of position 0 in the table (OPT: 2)
  RopeConfig rope;

  Activation activation = Activation::kSilu;
  bool gated_ffn = true;  // down(f(gate(x)) * up(x)), else down(f(up(x)))

  bool qkv_bias = false;
  bool attention_out_bias = false;
  bool ffn_bias = false;
  bool tied_embeddings = false;  // the head uses the token embedding

  std::vector<float> attention_scales;   // [num_layers] on q . k; usually 1 / sqrt(head_dim)
  std::vector<int64_t> sliding_windows;  // [num_layers] positions; 0: full attention

  DType checkpoint_dtype = DType::kF32;  // torch_dtype; what `auto` formats mean
  std::vector<int32_t> eos_token_ids;    // config.json's; generation_config.json may override
  std::vector<int32_t> bos_token_ids;    // none or one

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;

  int64_t q_dim() const { return num_q_heads * head_dim; }
  int64_t kv_dim() const { return num_kv_heads * head_dim; }
};

// Reads a config.json. InvalidArgument naming the file and the key; Unimplemented for a model_type
// (or a feature) that Strata does not have, with the list of those it has.
absl::StatusOr<ModelConfig> LoadModelConfig(const std::string& path);

// LoadModelConfig over text already read; `origin` stands in error messages.
absl::StatusOr<ModelConfig> ParseModelConfig(absl::string_view text, absl::string_view origin);

}  // namespace strata
