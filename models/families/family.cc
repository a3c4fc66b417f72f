#include "models/families/family.h"

#include <array>

namespace strata {
namespace {

std::array<const Family*, 6> AllFamilies() {
  return {&LlamaFamily(), &MistralFamily(), &Qwen2Family(),
          &Qwen3Family(), &OptFamily(),     &Gpt2Family()};
}

}  // namespace

const Family* FindFamily(absl::string_view model_type) {
  for (const Family* family : AllFamilies()) {
    if (model_type == family->model_type) return family;
  }
  return nullptr;
}

std::vector<std::string> SupportedModelTypes() {
  std::vector<std::string> types;
  for (const Family* family : AllFamilies()) types.push_back(family->model_type);
  return types;
}

}  // namespace strata
