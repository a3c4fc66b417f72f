// Spreading tensors over tiers by shares, evenly along the order of execution.
//
// Error diffusion: a tensor goes where the running total lags most behind its share, so a stream is
// as dense in the first layers as in the last and its lane works steadily, and no tier is ever off
// its share by more than one tensor.
#pragma once

#include <array>
#include <cstdint>

#include "absl/status/statusor.h"
#include "offload/plan/model_shape.h"
#include "offload/plan/policy.h"

namespace strata {

class TensorSpreader {
 public:
  explicit TensorSpreader(const TierShares& shares) : shares_(shares) {}

  // The home of the next tensor.
  Tier Next(int64_t bytes);

 private:
  TierShares shares_;
  double gpu_owed_ = 0;   // bytes that the gpu lags behind its share
  double host_owed_ = 0;  // and the host, of what is not the gpu's
};

// True for a tensor (a norm, a bias) so small beside its stage's largest that streaming it would
// cost a request for nothing: it lies where its stage is computed, if there is any room at all.
bool IsSmallTensor(const StageShape& stage, size_t tensor);

// FlexGen's six numbers: per cent on the gpu and on the host, the disk has the rest.
struct Percentages {
  int weights_gpu = 0;
  int weights_host = 100;
  int kv_gpu = 0;
  int kv_host = 100;
  int activations_gpu = 0;
  int activations_host = 100;
};

// The policy of those numbers: every stage is computed on the gpu (`has_gpu`) or the cpu, attention
// where the KV rows of its layer lie, staging rings hold two stages. InvalidArgument for
// numbers that are no per cents, and for a share of a gpu that is not there.
absl::StatusOr<Policy> PolicyFromPercent(const ModelShape& model, const Percentages& percentages,
                                         bool has_gpu);

}  // namespace strata
