// The options of "Metaspace", which is a pre-tokenizer and a decoder: spaces written as U+2581.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

struct Metaspace {
  // Where a replacement is put before the text: every word, only the beginning of the input, none.
  enum class Prepend { kAlways, kFirst, kNever };
  std::string replacement;  // one character
  Prepend prepend = Prepend::kAlways;
  bool split = true;
};

// Reads a "Metaspace" object, in its newer (prepend_scheme) and older (add_prefix_space) forms.
// InvalidArgument naming `origin`.
absl::StatusOr<Metaspace> ReadMetaspace(const nlohmann::json& object, absl::string_view origin);

}  // namespace strata
