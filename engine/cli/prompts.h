// Prompts as users give them on the command line or in a file, and the token ids they become.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/engine.h"

namespace strata {

struct PromptOptions {
  std::vector<std::string> prompts;
  std::string prompt_file;  // one JSON string or object a line; empty: none
  std::string prompt_ids;   // "1,2,3"; empty: none
  bool chat = false;        // each prompt is a user turn of the model's chat template
  std::string system;       // of the chat; empty: none
};

// The token ids of every prompt, in the order given: --prompt, then the file, then the ids. Objects
// of the file have "prompt", "prompt_ids" or "messages". InvalidArgument naming the prompt or the
// line.
absl::StatusOr<std::vector<std::vector<int32_t>>> EncodePrompts(const PromptOptions& options,
                                                                const Engine& engine);

}  // namespace strata
