#include "engine/evaluate/accuracy.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace strata {

std::string AccuracyText(const Accuracy& accuracy) {
  const std::optional<double> standard_error = accuracy.StandardError();
  return absl::StrCat(
      absl::StrFormat("%.4f", accuracy.Mean()), " ± ",
      standard_error.has_value() ? absl::StrFormat("%.4f", *standard_error) : "N/A");
}

}  // namespace strata
