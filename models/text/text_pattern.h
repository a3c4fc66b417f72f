// A "pattern" object of tokenizer.json: a literal string or a regular expression.
//
// Shared by the Replace normalizer, the Replace decoder and the Split pre-tokenizer. Immutable.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/regex.h"

namespace strata {

class TextPattern {
 public:
  // `object` has the member "pattern": {"String": ...} or {"Regex": ...}. InvalidArgument naming
  // `origin`.
  static absl::StatusOr<TextPattern> Create(const nlohmann::json& object, absl::string_view origin);
  static TextPattern Literal(absl::string_view literal);
  static absl::StatusOr<TextPattern> Expression(absl::string_view expression,
                                                absl::string_view origin);

  // The string searched for; nullptr for a regular expression.
  const std::string* literal() const { return regex_ == nullptr ? &literal_ : nullptr; }

  // One thread's search over many texts.
  class Search {
   public:
    explicit Search(const TextPattern& pattern);  // `pattern` must outlive the search
    // Appends all matches from left to right.
    absl::Status FindAll(absl::string_view text, std::vector<RegexMatch>& matches);

   private:
    const TextPattern& pattern_;
    std::unique_ptr<RegexSearch> regex_search_;  // for a regular expression
  };

  // Replaces every match in `text` by `content`.
  absl::Status ReplaceAll(absl::string_view content, std::string& text) const;

 private:
  TextPattern() = default;

  std::string literal_;
  std::unique_ptr<Regex> regex_;
};

}  // namespace strata
