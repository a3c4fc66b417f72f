// `strata info`: what a model is made of, from its config and headers alone; no weight is read.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/cli/model_options.h"
#include "models/config.h"

namespace strata {

struct ModelInfo {
  // One kind of stage over all layers.
  struct StageInfo {
    std::string name;  // "embed", "project", ...
    int64_t num_stages = 0;
    int64_t parameters = 0;  // of all of them
    int64_t bytes = 0;       // of all of them, as stored
  };

  ModelConfig config;
  std::string weight_format;  // "bf16", or several joined by "+"
  int64_t parameters = 0;     // distinct: a tied head counts once
  int64_t bytes = 0;          // likewise
  std::vector<StageInfo> stages;
  std::string kv_format;
  int64_t kv_bytes_per_token = 0;  // of all layers
  bool has_tokenizer = false;
  bool has_chat_template = false;
};

// Reads config, tokenizer and headers. Errors as Engine::Create.
absl::StatusOr<ModelInfo> ReadModelInfo(const EngineOptions& options);

struct InfoOptions {
  ModelOptions model;
  bool json = false;
};

// Prints the info; returns the exit code.
int RunInfo(const InfoOptions& options, std::ostream& out, std::ostream& err);

// Adds the verb to `app`; running it sets `exit_code`, which outlives the parsing.
void RegisterInfo(CLI::App& app, int& exit_code);

}  // namespace strata
