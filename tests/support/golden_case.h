// The golden files of tests/golden, read without Python: what transformers computed for a
// checkpoint.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace strata::testing {

struct GoldenCase {
  std::string directory;              // the checkpoint
  std::vector<int32_t> prompt_ids;    // [prompt_len]
  std::vector<int32_t> greedy_ids;    // [num_steps]
  std::vector<float> prefill_logits;  // [prompt_len, vocab_size]
  std::vector<float> decode_logits;   // [num_steps, vocab_size]; row 0 is prefill's last
  int64_t vocab_size = 0;
};

absl::StatusOr<GoldenCase> LoadGoldenCase(const std::string& name);

// Decoder-only cases whose family Strata has, by folder name.
std::vector<std::string> GoldenCaseNames();

}  // namespace strata::testing
