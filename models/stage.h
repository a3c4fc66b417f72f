// Stages: a model as the list of things that can be scheduled, and the tensors each needs.
//
// A stage is the unit of scheduling: embed, then per layer project, attend, output and mlp, and at
// the end head. Attention is three stages because attend may run on another device than the
// projections around it. Plain values; models/decoder.h runs them, the offload floor finds their
// bytes through their TensorSpecs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/base/tensor_spec.h"
#include "models/config.h"

namespace strata {

enum class StageKind : uint8_t {
  kEmbed,    // token ids -> hidden
  kProject,  // norm, q/k/v products, q/k norm
  kAttend,   // rotary and append KV, attention; no weights
  kOutput,   // output projection and residual
  kMlp,      // norm, feed-forward, residual
  kHead,     // final norm and logits of the wanted rows
};

// "embed", "project", ...
absl::string_view StageKindName(StageKind kind);

// What a tensor is to the stage that uses it.
enum class WeightRole : uint8_t {
  kTokenEmbedding,       // [vocab_size, embedding_dim]
  kPositionEmbedding,    // [position_offset + max_positions, hidden_dim]
  kEmbeddingProjection,  // [hidden_dim, embedding_dim]
  kAttentionNorm,        // [hidden_dim]
  kAttentionNormBias,    // [hidden_dim]
  kQuery,                // [num_q_heads * head_dim, hidden_dim]
  kQueryBias,            // [num_q_heads * head_dim]
  kKey,                  // [num_kv_heads * head_dim, hidden_dim]
  kKeyBias,              // [num_kv_heads * head_dim]
  kValue,                // [num_kv_heads * head_dim, hidden_dim]
  kValueBias,            // [num_kv_heads * head_dim]
  kQueryNorm,            // [head_dim]
  kKeyNorm,              // [head_dim]
  kAttentionOut,         // [hidden_dim, num_q_heads * head_dim]
  kAttentionOutBias,     // [hidden_dim]
  kMlpNorm,              // [hidden_dim]
  kMlpNormBias,          // [hidden_dim]
  kGate,                 // [ffn_dim, hidden_dim]
  kGateBias,             // [ffn_dim]
  kUp,                   // [ffn_dim, hidden_dim]
  kUpBias,               // [ffn_dim]
  kDown,                 // [hidden_dim, ffn_dim]
  kDownBias,             // [hidden_dim]
  kFinalNorm,            // [hidden_dim]
  kFinalNormBias,        // [hidden_dim]
  kHeadProjection,       // [embedding_dim, hidden_dim]
  kHead,                 // [vocab_size, embedding_dim]
};
inline constexpr int kNumWeightRoles = static_cast<int>(WeightRole::kHead) + 1;

struct Stage {
  StageKind kind = StageKind::kEmbed;
  int64_t layer_index = -1;       // -1: embed, head
  std::vector<WeightRole> roles;  // of tensors, in order
  std::vector<TensorSpec> tensors;

  // "embed", "layer 3 project".
  std::string Name() const;

  friend bool operator==(const Stage&, const Stage&) = default;
};

// The stages of a model in order of execution, with the names its family's checkpoints use.
absl::StatusOr<std::vector<Stage>> BuildStages(const ModelConfig& config);

// Elements of all distinct tensors: a tied head counts once.
int64_t NumParameters(absl::Span<const Stage> stages);

// The shape of the tensor in this role, as the comments at WeightRole say.
Shape RoleShape(const ModelConfig& config, WeightRole role);

}  // namespace strata
