#include "engine/executor.h"

#include <optional>

#include "kernels/base/status.h"

namespace strata {

absl::Status Executor::RunPass(const Pass& pass, absl::Span<const KvAppend> appends,
                               Activations& activations) {
  STRATA_RETURN_IF_ERROR(decoder_.BeginPass(pass, activations));
  const std::vector<Stage>& stages = decoder_.stages();
  for (size_t i = 0; i < stages.size(); ++i) {
    const Stage& stage = stages[i];
    STRATA_ASSIGN_OR_RETURN(const WeightLease weights, weights_.Acquire(static_cast<int64_t>(i)));
    std::optional<KvLease> kv;
    if (stage.kind == StageKind::kAttend) {
      kv = kv_cache_.Acquire(stage.layer_index, appends);
    }
    STRATA_RETURN_IF_ERROR(decoder_.Run(stage, weights.tensors(), pass,
                                        kv.has_value() ? kv->view() : KvView(), activations,
                                        backend_));
  }
  return absl::OkStatus();
}

}  // namespace strata
