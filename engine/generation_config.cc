#include "engine/generation_config.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "models/config_reader.h"

namespace strata {

absl::StatusOr<GenerationConfig> LoadGenerationConfig(const std::string& directory) {
  const std::string path = absl::StrCat(directory, "/generation_config.json");
  GenerationConfig config;
  const absl::StatusOr<nlohmann::json> object = ReadJsonFile(path, 1 << 20);
  if (absl::IsNotFound(object.status())) return config;
  STRATA_RETURN_IF_ERROR(object.status());
  const ConfigReader reader(*object, path);
  STRATA_ASSIGN_OR_RETURN(config.eos_token_ids, reader.TokenIds("eos_token_id"));
  SamplingParams& sampling = config.sampling;
  STRATA_ASSIGN_OR_RETURN(sampling.repetition_penalty, reader.NumberOr("repetition_penalty", 1.0));
  STRATA_ASSIGN_OR_RETURN(const bool do_sample, reader.BoolOr("do_sample", false));
  if (do_sample) {
    STRATA_ASSIGN_OR_RETURN(sampling.temperature, reader.NumberOr("temperature", 1.0));
    STRATA_ASSIGN_OR_RETURN(const double top_k, reader.NumberOr("top_k", 50.0));
    sampling.top_k = static_cast<int64_t>(top_k);
    STRATA_ASSIGN_OR_RETURN(sampling.top_p, reader.NumberOr("top_p", 1.0));
    STRATA_ASSIGN_OR_RETURN(sampling.min_p, reader.NumberOr("min_p", 0.0));
  }
  return {config};
}

}  // namespace strata
