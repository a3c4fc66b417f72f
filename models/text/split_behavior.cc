#include "models/text/split_behavior.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

struct Part {
  size_t begin = 0;
  size_t end = 0;
  bool delimiter = false;
};

std::vector<Part> Cut(size_t size, const std::vector<RegexMatch>& matches, Delimiters delimiters) {
  const bool match_delimits = delimiters == Delimiters::kMatches;
  std::vector<Part> parts;
  parts.reserve(2 * matches.size() + 1);
  size_t end = 0;
  for (const RegexMatch& match : matches) {
    if (match.begin > end) parts.push_back({end, match.begin, !match_delimits});
    parts.push_back({match.begin, match.end, match_delimits});
    end = match.end;
  }
  if (end < size) parts.push_back({end, size, !match_delimits});
  return parts;
}

// Joins each delimiter to the part before it, unless that is a delimiter too.
std::vector<Part> MergeWithPrevious(const std::vector<Part>& parts) {
  std::vector<Part> merged;
  bool after_delimiter = false;
  for (const Part& part : parts) {
    if (part.delimiter && !after_delimiter && !merged.empty()) {
      merged.back().end = part.end;
    } else {
      merged.push_back(part);
    }
    after_delimiter = part.delimiter;
  }
  return merged;
}

std::vector<Part> MergeWithNext(const std::vector<Part>& parts) {
  std::vector<Part> merged;
  bool before_delimiter = false;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->delimiter && !before_delimiter && !merged.empty()) {
      merged.back().begin = part->begin;
    } else {
      merged.push_back(*part);
    }
    before_delimiter = part->delimiter;
  }
  std::reverse(merged.begin(), merged.end());
  return merged;
}

std::vector<Part> MergeAlike(const std::vector<Part>& parts) {
  std::vector<Part> merged;
  for (const Part& part : parts) {
    if (!merged.empty() && merged.back().delimiter == part.delimiter) {
      merged.back().end = part.end;
    } else {
      merged.push_back(part);
    }
  }
  return merged;
}

}  // namespace

absl::StatusOr<SplitBehavior> ReadSplitBehavior(const nlohmann::json& object, absl::string_view key,
                                                absl::string_view origin) {
  STRATA_ASSIGN_OR_RETURN(const std::string name, GetString(object, key, origin));
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return absl::InvalidArgumentError(absl::StrCat(origin, ": unknown split behavior '", name, "'"));
}

void SplitWord(const SplitText::Word& word, const std::vector<RegexMatch>& matches,
               Delimiters delimiters, SplitBehavior behavior, std::vector<SplitText::Word>& words) {
  std::vector<Part> parts = Cut(word.end - word.begin, matches, delimiters);
  switch (behavior) {
    case SplitBehavior::kIsolated:
    case SplitBehavior::kRemoved:
      break;
    case SplitBehavior::kMergedWithPrevious:
      parts = MergeWithPrevious(parts);
      break;
    case SplitBehavior::kMergedWithNext:
      parts = MergeWithNext(parts);
      break;
    case SplitBehavior::kContiguous:
      parts = MergeAlike(parts);
      break;
  }
  for (const Part& part : parts) {
    if (part.begin == part.end) continue;
    if (part.delimiter && behavior == SplitBehavior::kRemoved) continue;
    words.push_back(
        {word.begin + part.begin, word.begin + part.end, word.at_beginning && part.begin == 0});
  }
}

}  // namespace strata
