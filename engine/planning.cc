#include "engine/planning.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/free_memory.h"
#include "engine/model_shape_of.h"
#include "engine/profile/machine_identity.h"
#include "kernels/base/packed_weights.h"
#include "kernels/base/status.h"
#include "kernels/device/buffer.h"
#include "offload/plan/check_policy.h"
#include "offload/plan/policy_search.h"
#include "offload/plan/staging_ring.h"

namespace strata {
namespace {

// Of default budgets, for what the system and the program need beside them.
constexpr double kDefaultShare = 0.9;

// What the program still takes after it has planned: stacks, the kernels' scratch, request queues.
constexpr int64_t kProgramMarginBytes = int64_t{24} << 20;

TierBytes LimitsOf(const PlacementOptions& options) {
  const auto share = [](int64_t bytes) {
    return static_cast<int64_t>(kDefaultShare * static_cast<double>(bytes));
  };
  TierBytes limits;
  limits.gpu = options.gpu_memory.value_or(0);
  limits.host = options.host_memory.value_or(share(FreeHostBytes()));
  limits.disk = options.disk_space.value_or(share(FreeDiskBytes(options.disk_directory)));
  return limits;
}

absl::Status CheckOptions(const PlacementOptions& options) {
  const bool by_hand = options.policy.has_value() || options.percent.has_value();
  if (options.policy.has_value() && options.percent.has_value()) {
    return absl::InvalidArgumentError("a policy and percentages exclude each other");
  }
  if (options.policy.has_value() &&
      (options.micro_batch_rows.has_value() || options.num_micro_batches.has_value())) {
    return absl::InvalidArgumentError(
        "a micro-batch size would have no effect beside a policy, which has its own");
  }
  if (by_hand && options.workload.objective == Objective::kLatency) {
    return absl::InvalidArgumentError(
        "an objective would have no effect beside a policy given by hand");
  }
  return absl::OkStatus();
}

// The policy that the options name, if they name one.
absl::StatusOr<std::optional<Policy>> PolicyByHand(const PlacementOptions& options,
                                                   const ModelShape& shape, DType kv_dtype,
                                                   bool has_gpu) {
  std::optional<Policy> policy = options.policy;
  if (options.percent.has_value()) {
    STRATA_ASSIGN_OR_RETURN(policy, PolicyFromPercent(shape, *options.percent, has_gpu));
    policy->kv_dtype = kv_dtype;
    policy->micro_batch_rows = options.micro_batch_rows.value_or(policy->micro_batch_rows);
    policy->num_micro_batches = options.num_micro_batches.value_or(policy->num_micro_batches);
  }
  if (policy.has_value() && policy->prefill_attend_device.has_value()) {
    return absl::UnimplementedError(
        "policy: prefill_attend_device: all passes attend on the device of their stage in this "
        "version");
  }
  if (policy.has_value())
    STRATA_RETURN_IF_ERROR(CheckPolicy(*policy, {.model = shape, .has_gpu = has_gpu}));
  return policy;
}

// Weights in the arena lie in whole disk blocks; other allocations round up by less.
int64_t PaddingBytes(const TensorCatalog& catalog) {
  int64_t bytes = Buffer::kHugePageBytes;
  for (const CatalogTensor& tensor : catalog.tensors()) {
    bytes += StagedBytes(tensor.bytes) - tensor.bytes;
  }
  return bytes;
}

// A modest gpu, for plans before one was measured.
void AddDefaultGpu(HardwareProfile& profile) {
  DeviceRates gpu = {.name = "a gpu as many are",
                     .memory_bytes_per_s = 300e9,
                     .attention_bytes_per_s = 200e9,
                     .attention_flops_per_s = 10e12,
                     .seconds_per_stage = 20e-6};
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    gpu.mat_mul.push_back({dtype, 1, 250e9});
    gpu.mat_mul.push_back({dtype, 512, 20e12});
  }
  for (const DType dtype : {DType::kInt8Weights64, DType::kInt4Weights64}) {
    gpu.mat_mul.push_back({dtype, 1, 4000e9 / PackedCodeBits(dtype)});
    gpu.mat_mul.push_back({dtype, 512, 20e12});
  }
  profile.gpu = std::move(gpu);
  profile.host_to_device = {.bytes_per_s = 12e9, .latency_s = 1e-5};
  profile.device_to_host = {.bytes_per_s = 12e9, .latency_s = 1e-5};
}

absl::Status FindPlan(const EngineOptions& options, PlannedModel& model) {
  PlacementOptions placement = options.placement;
  Workload& workload = placement.workload;
  const int64_t context = model.decoder.config().max_positions;
  workload.output_tokens = std::min(workload.output_tokens, context - 1);
  workload.prompt_tokens = std::min(workload.prompt_tokens, context - workload.output_tokens);
  workload.shared_prefix_tokens = std::min(workload.shared_prefix_tokens, workload.prompt_tokens);
  TierBytes budgets = model.limits;
  budgets.host =
      std::max<int64_t>(0, budgets.host - model.program_bytes - PaddingBytes(model.catalog));
  STRATA_ASSIGN_OR_RETURN(
      std::optional<Policy> policy,
      PolicyByHand(placement, model.shape, model.kv_dtype, options.make_gpu != nullptr));
  const bool by_hand = policy.has_value();
  if (!by_hand) {
    // Without a gpu there is nothing to decide when everything fits in host memory.
    Policy in_memory = AllInHostMemory(model.shape, model.kv_dtype);
    in_memory.micro_batch_rows = placement.micro_batch_rows.value_or(in_memory.micro_batch_rows);
    in_memory.num_micro_batches = placement.num_micro_batches.value_or(1);
    STRATA_RETURN_IF_ERROR(CheckPolicy(in_memory, {.model = model.shape}));
    const MemoryUse use = BytesByTier(model.shape, in_memory, placement.workload);
    const bool fits = MissingBytes(use, budgets) == TierBytes();
    if (fits && options.make_gpu == nullptr) policy = in_memory;
  }
  model.profile = DefaultProfile(options.num_threads > 0 ? options.num_threads : NumUsableCores());
  if (placement.profile != nullptr && (placement.always_price || !policy.has_value() || by_hand)) {
    STRATA_ASSIGN_OR_RETURN(model.profile, placement.profile());
    model.is_priced = true;
  } else if (placement.kept_profile != nullptr) {
    if (std::optional<HardwareProfile> kept = placement.kept_profile(); kept.has_value()) {
      model.profile = *std::move(kept);
      model.is_priced = true;
    }
  }
  if (options.make_gpu != nullptr && !model.profile.gpu.has_value()) AddDefaultGpu(model.profile);
  if (policy.has_value()) {
    model.plan =
        PlanOf(CostModel(model.shape, model.profile), *policy, placement.workload, budgets);
    return absl::OkStatus();
  }
  STRATA_ASSIGN_OR_RETURN(model.plan,
                          SearchPolicy(model.shape, model.profile, placement.workload, budgets,
                                       {.micro_batch_rows = placement.micro_batch_rows,
                                        .num_micro_batches = placement.num_micro_batches,
                                        .min_sequences = 1,
                                        .prompts_may_attend_elsewhere = false,  // in this version
                                        .kv_dtype = model.kv_dtype}));
  return absl::OkStatus();
}

}  // namespace

HardwareProfile DefaultProfile(int64_t num_threads) {
  const double threads = static_cast<double>(std::max<int64_t>(1, num_threads));
  const double memory = std::min(40e9, 12e9 * threads);
  HardwareProfile profile;
  profile.cpu = {.name = absl::StrCat("a cpu as many are, ", num_threads, " threads"),
                 .memory_bytes_per_s = memory,
                 .attention_bytes_per_s = 0.7 * memory,
                 .attention_flops_per_s = 20e9 * threads,
                 .seconds_per_stage = 10e-6};
  constexpr int64_t kInDim = 4096;
  for (const DType dtype :
       {DType::kF32, DType::kBF16, DType::kF16, DType::kInt8Weights64, DType::kInt4Weights64}) {
    const double weight_bytes = static_cast<double>(BytesOf(dtype, kInDim)) / kInDim;
    for (const int64_t rows : {1, 8, 64, 512}) {
      const double from_memory = 2.0 * static_cast<double>(rows) * memory / weight_bytes;
      profile.cpu.mat_mul.push_back({dtype, rows, std::min(from_memory, 50e9 * threads)});
    }
  }
  profile.disk_read = {.bytes_per_s = 1.5e9, .latency_s = 1e-4};
  profile.disk_write = {.bytes_per_s = 1.0e9, .latency_s = 1e-4};
  profile.cpu_share_beside_disk = 0.95;
  return profile;
}

absl::StatusOr<PlannedModel> PlanModel(const EngineOptions& options) {
  STRATA_RETURN_IF_ERROR(CheckOptions(options.placement));
  STRATA_ASSIGN_OR_RETURN(ModelFiles files, LocateModel(options.model, options.hub_cache));
  const bool dummy = options.load_format == LoadFormat::kDummy;
  if (files.directory.empty() && !dummy) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", options.model, "' is a config file without weights; use --load-format dummy"));
  }
  STRATA_ASSIGN_OR_RETURN(ModelConfig config, LoadModelConfig(files.config_path));
  const DType checkpoint_dtype = config.checkpoint_dtype;
  STRATA_ASSIGN_OR_RETURN(Decoder decoder, Decoder::Create(std::move(config)));
  const std::vector<std::vector<TensorSpec>> units = WeightUnits(decoder);
  TensorCatalog catalog;
  if (dummy) {
    catalog = TensorCatalog::MakeDummy(
        {.dtype = checkpoint_dtype, .packed_dtype = options.weight_dtype, .seed = options.seed},
        units);
  } else {
    STRATA_ASSIGN_OR_RETURN(
        catalog, TensorCatalog::OpenCheckpoint(files.directory, units, options.weight_dtype));
  }
  const DType kv_dtype = options.kv_dtype.value_or(checkpoint_dtype);
  PlannedModel model = {.files = std::move(files),
                        .decoder = std::move(decoder),
                        .catalog = std::move(catalog),
                        .kv_dtype = kv_dtype,
                        .limits = LimitsOf(options.placement),
                        .program_bytes = ProgramBytes() + kProgramMarginBytes};
  model.shape = ModelShapeOf(model.decoder, model.catalog, kv_dtype);
  STRATA_RETURN_IF_ERROR(FindPlan(options, model));
  return model;
}

}  // namespace strata
