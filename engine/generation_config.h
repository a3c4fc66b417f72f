// GenerationConfig: the defaults a model's publisher gives in generation_config.json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/request.h"

namespace strata {

struct GenerationConfig {
  SamplingParams sampling;             // greedy unless the file says do_sample
  std::vector<int32_t> eos_token_ids;  // empty: the file names none
};

// Reads directory/generation_config.json; the defaults when there is no such file. InvalidArgument
// naming the file and the key.
absl::StatusOr<GenerationConfig> LoadGenerationConfig(const std::string& directory);

}  // namespace strata
