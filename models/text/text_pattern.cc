#include "models/text/text_pattern.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

// A replacement may enlarge a text; a hostile one must not fill the memory.
constexpr size_t kMaxReplacedBytes = size_t{1} << 30;

}  // namespace

TextPattern TextPattern::Literal(absl::string_view literal) {
  TextPattern pattern;
  pattern.literal_ = std::string(literal);
  return pattern;
}

absl::StatusOr<TextPattern> TextPattern::Expression(absl::string_view expression,
                                                    absl::string_view origin) {
  TextPattern pattern;
  STRATA_ASSIGN_OR_RETURN(pattern.regex_, Regex::Create(expression, origin));
  return pattern;
}

absl::StatusOr<TextPattern> TextPattern::Create(const nlohmann::json& object,
                                                absl::string_view origin) {
  if (!HasValue(object, "pattern") || !object["pattern"].is_object() ||
      object["pattern"].size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(origin, ": expected \"pattern\": {\"String\": ...} or {\"Regex\": ...}"));
  }
  const nlohmann::json& pattern = object["pattern"];
  if (HasValue(pattern, "String")) {
    STRATA_ASSIGN_OR_RETURN(const std::string literal, GetString(pattern, "String", origin));
    if (literal.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(origin, ": the pattern is empty"));
    }
    return Literal(literal);
  }
  STRATA_ASSIGN_OR_RETURN(const std::string expression, GetString(pattern, "Regex", origin));
  return Expression(expression, origin);
}

TextPattern::Search::Search(const TextPattern& pattern) : pattern_(pattern) {
  if (pattern.regex_ != nullptr) regex_search_ = std::make_unique<RegexSearch>(*pattern.regex_);
}

absl::Status TextPattern::Search::FindAll(absl::string_view text,
                                          std::vector<RegexMatch>& matches) {
  if (regex_search_ != nullptr) return regex_search_->FindAll(text, matches);
  const std::string& literal = pattern_.literal_;
  for (size_t at = text.find(literal); at != absl::string_view::npos;
       at = text.find(literal, at + literal.size())) {
    matches.push_back({at, at + literal.size()});
  }
  return absl::OkStatus();
}

absl::Status TextPattern::ReplaceAll(absl::string_view content, std::string& text) const {
  std::vector<RegexMatch> matches;
  STRATA_RETURN_IF_ERROR(Search(*this).FindAll(text, matches));
  if (matches.empty()) return absl::OkStatus();
  if (!content.empty() && matches.size() > (kMaxReplacedBytes - 1) / content.size()) {
    return absl::ResourceExhaustedError(absl::StrCat(matches.size(), " replacements of ",
                                                     content.size(), " bytes each, at most ",
                                                     kMaxReplacedBytes, " bytes in all"));
  }
  std::string out;
  out.reserve(text.size());
  size_t copied = 0;
  for (const RegexMatch& match : matches) {
    out.append(text, copied, match.begin - copied);
    out.append(content.data(), content.size());
    copied = match.end;
  }
  out.append(text, copied, std::string::npos);
  text = std::move(out);
  return absl::OkStatus();
}

}  // namespace strata
