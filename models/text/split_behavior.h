// What happens to the matches of a splitting pattern: dropped, kept apart, or joined to neighbours.
//
// The five "SplitDelimiterBehavior"s of Hugging Face's tokenizers. Pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/pre_tokenizer.h"
#include "models/text/regex.h"

namespace strata {

enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// The member `key` of `object`. InvalidArgument naming `origin`.
absl::StatusOr<SplitBehavior> ReadSplitBehavior(const nlohmann::json& object, absl::string_view key,
                                                absl::string_view origin);

// Which parts of a word count as delimiters: the matches, or what lies between them.
enum class Delimiters { kMatches, kGaps };

// Cuts `word` at `matches` (ordered, relative to the word's beginning) and appends the parts that
// are left to `words`.
void SplitWord(const SplitText::Word& word, const std::vector<RegexMatch>& matches,
               Delimiters delimiters, SplitBehavior behavior, std::vector<SplitText::Word>& words);

}  // namespace strata
