// Regular expressions as tokenizer files write them.
//
// The files are made for Oniguruma (Ruby syntax); we match with PCRE2, so a pattern is first
// rewritten where the two differ in meaning, and refused where it cannot be (see
// regex_syntax.h). A Regex is immutable and shared by threads; a RegexSearch is one thread's
// scratch memory. Compiled just in time where PCRE2 can.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

class Regex {
 public:
  // Compiles `pattern` (Oniguruma syntax). InvalidArgument naming `origin` and the position.
  static absl::StatusOr<std::unique_ptr<Regex>> Create(absl::string_view pattern,
                                                       absl::string_view origin);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

 private:
  friend class RegexSearch;
  struct Code;
  explicit Regex(std::unique_ptr<Code> code);

  const std::unique_ptr<Code> code_;
};

// Half-open byte range of a match.
struct RegexMatch {
  size_t begin = 0;
  size_t end = 0;
};

class RegexSearch {
 public:
  // `regex` must outlive the search.
  explicit RegexSearch(const Regex& regex);
  ~RegexSearch();
  RegexSearch(const RegexSearch&) = delete;
  RegexSearch& operator=(const RegexSearch&) = delete;

  // Appends all matches in `text` (valid UTF-8), from left to right, without overlap; an empty
  // match right after another match is skipped. ResourceExhausted when a match backtracks too much.
  absl::Status FindAll(absl::string_view text, std::vector<RegexMatch>& matches);

 private:
  struct Scratch;

  absl::Status Match(absl::string_view text, size_t offset, int& num_groups);

  const Regex& regex_;
  const std::unique_ptr<Scratch> scratch_;
};

}  // namespace strata
