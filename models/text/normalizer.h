// The normalizer of a tokenizer: what happens to text before it is split.
//
// Built from the "normalizer" object of tokenizer.json: NFC, NFD, NFKC, NFKD, Lowercase, Strip,
// StripAccents, Prepend, Replace, Precompiled, Nmt and Sequence, with Hugging Face's meaning.
// Immutable; any thread may call Apply.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

class Normalizer {
 public:
  virtual ~Normalizer() = default;

  // Rewrites `text` (valid UTF-8 before and after). ResourceExhausted when a regular expression
  // backtracks too much or the text grows without measure.
  virtual absl::Status Apply(std::string& text) const = 0;

  // `object` is the JSON value, null for the identity. InvalidArgument / Unimplemented naming
  // `origin` and the component.
  static absl::StatusOr<std::unique_ptr<Normalizer>> Create(const nlohmann::json& object,
                                                            absl::string_view origin);

 protected:
  Normalizer() = default;
};

}  // namespace strata
