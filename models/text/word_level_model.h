// The WordLevel model: a word is a token, or it is unknown. Immutable; any thread may encode.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "models/text/subword_model.h"
#include "models/text/vocabulary.h"

namespace strata {

class WordLevelModel final : public SubwordModel {
 public:
  // `vocabulary` must outlive the model. An `unk_token` that it lacks makes unknown words errors.
  WordLevelModel(const Vocabulary& vocabulary, absl::string_view unk_token)
      : vocabulary_(vocabulary), unk_id_(vocabulary.IdOf(unk_token)) {}

  absl::Status Encode(absl::string_view word, std::vector<int32_t>& ids) const override {
    std::optional<int32_t> id = vocabulary_.IdOf(word);
    if (!id.has_value()) id = unk_id_;
    if (!id.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", word, "' is not in the vocabulary and the model has no unknown token"));
    }
    ids.push_back(*id);
    return absl::OkStatus();
  }

 private:
  const Vocabulary& vocabulary_;
  const std::optional<int32_t> unk_id_;
};

}  // namespace strata
