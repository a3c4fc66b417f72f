#include "models/text/jinja_budget.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/text/jinja_text.h"

namespace strata::jinja {

absl::Status Budget::Step(int64_t count) {
  if (count > limits_.max_steps - steps_) {
    steps_ = limits_.max_steps;
    return absl::ResourceExhaustedError(
        absl::StrCat("the template takes more than ", limits_.max_steps, " steps"));
  }
  steps_ += count;
  return absl::OkStatus();
}

absl::Status Budget::Charge(int64_t bytes) {
  if (bytes > limits_.max_allocated_bytes - allocated_bytes_) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the template makes more than ", limits_.max_allocated_bytes, " bytes of text and values"));
  }
  allocated_bytes_ += bytes;
  return absl::OkStatus();
}

absl::Status Budget::Search(int64_t haystack_bytes, int64_t needle_bytes) {
  const double worst = static_cast<double>(haystack_bytes) * static_cast<double>(needle_bytes);
  if (worst / 1024 > static_cast<double>(limits_.max_steps)) return Step(limits_.max_steps);
  return Step(haystack_bytes / 256 + static_cast<int64_t>(worst / 1024));
}

absl::Status DepthGuard::status() const {
  if (budget_.depth_ <= budget_.limits_.max_depth) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the template nests more than ", budget_.limits_.max_depth, " evaluations"));
}

bool BoundedText::Append(absl::string_view piece) {
  if (!Check(budget_.Charge(static_cast<int64_t>(piece.size())))) return false;
  text_.append(piece.data(), piece.size());
  return true;
}

bool BoundedText::AppendRepeated(absl::string_view piece, int64_t count) {
  if (count <= 0 || piece.empty()) return ok();
  const auto piece_bytes = static_cast<int64_t>(piece.size());
  if (count > std::numeric_limits<int64_t>::max() / piece_bytes) {
    return Check(budget_.Charge(std::numeric_limits<int64_t>::max()));
  }
  if (!Check(budget_.Charge(piece_bytes * count))) return false;
  for (int64_t i = 0; i < count; ++i) text_.append(piece.data(), piece.size());
  return true;
}

bool BoundedText::AppendCodePoint(char32_t code_point) {
  std::string encoded;
  AppendUtf8(code_point, &encoded);
  return Append(encoded);
}

bool BoundedText::Check(const absl::Status& status) {
  if (status_.ok() && !status.ok()) status_ = status;
  return status_.ok();
}

absl::StatusOr<std::string> BoundedText::Finish() {
  if (!status_.ok()) return status_;
  return std::move(text_);
}

}  // namespace strata::jinja
