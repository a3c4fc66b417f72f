#include "engine/executor.h"

#include <algorithm>
#include <optional>

#include "engine/gpu_logits.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

bool MovesHidden(const Step& step) {
  return step.kind == StepKind::kReadHidden || step.kind == StepKind::kWriteHidden;
}

bool MovesKv(const Step& step) {
  return step.kind == StepKind::kReadKv || step.kind == StepKind::kCopyKvIn ||
         step.kind == StepKind::kCopyKvOut || step.kind == StepKind::kWriteKv;
}

}  // namespace

Executor::Executor(const Parts& parts, Schedule schedule)
    : parts_(parts),
      schedule_(std::move(schedule)),
      kv_({.decoder = parts.decoder,
           .kv_cache = parts.kv_cache,
           .disk_queue = parts.disk_queue,
           .gpu = parts.gpu.has_value() ? parts.gpu->device : nullptr,
           .host_slots = parts.kv_host_slots,
           .gpu_slots = parts.kv_gpu_slots}),
      hidden_(parts.hidden) {
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
  for (const Lane lane :
       {Lane::kDiskRead, Lane::kDiskWrite, Lane::kHostToDevice, Lane::kDeviceToHost, Lane::kGpu}) {
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
    if (kv_.IsLate(step)) STRATA_RETURN_IF_ERROR(kv_.MoveLate(step));
    kv = kv_.Acquire(step);
  }
  STRATA_RETURN_IF_ERROR(parts_.decoder->Run(stage, weights.tensors(), batch.batch,
                                             kv.has_value() ? kv->view() : KvView(), activations,
                                             backend));
  return weights;
}

std::vector<int32_t> Executor::StepsBeforeLate(const Step& compute) const {
  std::vector<int32_t> steps;
  if (compute.kind != StepKind::kCompute || !kv_.IsLate(compute)) return steps;
  for (size_t i = 0; i < schedule_.steps.size(); ++i) {
    const Step& step = schedule_.steps[i];
    const bool back = step.kind == StepKind::kCopyKvOut || step.kind == StepKind::kWriteKv;
    if (back && step.stage == compute.stage && step.micro_batch < compute.micro_batch) {
      steps.push_back(static_cast<int32_t>(i));
    }
  }
  return steps;
}

LaneMove Executor::MoveOf(const Step& step, const ScheduledBatch* batch,
                          const Activations& activations) {
  if (MovesKv(step)) return kv_.MoveOf(step);
  if (!MovesHidden(step)) return {};
  const MicroBatch& rows = batch->batch;
  return hidden_.MoveOf(step, activations.Hidden(rows.index, rows.num_tokens()));
}

absl::Status Executor::IssueHere(const Step& step, const ScheduledBatch* batch,
                                 Activations& activations, Issued& issued) {
  STRATA_RETURN_IF_ERROR(WaitFor(step));
  issued.span.begin = Clock::now();
  // A step that fails before it was submitted has nothing to end.
  const auto submitted = [&issued](Event event) {
    issued.event = std::move(event);
    issued.ended = false;
  };
  switch (step.kind) {
    case StepKind::kReadWeights:
      parts_.weights->BeginRead(step.stage);
      submitted(parts_.disk_queue->Read(parts_.weights->transfers(step.stage)));
      return absl::OkStatus();
    case StepKind::kCompute: {
      for (const int32_t before : StepsBeforeLate(step)) {
        STRATA_RETURN_IF_ERROR(End(before, Log(0)[static_cast<size_t>(before)]));
      }
      const absl::Status computed = Compute(step, *batch, activations, *parts_.backend).status();
      submitted(Event::Pending());
      issued.event.Complete(computed);  // now
      return End(issued.span.step, issued);
    }
    case StepKind::kReadKv:
    case StepKind::kWriteKv:
    case StepKind::kReadHidden:
    case StepKind::kWriteHidden: {
      const LaneMove move = MoveOf(step, batch, activations);
      issued.span.bytes = move.bytes();
      if (issued.span.bytes == 0 && !MovesKv(step)) return absl::OkStatus();
      // The place is needed no longer, but what it holds may still be on its way to the disk, also
      // that of a micro-batch before the one which the schedule has there and the pass lacks. KV
      // pages that come late come to the place all the same.
      Event& written = MovesKv(step) ? kv_slot_written_[static_cast<size_t>(step.host_slot)]
                                     : hidden_written_[move.transfers.front().memory];
      if (step.lane == Lane::kDiskRead) STRATA_RETURN_IF_ERROR(written.Synchronize());
      if (issued.span.bytes == 0) return absl::OkStatus();
      submitted(kv_.Submit(move));
      if (step.lane == Lane::kDiskWrite) written = issued.event;
      return absl::OkStatus();
    }
    case StepKind::kCopyKvIn:
    case StepKind::kCopyKvOut:
    case StepKind::kCopyWeights:
    case StepKind::kCopyHidden:
    case StepKind::kParkHidden:
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
  std::vector<MutableTensorView> pairs;
  const auto add = [&](auto view) {
    pairs.push_back(view(activations));
    pairs.push_back(view(*parts_.gpu->activations));
  };
  const auto add_hidden = [&] {
    add([n, k = batch.batch.index](const Activations& a) { return a.Hidden(k, n); });
    hidden_.SetOnGpu(step.micro_batch, to_gpu);
  };
  if (step.kind == StepKind::kParkHidden) {
    if (hidden_.LeaveGpu(step.micro_batch)) add_hidden();
    return pairs;
  }
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
  bool moves = hidden_.is_on_gpu(step.micro_batch) != to_gpu;
  if (attends) {
    for (const Step& other : schedule_.steps) {
      if (other.kind == StepKind::kCopyHidden && other.stage == step.stage + 1) moves = false;
    }
  }
  if (moves) add_hidden();
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
    case StepKind::kParkHidden:
      return CopyHidden(step.lane, copied);
    case StepKind::kCompute:
      return ComputeOnGpu(step, *batch, activations);
    case StepKind::kReadKv:
    case StepKind::kCopyKvIn:
    case StepKind::kCopyKvOut:
    case StepKind::kWriteKv:
    case StepKind::kReadHidden:
    case StepKind::kWriteHidden:
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
  for (const int32_t before : StepsBeforeLate(step)) {
    const Issued& other = Log(0)[static_cast<size_t>(before)];
    if (!other.ended) lane.Wait(other.event);
  }
  std::vector<MutableTensorView> copied;
  LaneMove move = MoveOf(step, batch, activations);
  issued.span.bytes += move.bytes();
  if (step.kind == StepKind::kCompute && step.stage == 0) {
    hidden_.SetOnGpu(step.micro_batch, true);  // embed makes them there
  } else if (step.kind == StepKind::kCopyHidden || step.kind == StepKind::kParkHidden) {
    copied = CopiedTensors(step, *batch, activations);
    for (size_t i = 0; i < copied.size(); i += 2) {
      issued.span.bytes += BytesOf(copied[i].dtype(), copied[i].shape().NumElements());
    }
  }
  issued.ended = false;
  lane.SubmitToDevice([this, &step, batch, &activations, &issued, copied = std::move(copied),
                       move = std::move(move)] {
    issued.span.begin = Clock::now();
    if (MovesKv(step) || MovesHidden(step)) return kv_.Submit(move);
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
  if (step.kind == StepKind::kCompute) {
    totals_.bytes[static_cast<size_t>(Lane::kDiskRead)] += kv_.LateDiskBytes(step);
  }
  if (lane == nullptr) return IssueHere(step, batch, activations, issued);
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
  kv_.Begin();
  hidden_.Begin(static_cast<int64_t>(batches.size()));
  for (const ScheduledBatch& batch : batches) {
    STRATA_RETURN_IF_ERROR(parts_.decoder->Begin(batch.batch, activations));
    if (parts_.gpu.has_value()) {
      STRATA_RETURN_IF_ERROR(CopyAngles(batch.batch, activations));
    }
    kv_.Add(batch.appends);
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
