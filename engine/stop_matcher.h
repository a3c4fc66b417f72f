// StopMatcher: streams text up to the first stop string, also when one begins in one piece and ends
// in another. Text that may yet become a stop string is held back until it is decided.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata {

class StopMatcher {
 public:
  // Empty stop strings are ignored.
  explicit StopMatcher(std::vector<std::string> stop);

  // Adds a piece; returns the text that is now certain. After a match: the text up to the earliest
  // match and nothing ever after.
  std::string Push(absl::string_view piece);

  // The end of the text: what was held back, if no stop string was completed.
  std::string Finish();

  bool matched() const { return matched_; }

 private:
  std::vector<std::string> stop_;
  std::string held_;
  bool matched_ = false;
};

}  // namespace strata
