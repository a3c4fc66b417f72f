// What one rendering may use: a template is a program from a file that we did not write.
//
// Every loop, call, scan and allocation of the interpreter is charged to one Budget, so a rendering
// ends after bounded time, memory and stack whatever the template says. Text made step by step goes
// through BoundedText, which charges before it grows. One Budget belongs to one rendering and one
// thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata::jinja {

// Limits of one rendering. The defaults leave a conversation of a million tokens far below them.
struct RenderLimits {
  int64_t max_steps = 20'000'000;           // evaluated nodes, loop turns, scanned text / 256 bytes
  int64_t max_allocated_bytes = 256 << 20;  // all text and values ever made, freed ones included
  int64_t max_output_bytes = 64 << 20;      // the rendered text
  int max_depth = 800;                      // nested evaluations, macro calls included
};

// Lists and dicts may nest this deep (the JSON reader allows less).
inline constexpr int kMaxValueDepth = 128;

// Counts what a rendering used against its limits.
class Budget {
 public:
  explicit Budget(const RenderLimits& limits) : limits_(limits) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  // Counts `count` steps. ResourceExhausted when more were made than the limits allow.
  absl::Status Step(int64_t count = 1);
  // Counts `bytes` that are about to be allocated. ResourceExhausted.
  absl::Status Charge(int64_t bytes);
  // Steps for reading `bytes` of text once.
  absl::Status Scan(int64_t bytes) { return Step(bytes / 256); }
  // Steps for a search of `needle_bytes` in `haystack_bytes`, at its worst.
  absl::Status Search(int64_t haystack_bytes, int64_t needle_bytes);

  const RenderLimits& limits() const { return limits_; }

 private:
  friend class DepthGuard;

  const RenderLimits limits_;
  int64_t steps_ = 0;
  int64_t allocated_bytes_ = 0;
  int depth_ = 0;
};

// Holds one level of recursion for its lifetime; ask status() before going deeper.
class DepthGuard {
 public:
  explicit DepthGuard(Budget& budget) : budget_(budget) { ++budget_.depth_; }
  ~DepthGuard() { --budget_.depth_; }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;

  // ResourceExhausted when the recursion is deeper than the limits allow.
  absl::Status status() const;

 private:
  Budget& budget_;
};

// Text under construction whose growth is charged before it happens. After a failed Append the rest
// is ignored, and Finish returns the failure.
class BoundedText {
 public:
  explicit BoundedText(Budget& budget) : budget_(budget) {}

  // False once the budget is spent, so that loops can stop early.
  bool Append(absl::string_view piece);
  bool AppendRepeated(absl::string_view piece, int64_t count);
  bool AppendCodePoint(char32_t code_point);

  // Fails with `status` unless it is OK or a failure came before.
  bool Check(const absl::Status& status);

  Budget& budget() { return budget_; }
  size_t size() const { return text_.size(); }
  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }
  absl::StatusOr<std::string> Finish();

 private:
  Budget& budget_;
  std::string text_;
  absl::Status status_;
};

}  // namespace strata::jinja
