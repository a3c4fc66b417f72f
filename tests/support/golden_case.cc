#include "tests/support/golden_case.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "kernels/base/file.h"
#include "kernels/base/status.h"
#include "offload/checkpoint/safetensors_header.h"

namespace strata::testing {
namespace {

template <typename T>
std::vector<T> Values(const std::string& file, const SafetensorsTensor& tensor) {
  std::vector<T> values(static_cast<size_t>(tensor.shape.NumElements()));
  std::memcpy(values.data(), file.data() + tensor.file_offset, static_cast<size_t>(tensor.bytes));
  return values;
}

std::vector<int32_t> Ids(const std::string& file, const SafetensorsTensor& tensor) {
  const std::vector<int64_t> wide = Values<int64_t>(file, tensor);
  return std::vector<int32_t>(wide.begin(), wide.end());
}

}  // namespace

absl::StatusOr<GoldenCase> LoadGoldenCase(const std::string& name) {
  GoldenCase golden;
  golden.directory = absl::StrCat(STRATA_SOURCE_DIR, "/tests/golden/", name);
  const std::string path = absl::StrCat(golden.directory, "/golden.safetensors");
  STRATA_ASSIGN_OR_RETURN(const std::string file, ReadFile(path));
  STRATA_ASSIGN_OR_RETURN(const SafetensorsHeader header,
                          ParseSafetensorsHeader(file, static_cast<int64_t>(file.size()), path));
  for (const SafetensorsTensor& tensor : header.tensors) {
    if (tensor.name == "prompt_ids") golden.prompt_ids = Ids(file, tensor);
    if (tensor.name == "greedy_ids") golden.greedy_ids = Ids(file, tensor);
    if (tensor.name == "prefill_logits") {
      golden.prefill_logits = Values<float>(file, tensor);
      golden.vocab_size = tensor.shape[1];
    }
    if (tensor.name == "decode_logits") golden.decode_logits = Values<float>(file, tensor);
  }
  if (golden.prefill_logits.empty() || golden.decode_logits.empty()) {
    return absl::DataLossError(absl::StrCat(path, ": no logits"));
  }
  return golden;
}

std::vector<std::string> GoldenCaseNames() {
  return {"llama-mha",
          "llama-gqa-bf16",
          "llama-fp16",
          "llama-tied-sharded",
          "llama-head-dim",
          "llama-attention-bias",
          "llama-rope-linear",
          "llama-rope-dynamic",
          "llama-rope-dynamic-long-prompt",
          "llama3-rope",
          "llama3-rope-newest-form",
          "llama-rope-yarn",
          "llama-rope-yarn-mscale",
          "llama-rope-yarn-attention-factor",
          "mistral-sliding",
          "mistral-full",
          "qwen2",
          "qwen2-tied",
          "qwen2-sliding",
          "qwen3",
          "qwen3-tied",
          "opt-pre-norm",
          "opt-old-prefix",
          "opt-350m-style",
          "gpt2",
          "gpt2-transformer-prefix",
          "gpt2-layer-scale"};
}

}  // namespace strata::testing
