#include "engine/engine.h"

#include <sched.h>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cuda/cuda_backend.h"

namespace strata {
namespace {

// Cores that this process may run on: a container's or taskset's share, not the machine's.
int64_t NumUsableCores() {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0) return 1;
  return CPU_COUNT(&cores);
}

absl::StatusOr<std::unique_ptr<Backend>> MakeBackend(const EngineOptions& options) {
  if (options.device.kind != DeviceChoice::Kind::kCpu) {
    absl::StatusOr<std::unique_ptr<Backend>> cuda = CreateCudaBackend(options.device.index);
    const bool wanted = options.device.kind == DeviceChoice::Kind::kCuda;
    if (cuda.ok() || wanted || !absl::IsUnavailable(cuda.status())) return cuda;
  }
  const int64_t num_threads = options.num_threads > 0 ? options.num_threads : NumUsableCores();
  return CpuBackend::Create({.num_threads = static_cast<int>(num_threads)});
}

}  // namespace

std::vector<std::vector<TensorSpec>> WeightUnits(const Decoder& decoder) {
  std::vector<std::vector<TensorSpec>> units;
  for (const Stage& stage : decoder.stages()) units.push_back(stage.tensors);
  return units;
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Create(const EngineOptions& options) {
  STRATA_ASSIGN_OR_RETURN(const ModelFiles files, LocateModel(options.model, options.hub_cache));
  const bool dummy = options.load_format == LoadFormat::kDummy;
  if (files.directory.empty() && !dummy) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", options.model, "' is a config file without weights; use --load-format dummy"));
  }
  STRATA_ASSIGN_OR_RETURN(ModelConfig config, LoadModelConfig(files.config_path));
  const DType checkpoint_dtype = config.checkpoint_dtype;
  STRATA_ASSIGN_OR_RETURN(Decoder decoder, Decoder::Create(std::move(config)));
  std::unique_ptr<Engine> engine(
      new Engine(std::move(decoder), options.kv_dtype.value_or(checkpoint_dtype)));

  if (!files.directory.empty()) {
    absl::StatusOr<std::unique_ptr<Tokenizer>> tokenizer = Tokenizer::Load(files.directory);
    if (tokenizer.ok()) {
      engine->tokenizer_ = *std::move(tokenizer);
    } else if (!absl::IsNotFound(tokenizer.status())) {
      return tokenizer.status();
    }
    STRATA_ASSIGN_OR_RETURN(engine->chat_template_, ChatTemplate::Load(files.directory));
    STRATA_ASSIGN_OR_RETURN(engine->generation_config_, LoadGenerationConfig(files.directory));
  }

  const std::vector<std::vector<TensorSpec>> units = WeightUnits(engine->decoder_);
  if (dummy) {
    STRATA_ASSIGN_OR_RETURN(
        engine->weights_,
        WeightStore::MakeDummy({.dtype = checkpoint_dtype, .seed = options.seed}, units));
  } else {
    STRATA_ASSIGN_OR_RETURN(engine->weights_, WeightStore::OpenCheckpoint(files.directory, units));
  }
  STRATA_ASSIGN_OR_RETURN(engine->backend_, MakeBackend(options));
  return engine;
}

std::vector<int32_t> Engine::eos_token_ids() const {
  if (!generation_config_.eos_token_ids.empty()) return generation_config_.eos_token_ids;
  if (!decoder_.config().eos_token_ids.empty()) return decoder_.config().eos_token_ids;
  if (tokenizer_ != nullptr && tokenizer_->eos_id().has_value()) return {*tokenizer_->eos_id()};
  return {};
}

}  // namespace strata
