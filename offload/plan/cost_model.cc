#include "offload/plan/cost_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/base/packed_weights.h"
#include "kernels/base/round_up.h"
#include "kernels/base/status.h"
#include "offload/plan/hidden_places.h"
#include "offload/plan/kv_layers.h"

namespace strata {
namespace {

// A row gathered from disk costs the blocks that it touches.
constexpr double kDiskBlockBytes = 4096;

Lane LaneOf(ComputeDevice device) {
  return device == ComputeDevice::kGpu ? Lane::kGpu : Lane::kCpu;
}

double Count(int64_t value) { return static_cast<double>(value); }

int64_t RowsOf(const PassShape& pass) {
  int64_t rows = 0;
  for (const MicroBatchShape& micro_batch : pass.micro_batches) rows += micro_batch.num_rows;
  return rows;
}

// The measured format that `wanted` counts as: itself; for packed weights another group size of as
// many bits; else the first.
DType MeasuredFormat(const std::vector<MatMulRate>& rates, DType wanted) {
  DType found = rates.front().weight_dtype;
  for (const MatMulRate& rate : rates) {
    if (rate.weight_dtype == wanted) return wanted;
    if (IsPackedWeight(wanted) && IsPackedWeight(rate.weight_dtype) &&
        PackedCodeBits(wanted) == PackedCodeBits(rate.weight_dtype)) {
      found = rate.weight_dtype;
    }
  }
  return found;
}

// Bytes of the stage's tensors that `policy` keeps on `tier`.
double BytesOn(const StageShape& stage, const StagePolicy& policy, Tier tier) {
  int64_t bytes = 0;
  for (size_t i = 0; i < stage.tensor_bytes.size(); ++i) {
    if (policy.tensor_homes[i] == tier) bytes += stage.tensor_bytes[i];
  }
  return Count(bytes);
}

}  // namespace

Work& Work::operator+=(const Work& other) {
  for (int lane = 0; lane < kNumLanes; ++lane) {
    lane_seconds[lane] += other.lane_seconds[lane];
    lane_bytes[lane] += other.lane_bytes[lane];
  }
  host_memory_seconds += other.host_memory_seconds;
  return *this;
}

Work& Work::operator*=(double factor) {
  for (double& value : lane_seconds) value *= factor;
  for (double& value : lane_bytes) value *= factor;
  host_memory_seconds *= factor;
  return *this;
}

Bound BoundOf(const Work& work, const HardwareProfile& profile) {
  Bound bound;
  const auto raise = [&bound](double seconds, absl::string_view resource) {
    if (bound.resource.empty() || seconds > bound.seconds) bound = {seconds, std::string(resource)};
  };
  const double disk = std::max(work.seconds(Lane::kDiskRead), work.seconds(Lane::kDiskWrite));
  for (int index = 0; index < kNumLanes; ++index) {
    const Lane lane = static_cast<Lane>(index);
    double seconds = work.seconds(lane);
    if (lane == Lane::kCpu && seconds > 0) seconds += (1 - profile.cpu_share_beside_disk) * disk;
    if (IsDisk(lane) && seconds > 0) {
      seconds += (1 - profile.disk_share_beside_cpu) * work.seconds(Lane::kCpu);
    }
    raise(seconds, LaneName(lane));
  }
  raise(work.host_memory_seconds, "host memory");
  return bound;
}

double ExpectedDistinctExperts(int64_t num_experts, int64_t experts_per_token, double num_tokens) {
  if (num_experts <= 0) return 0;
  const double experts = Count(num_experts);
  const double missed = std::clamp(1 - Count(experts_per_token) / experts, 0.0, 1.0);
  return experts * (1 - std::pow(missed, num_tokens));
}

const DeviceRates& CostModel::Rates(ComputeDevice device) const {
  if (device == ComputeDevice::kCpu) return profile_.cpu;
  STRATA_CHECK(profile_.gpu.has_value(), "a policy for a gpu on a machine without one");
  return *profile_.gpu;
}

double CostModel::MatMulFlopsPerSecond(ComputeDevice device, double num_rows) const {
  const std::vector<MatMulRate>& all = Rates(device).mat_mul;
  STRATA_CHECK(!all.empty(), "a hardware profile without matmul rates");
  const DType dtype = MeasuredFormat(all, model_.weight_dtype);
  const MatMulRate* below = nullptr;
  for (const MatMulRate& rate : all) {
    if (rate.weight_dtype != dtype) continue;
    const double rows = Count(rate.num_rows);
    if (rows >= num_rows) {
      // Seconds per multiply-add of one row, times rows: the time of a product per weight.
      const double time = rows / rate.flops_per_s;
      if (below == nullptr) return num_rows / time;
      const double time_below = Count(below->num_rows) / below->flops_per_s;
      const double part = (num_rows - Count(below->num_rows)) / (rows - Count(below->num_rows));
      return num_rows / (time_below + part * (time - time_below));
    }
    below = &rate;
  }
  return below->flops_per_s;
}

void CostModel::AddTransfer(Work& work, Lane lane, double bytes) const {
  if (bytes <= 0) return;
  const LinkRate& link = lane == Lane::kDiskRead       ? profile_.disk_read
                         : lane == Lane::kDiskWrite    ? profile_.disk_write
                         : lane == Lane::kHostToDevice ? profile_.host_to_device
                                                       : profile_.device_to_host;
  work.bytes(lane) += bytes;
  work.seconds(lane) += link.bytes_per_s > 0 ? bytes / link.bytes_per_s + link.latency_s
                                             : std::numeric_limits<double>::infinity();
  work.host_memory_seconds += bytes / profile_.cpu.memory_bytes_per_s;
}

Work CostModel::ComputeWork(const StageShape& stage, ComputeDevice device,
                            const MicroBatchShape& micro_batch) const {
  const DeviceRates& rates = Rates(device);
  const Lane lane = LaneOf(device);
  double flops = 0;
  double rows = Count(micro_batch.num_rows);  // of each product
  double bytes = Count(stage.weight_bytes());
  switch (stage.work) {
    case StageWork::kGather:
      flops = 2 * rows * Count(stage.matmul_weights);
      bytes = rows * Count(model_.hidden_bytes_per_token);
      break;
    case StageWork::kExperts: {
      const double share = stage.expert_share();
      const double distinct =
          share * ExpectedDistinctExperts(stage.num_experts, stage.experts_per_token, rows);
      const double chosen = share * rows * Count(stage.experts_per_token);
      flops = 2 * chosen * Count(stage.matmul_weights);
      bytes *= distinct / share / Count(std::max<int64_t>(stage.num_experts, 1));
      rows = chosen / std::max(distinct, 1.0);
      break;
    }
    case StageWork::kHead:
      rows = Count(micro_batch.num_logit_rows);
      if (rows == 0) return {};
      flops = 2 * rows * Count(stage.matmul_weights);
      break;
    case StageWork::kMatMul:
      flops = 2 * rows * Count(stage.matmul_weights);
      break;
    case StageWork::kAttend:
      STRATA_CHECK(false, "attention is priced by AttendWork");
  }
  Work work;
  const double matmul_seconds =
      flops > 0 ? flops / MatMulFlopsPerSecond(device, std::max(rows, 1.0)) : 0;
  const double memory_seconds = bytes / rates.memory_bytes_per_s;
  work.seconds(lane) = std::max(matmul_seconds, memory_seconds) + rates.seconds_per_stage;
  work.bytes(lane) = bytes;
  if (device == ComputeDevice::kCpu) work.host_memory_seconds = memory_seconds;
  return work;
}

Work CostModel::GatherFromDiskWork(const StageShape& stage,
                                   const MicroBatchShape& micro_batch) const {
  // One row of each table; a row has the width of the hidden state.
  const double row_bytes = Count(model_.hidden_bytes_per_token) + kDiskBlockBytes;
  const double tables = Count(static_cast<int64_t>(stage.tensor_bytes.size()));
  const double all = Count(stage.weight_bytes());
  Work work;
  AddTransfer(work, Lane::kDiskRead,
              std::min(all, Count(micro_batch.num_rows) * tables * row_bytes));
  return work;
}

Work CostModel::AttendWork(ComputeDevice device, const MicroBatchShape& micro_batch) const {
  const double flops = 2 * Count(model_.head_dim + model_.v_head_dim) * Count(model_.num_q_heads) *
                       Count(micro_batch.attended_positions);
  const double bytes =
      Count(micro_batch.context_positions) * Count(model_.kv_bytes_per_token_layer);
  const DeviceRates& rates = Rates(device);
  Work work;
  work.seconds(LaneOf(device)) =
      std::max(flops / rates.attention_flops_per_s, bytes / rates.attention_bytes_per_s) +
      rates.seconds_per_stage;
  work.bytes(LaneOf(device)) = bytes;
  if (device == ComputeDevice::kCpu) {
    work.host_memory_seconds = bytes / profile_.cpu.memory_bytes_per_s;
  }
  return work;
}

Work CostModel::MoveKvWork(StepKind kind, double share, const MicroBatchShape& micro_batch) const {
  if (micro_batch.num_sequences == 0) return {};
  const bool comes = kind == StepKind::kReadKv || kind == StepKind::kCopyKvIn;
  const bool disk = kind == StepKind::kReadKv || kind == StepKind::kWriteKv;
  int64_t positions = 0;
  if (comes) {  // what was there before: new rows are still where they were computed
    positions = std::max<int64_t>(micro_batch.context_positions - micro_batch.num_rows, 0);
  } else {  // a row makes its whole page go back
    const int64_t rows_each =
        (micro_batch.num_rows + micro_batch.num_sequences - 1) / micro_batch.num_sequences;
    positions = micro_batch.num_sequences * RoundUp(rows_each, model_.kv_page_size);
  }
  Work work;
  const Lane lane = disk    ? (comes ? Lane::kDiskRead : Lane::kDiskWrite)
                    : comes ? Lane::kHostToDevice
                            : Lane::kDeviceToHost;
  AddTransfer(work, lane, Count(positions) * Count(model_.kv_bytes_per_token_layer) * share);
  return work;
}

Work CostModel::MoveHiddenWork(Lane lane, const MicroBatchShape& micro_batch) const {
  Work work;
  AddTransfer(work, lane, Count(micro_batch.num_rows) * Count(model_.hidden_bytes_per_token));
  return work;
}

bool CostModel::HiddenMoves(StepKind kind, const Policy& policy, size_t last_stage, int64_t index,
                            int64_t count) const {
  const TierShares& shares = policy.activations;
  const bool on_gpu = policy.stages[last_stage].device == ComputeDevice::kGpu;
  const bool leaves_gpu = on_gpu && HiddenLeavesGpu(shares, index, count);
  if (kind == StepKind::kParkHidden || kind == StepKind::kCopyHidden) return leaves_gpu;
  return (leaves_gpu || !on_gpu) && HiddenLeavesHost(shares, index, count);
}

Work CostModel::StreamWork(const StageShape& stage, Lane lane, double bytes,
                           int64_t pass_rows) const {
  if (stage.work == StageWork::kExperts && stage.num_experts > 0) {
    bytes *= ExpectedDistinctExperts(stage.num_experts, stage.experts_per_token, Count(pass_rows)) /
             Count(stage.num_experts);
  }
  Work work;
  AddTransfer(work, lane, bytes);
  return work;
}

Work CostModel::CopyHiddenWork(const StageShape& stage, Lane lane,
                               const MicroBatchShape& micro_batch) const {
  double row_bytes = Count(model_.hidden_bytes_per_token);
  if (stage.work == StageWork::kAttend) {
    // Queries, in the width of the hidden state's elements, and the new keys and values.
    const double element_bytes = row_bytes / Count(std::max<int64_t>(model_.hidden_dim, 1));
    row_bytes = Count(model_.num_q_heads * model_.head_dim) * element_bytes +
                Count(model_.kv_bytes_per_token_layer);
  }
  Work work;
  AddTransfer(work, lane, Count(micro_batch.num_rows) * row_bytes);
  return work;
}

Work CostModel::StepWork(const Step& step, const Policy& policy, const PassShape& pass) const {
  const StageShape& stage = model_.stages[step.stage];
  if (step.kind == StepKind::kReadWeights || step.kind == StepKind::kCopyWeights) {
    return StreamWork(stage, step.lane, Count(step.bytes), RowsOf(pass));
  }
  const int64_t count = static_cast<int64_t>(pass.micro_batches.size());
  if (step.micro_batch < 0 || step.micro_batch >= count) return {};
  const MicroBatchShape& micro_batch = pass.micro_batches[step.micro_batch];
  if (micro_batch.num_rows == 0) return {};
  switch (step.kind) {
    case StepKind::kReadKv:
    case StepKind::kWriteKv:
      return MoveKvWork(step.kind, KvDiskShare(policy.kv), micro_batch);
    case StepKind::kCopyKvIn:
    case StepKind::kCopyKvOut:
      return MoveKvWork(step.kind, 1, micro_batch);
    case StepKind::kCopyHidden:
      if (policy.stages[step.stage - 1].device != policy.stages[step.stage].device) {
        return CopyHiddenWork(stage, step.lane, micro_batch);
      }
      [[fallthrough]];  // it fetches rows that waited in host memory
    case StepKind::kReadHidden:
    case StepKind::kParkHidden:
    case StepKind::kWriteHidden: {
      const bool ends = step.kind == StepKind::kParkHidden || step.kind == StepKind::kWriteHidden;
      const size_t last_stage = static_cast<size_t>(ends ? step.stage : step.stage - 1);
      if (!HiddenMoves(step.kind, policy, last_stage, step.micro_batch, count)) return {};
      return MoveHiddenWork(step.lane, micro_batch);
    }
    default:
      break;
  }
  const StagePolicy& stage_policy = policy.stages[step.stage];
  if (stage.work == StageWork::kAttend) return AttendWork(stage_policy.device, micro_batch);
  Work work = ComputeWork(stage, stage_policy.device, micro_batch);
  if (stage.work == StageWork::kGather && BytesOn(stage, stage_policy, Tier::kDisk) > 0) {
    work += GatherFromDiskWork(stage, micro_batch);
  }
  return work;
}

double CostModel::Seconds(const Step& step, const Policy& policy, const PassShape& pass) const {
  const Work work = StepWork(step, policy, pass);
  return *std::max_element(work.lane_seconds.begin(), work.lane_seconds.end());
}

Work CostModel::PassWork(const Policy& policy, const PassShape& pass) const {
  const int64_t pass_rows = RowsOf(pass);
  Work total;
  ComputeDevice before = policy.stages.empty() ? ComputeDevice::kCpu : policy.stages[0].device;
  for (size_t index = 0; index < model_.stages.size(); ++index) {
    const StageShape& stage = model_.stages[index];
    const StagePolicy& stage_policy = policy.stages[index];
    const bool attends = stage.work == StageWork::kAttend;
    const ComputeDevice device = stage_policy.device;
    const bool outside = attends && !KvLiesOnGpu(policy.kv, stage.layer_index);
    if (!attends && stage.work != StageWork::kGather) {
      const double from_disk = BytesOn(stage, stage_policy, Tier::kDisk);
      const double from_host = BytesOn(stage, stage_policy, Tier::kHost);
      total += StreamWork(stage, Lane::kDiskRead, from_disk, pass_rows);
      if (device == ComputeDevice::kGpu) {
        total += StreamWork(stage, Lane::kHostToDevice, from_disk + from_host, pass_rows);
      }
    }
    for (size_t i = 0; i < pass.micro_batches.size(); ++i) {
      const MicroBatchShape& micro_batch = pass.micro_batches[i];
      const Step compute = {.lane = LaneOf(device),
                            .stage = static_cast<int32_t>(index),
                            .micro_batch = static_cast<int32_t>(i)};
      total += StepWork(compute, policy, pass);
      if (device != before) {
        const Lane lane = device == ComputeDevice::kGpu ? Lane::kHostToDevice : Lane::kDeviceToHost;
        total += CopyHiddenWork(stage, lane, micro_batch);
      }
      if (outside && policy.kv.disk > 0) {
        for (const StepKind kind : {StepKind::kReadKv, StepKind::kWriteKv}) {
          total += MoveKvWork(kind, KvDiskShare(policy.kv), micro_batch);
        }
      }
      if (outside && device == ComputeDevice::kGpu) {
        for (const StepKind kind : {StepKind::kCopyKvIn, StepKind::kCopyKvOut}) {
          total += MoveKvWork(kind, 1, micro_batch);
        }
      }
    }
    before = device;
  }
  const std::vector<StageTurn> turns = TurnsOf(model_);
  for (size_t turn = 0; turn + 1 < turns.size(); ++turn) {
    const size_t last = turns[turn].end - 1;
    const bool on_gpu = policy.stages[last].device == ComputeDevice::kGpu;
    const bool stays_there = policy.stages[last + 1].device == ComputeDevice::kGpu;
    for (size_t i = 0; i < pass.micro_batches.size(); ++i) {
      const auto add = [&](StepKind kind, Lane lane) {
        if (HiddenMoves(kind, policy, last, static_cast<int64_t>(i),
                        static_cast<int64_t>(pass.micro_batches.size()))) {
          total += MoveHiddenWork(lane, pass.micro_batches[i]);
        }
      };
      add(StepKind::kReadHidden, Lane::kDiskRead);
      add(StepKind::kWriteHidden, Lane::kDiskWrite);
      if (on_gpu) add(StepKind::kParkHidden, Lane::kDeviceToHost);
      if (on_gpu && stays_there) add(StepKind::kCopyHidden, Lane::kHostToDevice);
    }
  }
  return total;
}

}  // namespace strata
