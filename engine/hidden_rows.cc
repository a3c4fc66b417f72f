#include "engine/hidden_rows.h"

#include "kernels/base/round_up.h"
#include "offload/plan/hidden_places.h"

namespace strata {

int64_t HiddenPlaceBytes(int64_t num_tokens, int64_t hidden_dim) {
  return RoundUp(BytesOf(DType::kF32, num_tokens * hidden_dim), kDiskAlignment);
}

void HiddenRows::Begin(int64_t num_micro_batches) {
  states_.assign(static_cast<size_t>(num_micro_batches), {});
}

bool HiddenRows::LeaveGpu(int32_t micro_batch) const {
  return At(micro_batch).on_gpu &&
         HiddenLeavesGpu(parts_.activations, micro_batch, static_cast<int64_t>(states_.size()));
}

LaneMove HiddenRows::MoveOf(const Step& step, const MutableTensorView& hidden) {
  State& state = At(step.micro_batch);
  const bool write = step.kind == StepKind::kWriteHidden;
  if (write) {
    state.on_disk = !state.on_gpu && HiddenLeavesHost(parts_.activations, step.micro_batch,
                                                      static_cast<int64_t>(states_.size()));
  }
  LaneMove move = {.lane = step.lane};
  if (!state.on_disk) return move;
  state.on_disk = write;
  const int64_t bytes = BytesOf(hidden.dtype(), hidden.shape().NumElements());
  move.transfers.push_back(
      {.file = parts_.spill,
       .offset = NumHiddenOnDisk(parts_.activations, step.micro_batch) * parts_.place_bytes,
       .bytes = RoundUp(bytes, kDiskAlignment),
       .memory = static_cast<std::byte*>(hidden.mutable_data())});
  return move;
}

}  // namespace strata
