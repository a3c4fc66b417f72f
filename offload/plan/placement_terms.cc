#include "offload/plan/placement_terms.h"

#include <algorithm>
#include <tuple>

#include "offload/plan/hidden_places.h"
#include "offload/plan/kv_layers.h"
#include "offload/plan/memory_use.h"
#include "offload/plan/spread_tensors.h"
#include "offload/plan/staging_ring.h"
#include "offload/plan/workload_passes.h"

namespace strata {
namespace {

bool SameClass(const StageShape& a, const StageShape& b) {
  return std::tie(a.work, a.tensor_bytes, a.tensor_is_shared, a.matmul_weights, a.num_experts,
                  a.experts_per_token, a.stage_experts) ==
         std::tie(b.work, b.tensor_bytes, b.tensor_is_shared, b.matmul_weights, b.num_experts,
                  b.experts_per_token, b.stage_experts);
}

bool IsSharedByALaterStage(const ModelShape& model, size_t gather) {
  for (size_t i = gather + 1; i < model.stages.size(); ++i) {
    for (size_t j = 0; j < model.stages[i].tensor_bytes.size(); ++j) {
      const std::optional<TensorPlace> owner = OwnerOf(model, {i, j});
      if (owner.has_value() && owner->stage == gather) return true;
    }
  }
  return false;
}

// Micro-batches of equal shape, counted: passes hold thousands of them, of few shapes.
struct CountedShape {
  MicroBatchShape shape;
  double count = 0;
};

struct PhaseShapes {
  std::vector<CountedShape> micro_batches;
  std::vector<int64_t> pass_rows;
  int64_t most_micro_batches = 0;

  explicit PhaseShapes(const std::vector<PassShape>& passes) {
    for (const PassShape& pass : passes) {
      int64_t rows = 0;
      for (const MicroBatchShape& micro_batch : pass.micro_batches) {
        rows += micro_batch.num_rows;
        const auto same =
            std::find_if(micro_batches.rbegin(), micro_batches.rend(),
                         [&](const CountedShape& counted) { return counted.shape == micro_batch; });
        if (same != micro_batches.rend()) {
          same->count += 1;
        } else {
          micro_batches.push_back({micro_batch, 1});
        }
      }
      pass_rows.push_back(rows);
      most_micro_batches =
          std::max(most_micro_batches, static_cast<int64_t>(pass.micro_batches.size()));
    }
  }
};

class TermsBuilder {
 public:
  TermsBuilder(const CostModel& cost_model, const Workload& workload,
               const DiscreteChoices& choices)
      : cost_(cost_model),
        model_(cost_model.model()),
        choices_(choices),
        policy_(PolicyOf(choices, model_)),
        prefill_(PrefillPasses(workload, policy_)),
        decode_(DecodePasses(workload, policy_, MeanDecodeContext(workload))) {}

  const Policy& policy() const { return policy_; }
  const PhaseShapes& prefill() const { return prefill_; }
  const PhaseShapes& decode() const { return decode_; }

  ModeTerms ClassTerms(const StageClass& stage_class) const {
    const StageShape& stage = model_.stages[stage_class.stages.front()];
    ModeTerms terms;
    for (size_t index = 0; index < kNumPlaceModes; ++index) {
      const PlaceMode mode = static_cast<PlaceMode>(index);
      const ComputeDevice device = DeviceOf(mode);
      if (device == ComputeDevice::kGpu && !choices_.uses_gpu) continue;
      const bool may_stream = choices_.streams_to_gpu && stage.work != StageWork::kGather;
      if (device == ComputeDevice::kGpu && mode != PlaceMode::kGpu && !may_stream) continue;
      terms[index] = {.allowed = true,
                      .prefill = PhaseWork(stage, mode, prefill_),
                      .decode = PhaseWork(stage, mode, decode_)};
      const int64_t count = static_cast<int64_t>(stage_class.stages.size());
      terms[index].prefill *= static_cast<double>(count);
      terms[index].decode *= static_cast<double>(count);
      AddMemory(stage, mode, count, stage_class.follows_head, terms[index]);
    }
    return terms;
  }

  // If all micro-batches that wait did so on `tier`.
  ChoiceTerms ActivationTerms(Tier tier, const Workload& workload, bool may_be_on_disk) const {
    const RowCounts rows = MostRows(workload, policy_);
    const bool leaves = rows.micro_batches > kNumHiddenVisitors;
    ChoiceTerms terms = {.allowed =
                             tier == Tier::kHost ||
                             (tier == Tier::kGpu ? choices_.uses_gpu : may_be_on_disk && leaves)};
    if (!terms.allowed) return terms;
    const int64_t waiting =
        (rows.pass_rows - rows.micro_batch_rows) * model_.hidden_bytes_per_token;
    terms.memory[tier] = waiting;
    if (tier == Tier::kGpu) terms.memory.host = waiting;  // it may be computed on either
    if (!leaves || tier == Tier::kGpu) return terms;
    std::vector<Lane> lanes;
    if (choices_.uses_gpu) lanes = {Lane::kHostToDevice, Lane::kDeviceToHost};
    if (tier == Tier::kDisk) lanes.insert(lanes.end(), {Lane::kDiskRead, Lane::kDiskWrite});
    const double times = static_cast<double>(TurnsOf(model_).size()) - 1;
    const auto phase_work = [&](const PhaseShapes& phase) {
      Work sum;
      if (phase.most_micro_batches <= kNumHiddenVisitors) return sum;
      for (const CountedShape& counted : phase.micro_batches) {
        Work work;
        for (const Lane lane : lanes) work += cost_.MoveHiddenWork(lane, counted.shape);
        work *= counted.count * times;
        sum += work;
      }
      return sum;
    };
    terms.prefill = phase_work(prefill_);
    terms.decode = phase_work(decode_);
    return terms;
  }

  // If the KV rows of all layers lay and were attended as the mode says.
  ModeTerms KvTerms(const Workload& workload) const {
    const double num_attends = static_cast<double>(NumAttends(model_));
    const int64_t slots = kNumKvSlots * KvSlotBytes(model_, policy_, workload);
    ModeTerms terms;
    for (size_t index = 0; index < kNumPlaceModes; ++index) {
      const PlaceMode mode = static_cast<PlaceMode>(index);
      const Tier home = HomeOf(mode);
      const ComputeDevice device = DeviceOf(mode);
      if (device == ComputeDevice::kGpu && !choices_.uses_gpu) continue;
      if (home == Tier::kDisk && !choices_.kv_may_be_on_disk) continue;
      if (home != Tier::kGpu && choices_.attend_device.value_or(device) != device) continue;
      const ComputeDevice in_prefill =
          home == Tier::kGpu ? device : choices_.prefill_attend_device.value_or(device);
      terms[index] = {.allowed = true,
                      .prefill = KvPhaseWork(home, in_prefill, prefill_),
                      .decode = KvPhaseWork(home, device, decode_)};
      terms[index].prefill *= num_attends;
      terms[index].decode *= num_attends;
      terms[index].memory[home] = KvBytes(model_, workload);
      if (home == Tier::kDisk) terms[index].memory.host += slots;
      if (home == Tier::kGpu) continue;
      terms[index].memory.gpu +=
          KvGpuSlotBytes(model_, policy_, workload, device == ComputeDevice::kGpu,
                         in_prefill == ComputeDevice::kGpu);
    }
    return terms;
  }

 private:
  // Of one layer.
  Work KvPhaseWork(Tier home, ComputeDevice device, const PhaseShapes& phase) const {
    std::vector<StepKind> moves;
    if (home == Tier::kDisk) moves = {StepKind::kReadKv, StepKind::kWriteKv};
    if (home != Tier::kGpu && device == ComputeDevice::kGpu) {
      moves.insert(moves.end(), {StepKind::kCopyKvIn, StepKind::kCopyKvOut});
    }
    Work sum;
    for (const CountedShape& counted : phase.micro_batches) {
      Work work = cost_.AttendWork(device, counted.shape);
      for (const StepKind kind : moves) work += cost_.MoveKvWork(kind, 1, counted.shape);
      work *= counted.count;
      sum += work;
    }
    return sum;
  }

  Work PhaseWork(const StageShape& stage, PlaceMode mode, const PhaseShapes& phase) const {
    const ComputeDevice device = DeviceOf(mode);
    const bool gathers = stage.work == StageWork::kGather;
    Work sum;
    for (const CountedShape& counted : phase.micro_batches) {
      Work work = cost_.ComputeWork(stage, device, counted.shape);
      if (gathers && HomeOf(mode) == Tier::kDisk) {
        work += cost_.GatherFromDiskWork(stage, counted.shape);
      }
      work *= counted.count;
      sum += work;
    }
    if (gathers) return sum;
    const double bytes = static_cast<double>(stage.weight_bytes());
    for (const int64_t rows : phase.pass_rows) {
      if (HomeOf(mode) == Tier::kDisk) {
        sum += cost_.StreamWork(stage, Lane::kDiskRead, bytes, rows);
      }
      if (device == ComputeDevice::kGpu && HomeOf(mode) != Tier::kGpu) {
        sum += cost_.StreamWork(stage, Lane::kHostToDevice, bytes, rows);
      }
    }
    return sum;
  }

  void AddMemory(const StageShape& stage, PlaceMode mode, int64_t count, bool follows_head,
                 ChoiceTerms& terms) const {
    const ComputeDevice device = DeviceOf(mode);
    const Tier fastest = device == ComputeDevice::kGpu ? Tier::kGpu : Tier::kHost;
    int64_t ring_bytes = 0;
    for (size_t j = 0; j < stage.tensor_bytes.size(); ++j) {
      const bool small = IsSmallTensor(stage, j);
      const Tier home = small ? fastest : HomeOf(mode);
      if (!small) ring_bytes += StagedBytes(stage.tensor_bytes[j]);
      // The head pays for a tied table.
      if (follows_head) continue;
      terms.memory[home] += count * stage.tensor_bytes[j];
    }
    terms.memory.disk = 0;  // weights on disk are the checkpoint's
    if (stage.work == StageWork::kGather) return;
    ring_bytes *= choices_.ring_stages;
    if (HomeOf(mode) == Tier::kDisk) terms.host_ring_bytes = ring_bytes;
    if (device == ComputeDevice::kGpu && HomeOf(mode) != Tier::kGpu) {
      terms.gpu_ring_bytes = ring_bytes;
    }
  }

  const CostModel& cost_;
  const ModelShape& model_;
  const DiscreteChoices& choices_;
  const Policy policy_;
  const PhaseShapes prefill_;
  const PhaseShapes decode_;
};

}  // namespace

std::vector<StageClass> ClassesOf(const ModelShape& model) {
  std::vector<StageClass> classes;
  for (size_t i = 0; i < model.stages.size(); ++i) {
    const StageShape& stage = model.stages[i];
    if (stage.work == StageWork::kAttend) continue;
    const auto same =
        std::find_if(classes.begin(), classes.end(), [&](const StageClass& stage_class) {
          return SameClass(model.stages[stage_class.stages.front()], stage);
        });
    if (same != classes.end()) {
      same->stages.push_back(i);
    } else {
      classes.push_back(
          {.stages = {i},
           .follows_head = stage.work == StageWork::kGather && IsSharedByALaterStage(model, i)});
    }
  }
  return classes;
}

Policy PolicyOf(const DiscreteChoices& choices, const ModelShape& model) {
  Policy policy = {.micro_batch_rows = choices.micro_batch_rows,
                   .num_micro_batches = choices.num_micro_batches,
                   .micro_batch_sequences = choices.micro_batch_sequences,
                   .prefill_attend_device = choices.prefill_attend_device};
  if (choices.uses_gpu) policy.activations = {.gpu = 1, .host = 0, .disk = 0};
  const ComputeDevice device = choices.uses_gpu ? ComputeDevice::kGpu : ComputeDevice::kCpu;
  for (const StageShape& stage : model.stages) {
    policy.stages.push_back({std::vector<Tier>(stage.tensor_bytes.size(), Tier::kHost), device});
  }
  return policy;
}

PlacementProblem MakePlacementProblem(const CostModel& cost_model,
                                      const std::vector<StageClass>& classes,
                                      const Workload& workload, const DiscreteChoices& choices,
                                      const TierBytes& budgets) {
  Workload block = workload;
  block.num_sequences = choices.num_sequences;
  const TermsBuilder builder(cost_model, block, choices);
  PlacementProblem problem = {
      .fixed_memory = ActivationBytes(cost_model.model(), builder.policy(), block),
      .budgets = budgets,
      .decode_passes = static_cast<double>(std::max<int64_t>(workload.output_tokens - 1, 0)),
      .cpu_share_beside_disk = cost_model.profile().cpu_share_beside_disk,
      .disk_share_beside_cpu = cost_model.profile().disk_share_beside_cpu};
  const auto per_pass = [](const PhaseShapes& phase) {
    double count = 0;
    for (const CountedShape& counted : phase.micro_batches) count += counted.count;
    return std::max(count / std::max<double>(static_cast<double>(phase.pass_rows.size()), 1), 1.0);
  };
  if (choices.devices_overlap) {
    problem.prefill_micro_batches = per_pass(builder.prefill());
    problem.decode_micro_batches = per_pass(builder.decode());
  }
  for (const StageClass& stage_class : classes) {
    problem.classes.push_back(builder.ClassTerms(stage_class));
  }
  problem.kv = builder.KvTerms(block);
  for (const Tier tier : kTiers) {
    const ChoiceTerms terms = builder.ActivationTerms(tier, block, budgets.disk > 0);
    // Counted there as the policy without homes has them.
    if (tier == (choices.uses_gpu ? Tier::kGpu : Tier::kHost)) {
      problem.fixed_memory.gpu -= terms.memory.gpu;
      problem.fixed_memory.host -= terms.memory.host;
    }
    problem.activations[static_cast<size_t>(tier)] = terms;
  }
  return problem;
}

}  // namespace strata
