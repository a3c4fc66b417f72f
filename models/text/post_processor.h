// What is put around an encoded text: the ids before and after it.
//
// The post-processors of tokenizer.json (TemplateProcessing, BertProcessing, RobertaProcessing,
// ByteLevel, Sequence), for a single text, come down to two lists of ids. Plain values.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

struct SpecialAffixes {
  std::vector<int32_t> prefix;
  std::vector<int32_t> suffix;

  bool operator==(const SpecialAffixes&) const = default;
};

// `object` is the JSON value, null for none. InvalidArgument / Unimplemented naming `origin` and
// the component: a template without the text or with two, a special token it does not define.
absl::StatusOr<SpecialAffixes> ReadPostProcessor(const nlohmann::json& object,
                                                 absl::string_view origin);

}  // namespace strata
