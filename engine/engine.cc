#include "engine/engine.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "engine/model_shape_of.h"
#include "engine/planning.h"
#include "engine/profile/machine_identity.h"
#include "kernels/base/status.h"
#include "kernels/cpu/cpu_backend.h"
#include "offload/plan/plan_table.h"
#include "offload/plan/schedule.h"
#include "offload/weights/quantize_checkpoint.h"

namespace strata {
namespace {

absl::StatusOr<std::unique_ptr<Backend>> MakeCpuBackend(const EngineOptions& options) {
  const int64_t num_threads = options.num_threads > 0 ? options.num_threads : NumUsableCores();
  return CpuBackend::Create({.num_threads = static_cast<int>(num_threads)});
}

// Opens the store with the places that the policy's schedule reads to.
absl::StatusOr<std::unique_ptr<WeightStore>> OpenWeights(
    TensorCatalog catalog, const ModelShape& model, const Policy& policy,
    const EngineOptions& options, DiskQueue* disk_queue, Device* gpu, MemoryBudget& budget) {
  // A gpu copies from memory that was pinned for it, not from mapped files.
  const bool load = options.placement.host_memory.has_value() || gpu != nullptr;
  WeightStoreOptions store = {.load_host_tensors = load,
                              .staging_bytes = policy.host_staging_bytes,
                              .staging_offsets = std::vector<int64_t>(model.stages.size(), -1),
                              .gpu = gpu,
                              .gpu_staging_bytes = policy.gpu_staging_bytes,
                              .gpu_staging_offsets = std::vector<int64_t>(model.stages.size(), -1),
                              .spill_directory = options.placement.disk_directory,
                              .disk_queue = disk_queue,
                              .budget = &budget};
  for (const StagePolicy& stage : policy.stages) {
    store.homes.push_back(stage.tensor_homes);
    store.on_gpu.push_back(stage.device == ComputeDevice::kGpu);
  }
  for (const Step& step : MakeSchedule(model, policy, 1).steps) {
    const size_t stage = static_cast<size_t>(step.stage);
    if (step.kind == StepKind::kReadWeights) store.staging_offsets[stage] = step.staging_offset;
    if (step.kind == StepKind::kCopyWeights) store.gpu_staging_offsets[stage] = step.staging_offset;
  }
  return WeightStore::Open(std::move(catalog), store);
}

// The catalog of a packed copy of the model's checkpoint, which is made if it is not there.
absl::StatusOr<TensorCatalog> PackedCatalog(const EngineOptions& options,
                                            const PlannedModel& model) {
  const std::vector<std::vector<TensorSpec>> units = WeightUnits(model.decoder);
  const std::string& directory = model.files.directory;
  STRATA_ASSIGN_OR_RETURN(const std::string copy, PackedCopyPath(options.cache_directory, directory,
                                                                 *options.weight_dtype));
  if (!std::filesystem::exists(copy)) {
    if (options.report) {
      options.report(absl::StrCat("packing the weights once, as ", DTypeName(*options.weight_dtype),
                                  ", into '", copy, "'"));
    }
    const int64_t num_threads = options.num_threads > 0 ? options.num_threads : NumUsableCores();
    const absl::Status packed = QuantizeCheckpoint({.directory = directory,
                                                    .dtype = *options.weight_dtype,
                                                    .output_directory = copy,
                                                    .num_threads = static_cast<int>(num_threads)},
                                                   units)
                                    .status();
    // Another process may have made it meanwhile.
    if (!packed.ok() && !std::filesystem::exists(copy)) return packed;
  }
  return TensorCatalog::OpenCheckpoint(copy, units, options.weight_dtype);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> Engine::Create(const EngineOptions& options) {
  STRATA_ASSIGN_OR_RETURN(PlannedModel model, PlanModel(options));
  if (!model.plan.fits) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the model does not fit the budgets; the smallest plan:\n",
                     FormatPlan(model.plan, model.profile)));
  }
  if (model.catalog.packs() && !options.cache_directory.empty()) {
    STRATA_ASSIGN_OR_RETURN(model.catalog, PackedCatalog(options, model));
  }
  std::unique_ptr<Engine> engine(new Engine(std::move(model.decoder), model.kv_dtype));
  engine->shape_ = std::move(model.shape);
  engine->profile_ = std::move(model.profile);
  engine->is_priced_ = model.is_priced;
  engine->plan_ = std::move(model.plan);
  engine->disk_directory_ = options.placement.disk_directory;
  engine->share_prefixes_ = options.placement.share_prefixes;

  if (!model.files.directory.empty()) {
    absl::StatusOr<std::unique_ptr<Tokenizer>> tokenizer = Tokenizer::Load(model.files.directory);
    if (tokenizer.ok()) {
      engine->tokenizer_ = *std::move(tokenizer);
    } else if (!absl::IsNotFound(tokenizer.status())) {
      return tokenizer.status();
    }
    STRATA_ASSIGN_OR_RETURN(engine->chat_template_, ChatTemplate::Load(model.files.directory));
    STRATA_ASSIGN_OR_RETURN(engine->generation_config_,
                            LoadGenerationConfig(model.files.directory));
  }

  engine->budget_ = std::make_unique<MemoryBudget>(model.limits);
  STRATA_ASSIGN_OR_RETURN(
      engine->program_charge_,
      MemoryCharge::Take(*engine->budget_, Tier::kHost, model.program_bytes, "the program itself"));
  const Policy& policy = engine->policy();
  if (options.make_gpu != nullptr) {
    STRATA_ASSIGN_OR_RETURN(engine->gpu_, options.make_gpu());
  }
  if (options.placement.host_memory.has_value() || options.make_gpu != nullptr ||
      policy.kv.disk > 0 || policy.activations.disk > 0 ||
      SmallestStaging(engine->shape_, policy).host_bytes > 0) {
    STRATA_ASSIGN_OR_RETURN(engine->disk_queue_, DiskQueue::Create({}));
  }
  STRATA_ASSIGN_OR_RETURN(
      engine->weights_,
      OpenWeights(std::move(model.catalog), engine->shape_, policy, options,
                  engine->disk_queue_.get(), engine->gpu_.device.get(), *engine->budget_));
  STRATA_ASSIGN_OR_RETURN(engine->backend_, MakeCpuBackend(options));
  return engine;
}

std::string Engine::DeviceName() const {
  if (gpu_.backend == nullptr) return backend_->Name();
  return absl::StrCat(gpu_.backend->Name(), " and ", backend_->Name());
}

std::vector<int32_t> Engine::eos_token_ids() const {
  if (!generation_config_.eos_token_ids.empty()) return generation_config_.eos_token_ids;
  if (!decoder_.config().eos_token_ids.empty()) return decoder_.config().eos_token_ids;
  if (tokenizer_ != nullptr && tokenizer_->eos_id().has_value()) return {*tokenizer_->eos_id()};
  return {};
}

}  // namespace strata
