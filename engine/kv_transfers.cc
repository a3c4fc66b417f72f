#include "engine/kv_transfers.h"

#include "kernels/base/status.h"

namespace strata {

void KvTransfers::Add(absl::Span<const KvAppend> appends) {
  MicroBatch next = {.plan = parts_.kv_cache->PlanPages(appends)};
  STRATA_CHECK(next.plan.staging_bytes <= parts_.host_slots.slot_bytes,
               "KV pages from disk larger than their slot");
  STRATA_CHECK(parts_.gpu_slots.memory == nullptr ||
                   next.plan.gpu_staging_bytes <= parts_.gpu_slots.slot_bytes,
               "KV pages on their way to the gpu larger than their slot");
  for (const MicroBatch& earlier : micro_batches_) {
    const KvPageOverlap overlap = ReadsWhatIsWritten(next.plan, {&earlier.plan, 1});
    next.late.any = next.late.any || overlap.any;
    next.late.on_disk = next.late.on_disk || overlap.on_disk;
  }
  micro_batches_.push_back(std::move(next));
}

KvStaging KvTransfers::StagingOf(const Step& step) const {
  const auto slot = [](const Slots& slots, int32_t index) {
    return index < 0 ? nullptr : slots.memory + index * slots.slot_bytes;
  };
  return {.host = slot(parts_.host_slots, step.host_slot),
          .gpu = slot(parts_.gpu_slots, step.gpu_slot)};
}

bool KvTransfers::IsPutOff(const Step& step) const {
  const KvPageOverlap& late = MicroBatchOf(step).late;
  return step.kind == StepKind::kReadKv ? late.on_disk
                                        : step.kind == StepKind::kCopyKvIn && late.any;
}

LaneMove KvTransfers::MoveOn(Lane lane, const Step& step) const {
  const KvPagePlan& plan = MicroBatchOf(step).plan;
  const int64_t layer = LayerOf(step);
  const KvStaging staging = StagingOf(step);
  LaneMove move = {.lane = lane};
  switch (lane) {
    case Lane::kDiskRead:
      move.transfers = parts_.kv_cache->Reads(plan, layer, staging.host);
      break;
    case Lane::kDiskWrite:
      move.transfers = parts_.kv_cache->Writes(plan, layer, staging.host);
      break;
    case Lane::kHostToDevice:
      move.copies = parts_.kv_cache->CopiesIn(plan, layer, staging);
      break;
    case Lane::kDeviceToHost:
      move.copies = parts_.kv_cache->CopiesOut(plan, layer, staging);
      break;
    case Lane::kGpu:
    case Lane::kCpu:
      STRATA_CHECK(false, "a computing lane moves no KV pages");
  }
  return move;
}

LaneMove KvTransfers::MoveOf(const Step& step) const {
  return IsPutOff(step) ? LaneMove{.lane = step.lane} : MoveOn(step.lane, step);
}

Event KvTransfers::Submit(const LaneMove& move) const {
  if (!move.transfers.empty()) {
    return move.lane == Lane::kDiskRead ? parts_.disk_queue->Read(move.transfers)
                                        : parts_.disk_queue->Write(move.transfers);
  }
  Event arrived;
  for (const KvCopy& copy : move.copies) {
    arrived = Event::Both(arrived, move.lane == Lane::kHostToDevice
                                       ? parts_.gpu->CopyIn(copy.gpu, copy.host, copy.bytes)
                                       : parts_.gpu->CopyOut(copy.host, copy.gpu, copy.bytes));
  }
  return arrived;
}

bool KvTransfers::IsLate(const Step& compute) const {
  if (compute.host_slot < 0 && compute.gpu_slot < 0) return false;
  const KvPageOverlap& late = MicroBatchOf(compute).late;
  return compute.gpu_slot >= 0 ? late.any : late.on_disk;
}

int64_t KvTransfers::LateDiskBytes(const Step& compute) const {
  const bool late = compute.host_slot >= 0 && MicroBatchOf(compute).late.on_disk;
  return late ? MoveOn(Lane::kDiskRead, compute).bytes() : 0;
}

absl::Status KvTransfers::MoveLate(const Step& compute) const {
  if (LateDiskBytes(compute) > 0) {
    STRATA_RETURN_IF_ERROR(Submit(MoveOn(Lane::kDiskRead, compute)).Synchronize());
  }
  if (compute.gpu_slot < 0) return absl::OkStatus();
  return Submit(MoveOn(Lane::kHostToDevice, compute)).Synchronize();
}

KvLease KvTransfers::Acquire(const Step& compute) const {
  return parts_.kv_cache->Acquire(MicroBatchOf(compute).plan, LayerOf(compute), StagingOf(compute));
}

}  // namespace strata
