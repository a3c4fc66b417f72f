// The options that say how text is generated: --temperature, --top-k, --stop, --max-new-tokens, ...
// What the user does not give comes from the model's generation_config.json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/request.h"

namespace CLI {
class App;
}

namespace strata {

struct SamplingOptions {
  std::optional<double> temperature;
  std::optional<int64_t> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
  std::optional<double> presence_penalty;
  std::optional<double> frequency_penalty;
  std::vector<std::string> stop;
  int64_t max_new_tokens = 128;
  bool ignore_eos = false;
  int64_t num_samples = 1;
};

// Adds the options to a verb; `options` outlives the parsing.
void AddSamplingOptions(CLI::App& verb, SamplingOptions& options);

// A request without prompt: the user's options over the model's defaults.
Request MakeRequest(const SamplingOptions& options, const Engine& engine, uint64_t seed);

}  // namespace strata
