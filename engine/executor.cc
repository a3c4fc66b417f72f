#include "engine/executor.h"

#include <algorithm>
#include <optional>

#include "engine/gpu_logits.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

int64_t NumBytes(absl::Span<const DiskTransfer> transfers) {
  int64_t bytes = 0;
  for (const DiskTransfer& transfer : transfers) bytes += transfer.bytes;
  return bytes;
}

}  // namespace

Executor::Executor(const Parts& parts, Schedule schedule)
    : parts_(parts), schedule_(std::move(schedule)) {
  for (PassLog& log : logs_) log.resize(schedule_.steps.size());
  lane_free_.fill(Clock::time_point::min());
  const int32_t head = static_cast<int32_t>(parts_.decoder->stages().size()) - 1;
  for (const Step& step : schedule_.steps) {
    if (step.kind == StepKind::kCompute && step.stage == head && step.lane == Lane::kGpu) {
      logits_are_on_gpu_ = true;
    }
  }
  is_all_on_gpu_ = std::all_of(
      schedule_.steps.begin(), schedule_.steps.end(),
      [](const Step& step) { return step.kind == StepKind::kCompute && step.lane == Lane::kGpu; });
  if (!parts_.gpu.has_value()) return;
  for (const Lane lane : {Lane::kDiskRead, Lane::kHostToDevice, Lane::kDeviceToHost, Lane::kGpu}) {
    lanes_[static_cast<size_t>(lane)] = std::make_unique<Stream>();
  }
}

Executor::~Executor() {
  for (PassLog& log : logs_) {
    for (Issued& issued : log) {
      if (!issued.ended) issued.event.Synchronize().IgnoreError();
    }
  }
}

Executor::PassLog& Executor::Log(int64_t passes_ago) {
  // Pass -1 is what is issued before the first; nothing comes after a step before that.
  const int64_t pass = std::max<int64_t>(-1, pass_ - passes_ago);
  return logs_[static_cast<size_t>(pass + 1) % logs_.size()];
}

absl::Status Executor::End(int32_t step, Issued& issued) {
  if (issued.ended) return absl::OkStatus();
  issued.ended = true;
  STRATA_RETURN_IF_ERROR(issued.event.Synchronize());
  if (issued.is_absent) return absl::OkStatus();
  const Step& what = schedule_.steps[static_cast<size_t>(step)];
  const bool here = lanes_[static_cast<size_t>(what.lane)] == nullptr;
  if (here && what.kind == StepKind::kReadWeights) parts_.weights->EndRead(what.stage);
  const size_t lane = static_cast<size_t>(what.lane);
  // The lane works in order: a transfer that was issued early began when the one before it ended.
  issued.span.begin = std::max(issued.span.begin, lane_free_[lane]);
  issued.span.end = std::max(issued.span.begin, issued.event.completed_at());
  lane_free_[lane] = issued.span.end;
  totals_.busy_seconds[lane] += Seconds(issued.span.end - issued.span.begin);
  totals_.bytes[lane] += issued.span.bytes;
  if (on_span_) on_span_(issued.span);
  return absl::OkStatus();
}

absl::Status Executor::WaitFor(const Step& step) {
  for (const StepDependency& before : step.after) {
    STRATA_RETURN_IF_ERROR(
        End(before.step, Log(before.passes_ago)[static_cast<size_t>(before.step)]));
  }
  return absl::OkStatus();
}

absl::StatusOr<WeightLease> Executor::Compute(const Step& step, const ScheduledBatch& batch,
                                              Activations& activations, Backend& backend) {
  const Stage& stage = parts_.decoder->stages()[static_cast<size_t>(step.stage)];
  STRATA_ASSIGN_OR_RETURN(WeightLease weights, parts_.weights->Acquire(step.stage));
  std::optional<KvLease> kv;
  if (stage.kind == StageKind::kAttend) {
    const size_t index = static_cast<size_t>(step.micro_batch);
    if (kv_is_read_late_[index]) STRATA_RETURN_IF_ERROR(ReadKvLate(step));
    kv = parts_.kv_cache->Acquire(kv_plans_[index], stage.layer_index,
                                  {.host = parts_.kv_slot_bytes > 0 ? KvPages(step) : nullptr});
  }
  STRATA_RETURN_IF_ERROR(parts_.decoder->Run(stage, weights.tensors(), batch.batch,
                                             kv.has_value() ? kv->view() : KvView(), activations,
                                             backend));
  return weights;
}

absl::Status Executor::TakeKvSlot(const Step& step) {
  // A read is issued when the visit two before is over, so this slot is needed no longer, but what
  // it holds may still be on its way to the disk.
  KvSlot& slot = kv_slots_[static_cast<size_t>(num_kv_visits_++ % kNumKvSlots)];
  STRATA_RETURN_IF_ERROR(slot.written.Synchronize());
  slot = {.stage = step.stage, .micro_batch = step.micro_batch};
  return absl::OkStatus();
}

size_t Executor::KvSlotOf(const Step& step) const {
  for (size_t i = 0; i < kv_slots_.size(); ++i) {
    if (kv_slots_[i].stage == step.stage && kv_slots_[i].micro_batch == step.micro_batch) return i;
  }
  STRATA_CHECK(false, "a micro-batch without a slot for its KV pages");
}

std::byte* Executor::KvPages(const Step& step) const {
  return parts_.kv_staging + static_cast<int64_t>(KvSlotOf(step)) * parts_.kv_slot_bytes;
}

std::vector<DiskTransfer> Executor::KvTransfers(const Step& step) const {
  const KvPagePlan& plan = kv_plans_[static_cast<size_t>(step.micro_batch)];
  const int64_t layer = parts_.decoder->stages()[static_cast<size_t>(step.stage)].layer_index;
  return step.kind == StepKind::kWriteKv ? parts_.kv_cache->Writes(plan, layer, KvPages(step))
                                         : parts_.kv_cache->Reads(plan, layer, KvPages(step));
}

absl::Status Executor::ReadKvLate(const Step& compute) {
  for (size_t i = 0; i < schedule_.steps.size(); ++i) {
    const Step& step = schedule_.steps[i];
    if (step.kind != StepKind::kWriteKv || step.stage != compute.stage) continue;
    if (step.micro_batch >= compute.micro_batch) break;
    STRATA_RETURN_IF_ERROR(End(static_cast<int32_t>(i), Log(0)[i]));
  }
  const std::vector<DiskTransfer> reads = KvTransfers(compute);
  totals_.bytes[static_cast<size_t>(Lane::kDiskRead)] += NumBytes(reads);
  return parts_.disk_queue->Read(reads).Synchronize();
}

absl::Status Executor::IssueHere(const Step& step, const ScheduledBatch* batch,
                                 Activations& activations, Issued& issued) {
  STRATA_RETURN_IF_ERROR(WaitFor(step));
  issued.span.begin = Clock::now();
  issued.ended = false;
  issued.event = Event::Pending();
  switch (step.kind) {
    case StepKind::kReadWeights:
      parts_.weights->BeginRead(step.stage);
      issued.event = parts_.disk_queue->Read(parts_.weights->transfers(step.stage));
      return absl::OkStatus();
    case StepKind::kCompute: {
      issued.event.Complete(Compute(step, *batch, activations, *parts_.backend).status());
      return End(issued.span.step, issued);
    }
    case StepKind::kReadKv:
    case StepKind::kWriteKv: {
      const bool read = step.kind == StepKind::kReadKv;
      if (read) STRATA_RETURN_IF_ERROR(TakeKvSlot(step));
      const bool late = read && kv_is_read_late_[static_cast<size_t>(step.micro_batch)];
      const std::vector<DiskTransfer> transfers =
          late ? std::vector<DiskTransfer>() : KvTransfers(step);
      issued.span.bytes = NumBytes(transfers);
      if (transfers.empty()) {
        issued.ended = true;
        return absl::OkStatus();
      }
      issued.event =
          read ? parts_.disk_queue->Read(transfers) : parts_.disk_queue->Write(transfers);
      if (!read) kv_slots_[KvSlotOf(step)].written = issued.event;
      return absl::OkStatus();
    }
    case StepKind::kCopyWeights:
    case StepKind::kCopyHidden:
      break;
  }
  return absl::UnimplementedError("the schedule computes on a gpu that is not there");
}

std::vector<MutableTensorView> Executor::CopiedTensors(const Step& step,
                                                       const ScheduledBatch& batch,
                                                       Activations& activations) {
  const size_t stage = static_cast<size_t>(step.stage);
  const std::vector<Stage>& stages = parts_.decoder->stages();
  const bool to_gpu = step.lane == Lane::kHostToDevice;
  const int64_t n = batch.batch.num_tokens();
  const size_t index = static_cast<size_t>(step.micro_batch);
  std::vector<MutableTensorView> pairs;
  const auto add = [&](auto view) {
    pairs.push_back(view(activations));
    pairs.push_back(view(*parts_.gpu->activations));
  };
  const bool attends = stages[stage].kind == StageKind::kAttend;
  if (attends) {
    add([n](const Activations& a) { return a.Queries(n); });
    add([n](const Activations& a) { return a.Keys(n); });
    add([n](const Activations& a) { return a.Values(n); });
  }
  if (stages[stage].kind == StageKind::kOutput) {
    add([n](const Activations& a) { return a.Attended(n); });
  }
  // Attend does not read the hidden rows, but they wait where the stage after it will.
  bool moves = hidden_is_on_gpu_[index] != to_gpu;
  if (attends) {
    for (const Step& other : schedule_.steps) {
      if (other.kind == StepKind::kCopyHidden && other.stage == step.stage + 1) moves = false;
    }
  }
  if (moves) {
    add([n, k = batch.batch.index](const Activations& a) { return a.Hidden(k, n); });
    hidden_is_on_gpu_[index] = to_gpu;
  }
  return pairs;
}

Event Executor::ReadWeights(const Step& step) {
  parts_.weights->BeginRead(step.stage);
  const absl::Status status =
      parts_.disk_queue->Read(parts_.weights->transfers(step.stage)).Synchronize();
  if (status.ok()) parts_.weights->EndRead(step.stage);
  return Event::Passed(status);
}

Event Executor::CopyHidden(Lane lane, absl::Span<const MutableTensorView> copied) {
  Event arrived;
  for (size_t i = 0; i < copied.size(); i += 2) {
    std::byte* const host = static_cast<std::byte*>(copied[i].mutable_data());
    std::byte* const gpu = static_cast<std::byte*>(copied[i + 1].mutable_data());
    const int64_t bytes = BytesOf(copied[i].dtype(), copied[i].shape().NumElements());
    arrived = Event::Both(arrived, lane == Lane::kHostToDevice
                                       ? parts_.gpu->device->CopyIn(gpu, host, bytes)
                                       : parts_.gpu->device->CopyOut(host, gpu, bytes));
  }
  return arrived;
}

Event Executor::ComputeOnGpu(const Step& step, const ScheduledBatch& batch,
                             Activations& activations) {
  Backend& backend = *parts_.gpu->backend;
  const Activations& on_gpu = *parts_.gpu->activations;
  absl::StatusOr<WeightLease> lease = ComputeWithCandidates(step, batch);
  // Also after an error: some of its operations may be running.
  const Event computed = backend.Record();
  if (!lease.ok()) return Event::Both(Event::Passed(lease.status()), computed);
  const Event ended = Event::Pending();
  computed.OnComplete([lease = *std::move(lease), ended](const absl::Status& status) mutable {
    { const WeightLease over = std::move(lease); }  // before anybody learns that the step has ended
    ended.Complete(status);
  });
  if (!GivesLogits(step, batch)) return ended;
  if (const absl::Status status = ended.Synchronize(); !status.ok()) return Event::Passed(status);
  return CopyWantedLogits(batch, on_gpu, activations, *parts_.gpu->device);
}

Event Executor::RunInLane(const Step& step, const ScheduledBatch* batch, Activations& activations,
                          absl::Span<const MutableTensorView> copied) {
  switch (step.kind) {
    case StepKind::kReadWeights:
      return ReadWeights(step);
    case StepKind::kCopyWeights:
      return parts_.weights->CopyToGpu(step.stage);
    case StepKind::kCopyHidden:
      return CopyHidden(step.lane, copied);
    case StepKind::kCompute:
      return ComputeOnGpu(step, *batch, activations);
    case StepKind::kReadKv:
    case StepKind::kWriteKv:
      break;
  }
  return Event::Passed(absl::InternalError("a step in a lane that is not its own"));
}

void Executor::IssueToLane(const Step& step, const ScheduledBatch* batch, Activations& activations,
                           Issued& issued) {
  Stream& lane = *lanes_[static_cast<size_t>(step.lane)];
  for (const StepDependency& before : step.after) {
    // What its own lane did before is in order already, on the device too.
    if (schedule_.steps[static_cast<size_t>(before.step)].lane == step.lane) continue;
    const Issued& other = Log(before.passes_ago)[static_cast<size_t>(before.step)];
    if (!other.ended) lane.Wait(other.event);
  }
  std::vector<MutableTensorView> copied;
  if (step.kind == StepKind::kCompute && step.stage == 0) {
    hidden_is_on_gpu_[static_cast<size_t>(step.micro_batch)] = true;  // embed makes them there
  } else if (step.kind == StepKind::kCopyHidden) {
    copied = CopiedTensors(step, *batch, activations);
    for (size_t i = 0; i < copied.size(); i += 2) {
      issued.span.bytes += BytesOf(copied[i].dtype(), copied[i].shape().NumElements());
    }
  }
  issued.ended = false;
  lane.SubmitToDevice([this, &step, batch, &activations, &issued, copied = std::move(copied)] {
    issued.span.begin = Clock::now();
    return RunInLane(step, batch, activations, copied);
  });
  issued.event = lane.Record();
}

absl::Status Executor::Issue(int32_t index, absl::Span<const ScheduledBatch> batches,
                             Activations& activations) {
  const Step& step = schedule_.steps[static_cast<size_t>(index)];
  Issued& issued = Log(0)[static_cast<size_t>(index)];
  STRATA_RETURN_IF_ERROR(End(index, issued));  // of a pass long ago, if nobody asked
  issued = {.span = {.step = index, .pass = pass_, .bytes = step.bytes}};
  Stream* const lane = lanes_[static_cast<size_t>(step.lane)].get();
  if (step.micro_batch >= static_cast<int32_t>(batches.size())) {
    // It does nothing, but in its turn: who comes after it comes after what its lane did before.
    if (lane != nullptr) {
      issued.event = lane->Record();
      issued.ended = false;
      issued.is_absent = true;
    }
    return absl::OkStatus();
  }
  const ScheduledBatch* const batch =
      step.micro_batch < 0 ? nullptr : &batches[static_cast<size_t>(step.micro_batch)];
  // KV pages from disk are the cpu's, and so are their transfers.
  const bool here =
      lane == nullptr || step.kind == StepKind::kReadKv || step.kind == StepKind::kWriteKv;
  if (here) return IssueHere(step, batch, activations, issued);
  IssueToLane(step, batch, activations, issued);
  return absl::OkStatus();
}

absl::Status Executor::CopyAngles(const MicroBatch& batch, const Activations& activations) {
  const int64_t n = batch.num_tokens();
  const auto copy = [this](const MutableTensorView& host, const MutableTensorView& gpu) {
    return parts_.gpu->device->Write(static_cast<std::byte*>(gpu.mutable_data()),
                                     static_cast<const std::byte*>(host.data()),
                                     BytesOf(host.dtype(), host.shape().NumElements()));
  };
  const Activations& on_gpu = *parts_.gpu->activations;
  STRATA_RETURN_IF_ERROR(copy(activations.Cosines(batch.index, n), on_gpu.Cosines(batch.index, n)));
  return copy(activations.Sines(batch.index, n), on_gpu.Sines(batch.index, n));
}

absl::Status Executor::BeginPass(absl::Span<const ScheduledBatch> batches,
                                 Activations& activations) {
  kv_plans_.clear();
  kv_is_read_late_.clear();
  hidden_is_on_gpu_.assign(batches.size(), false);
  for (const ScheduledBatch& batch : batches) {
    STRATA_RETURN_IF_ERROR(parts_.decoder->Begin(batch.batch, activations));
    if (parts_.gpu.has_value()) {
      STRATA_RETURN_IF_ERROR(CopyAngles(batch.batch, activations));
    }
    KvPagePlan plan = parts_.kv_cache->PlanPages(batch.appends);
    STRATA_CHECK(plan.staging_bytes <= parts_.kv_slot_bytes, "KV pages larger than their slot");
    kv_is_read_late_.push_back(ReadsWhatIsWritten(plan, kv_plans_).on_disk);
    kv_plans_.push_back(std::move(plan));
  }
  return absl::OkStatus();
}

absl::Status Executor::RunSteps(absl::Span<const ScheduledBatch> batches,
                                Activations& activations) {
  const int32_t num_steps = static_cast<int32_t>(schedule_.steps.size());
  if (pass_ < 0) {
    for (int32_t i = 0; i < num_steps; ++i) {
      if (schedule_.steps[static_cast<size_t>(i)].for_next_pass) {
        STRATA_RETURN_IF_ERROR(Issue(i, batches, activations));
      }
    }
  }
  ++pass_;
  for (int32_t i = 0; i < num_steps; ++i) {
    STRATA_RETURN_IF_ERROR(Issue(i, batches, activations));
  }
  for (int32_t i = 0; i < num_steps; ++i) {
    if (schedule_.steps[static_cast<size_t>(i)].kind != StepKind::kCompute) continue;
    STRATA_RETURN_IF_ERROR(End(i, Log(0)[static_cast<size_t>(i)]));
  }
  return absl::OkStatus();
}

absl::Status Executor::RunPass(absl::Span<const ScheduledBatch> batches, Activations& activations) {
  STRATA_CHECK(static_cast<int64_t>(batches.size()) <= schedule_.num_micro_batches,
               "more micro-batches than the schedule has");
  const Clock::time_point begin = Clock::now();
  STRATA_RETURN_IF_ERROR(BeginPass(batches, activations));
  const absl::Status status = IsForGpuAtOnce(batches) ? RunOnGpuAtOnce(batches, activations)
                                                      : RunSteps(batches, activations);
  if (!status.ok()) {
    // Nothing may use the micro-batches when this returns; the first error is the one to report.
    for (const std::unique_ptr<Stream>& lane : lanes_) {
      if (lane != nullptr) lane->Synchronize().IgnoreError();
    }
    return status;
  }
  ++totals_.num_passes;
  totals_.seconds += Seconds(Clock::now() - begin);
  return absl::OkStatus();
}

}  // namespace strata
