#include "engine/stop_matcher.h"

#include <algorithm>

namespace strata {
namespace {

// Length of the longest end of `text` that is a proper beginning of `stop`.
size_t OpenPrefix(absl::string_view text, absl::string_view stop) {
  for (size_t length = std::min(text.size(), stop.size() - 1); length > 0; --length) {
    if (text.substr(text.size() - length) == stop.substr(0, length)) return length;
  }
  return 0;
}

}  // namespace

StopMatcher::StopMatcher(std::vector<std::string> stop) : stop_(std::move(stop)) {
  stop_.erase(std::remove(stop_.begin(), stop_.end(), ""), stop_.end());
}

std::string StopMatcher::Push(absl::string_view piece) {
  if (matched_) return "";
  held_.append(piece.data(), piece.size());
  size_t match = std::string::npos;
  size_t open = 0;
  for (const std::string& stop : stop_) {
    match = std::min(match, held_.find(stop));
    open = std::max(open, OpenPrefix(held_, stop));
  }
  matched_ = match != std::string::npos;
  const size_t certain = matched_ ? match : held_.size() - open;
  std::string text = held_.substr(0, certain);
  held_.erase(0, matched_ ? held_.size() : certain);
  return text;
}

std::string StopMatcher::Finish() {
  std::string text;
  text.swap(held_);
  return text;
}

}  // namespace strata
