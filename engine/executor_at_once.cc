// Executor: passes that the gpu takes as a whole, and what of the logits stays there.
#include <chrono>

#include "engine/executor.h"
#include "engine/gpu_logits.h"
#include "kernels/base/status.h"

namespace strata {

bool Executor::GivesLogits(const Step& step, const ScheduledBatch& batch) const {
  return batch.batch.num_logit_rows() > 0 &&
         step.stage + 1 == static_cast<int32_t>(parts_.decoder->stages().size());
}

absl::StatusOr<WeightLease> Executor::ComputeWithCandidates(const Step& step,
                                                            const ScheduledBatch& batch) {
  Activations& on_gpu = *parts_.gpu->activations;
  Backend& backend = *parts_.gpu->backend;
  STRATA_ASSIGN_OR_RETURN(WeightLease lease, Compute(step, batch, on_gpu, backend));
  if (GivesLogits(step, batch)) {
    STRATA_RETURN_IF_ERROR(SelectCandidates(batch, on_gpu, backend));
  }
  return lease;
}

bool Executor::IsForGpuAtOnce(absl::Span<const ScheduledBatch> batches) const {
  if (!is_all_on_gpu_ || on_span_) return false;
  for (const ScheduledBatch& batch : batches) {
    for (const MicroBatchSequence& sequence : batch.batch.sequences) {
      if (sequence.num_tokens > 1) return false;
    }
  }
  return true;
}

absl::Status Executor::IssueToGpu(absl::Span<const ScheduledBatch> batches,
                                  std::vector<WeightLease>& leases) {
  for (const Step& step : schedule_.steps) {
    const size_t index = static_cast<size_t>(step.micro_batch);
    if (index >= batches.size()) continue;
    STRATA_ASSIGN_OR_RETURN(WeightLease lease, ComputeWithCandidates(step, batches[index]));
    leases.push_back(std::move(lease));
  }
  return absl::OkStatus();
}

absl::Status Executor::RunOnGpuAtOnce(absl::Span<const ScheduledBatch> batches,
                                      Activations& activations) {
  const auto begin = std::chrono::steady_clock::now();
  ++pass_;
  Backend& backend = *parts_.gpu->backend;
  std::vector<WeightLease> leases;
  STRATA_RETURN_IF_ERROR(backend.BeginPass());
  absl::Status issued = IssueToGpu(batches, leases);
  const absl::Status started = backend.EndPass();
  if (issued.ok()) issued = started;
  if (absl::IsAborted(issued)) {
    leases.clear();
    issued = IssueToGpu(batches, leases);
  }
  // Also after an error: some of the operations may be running.
  const absl::Status computed = backend.Record().Synchronize();
  STRATA_RETURN_IF_ERROR(issued);
  STRATA_RETURN_IF_ERROR(computed);
  totals_.busy_seconds[static_cast<size_t>(Lane::kGpu)] +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  Event arrived;
  for (const ScheduledBatch& batch : batches) {
    if (batch.batch.num_logit_rows() == 0) continue;
    arrived = Event::Both(arrived, CopyWantedLogits(batch, *parts_.gpu->activations, activations,
                                                    *parts_.gpu->device));
  }
  return arrived.Synchronize();
}

absl::Status Executor::FetchLogits(int64_t row, Activations& activations) {
  STRATA_CHECK(logits_are_on_gpu_, "logits fetched from a gpu that did not make them");
  return CopyLogitRows(row, 1, *parts_.gpu->activations, activations, *parts_.gpu->device)
      .Synchronize();
}

}  // namespace strata
