#include "engine/request.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace strata {

const char* FinishReasonName(FinishReason reason) {
  return reason == FinishReason::kStop ? "stop" : "length";
}

absl::Status Validate(const SamplingParams& sampling) {
  const auto error = [](absl::string_view name, double value, absl::string_view expected) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": expected ", expected, ", got ", value));
  };
  // Written so that NaN fails each of them.
  if (!(sampling.temperature >= 0.0 && sampling.temperature <= 100.0)) {
    return error("temperature", sampling.temperature, "a number in [0, 100]");
  }
  if (sampling.top_k < 0) {
    return error("top_k", static_cast<double>(sampling.top_k), "0 (all) or more");
  }
  if (!(sampling.top_p > 0.0 && sampling.top_p <= 1.0)) {
    return error("top_p", sampling.top_p, "a number in (0, 1]");
  }
  if (!(sampling.min_p >= 0.0 && sampling.min_p <= 1.0)) {
    return error("min_p", sampling.min_p, "a number in [0, 1]");
  }
  if (!(sampling.repetition_penalty > 0.0 && sampling.repetition_penalty <= 100.0)) {
    return error("repetition_penalty", sampling.repetition_penalty, "a number in (0, 100]");
  }
  if (!(sampling.presence_penalty >= -100.0 && sampling.presence_penalty <= 100.0)) {
    return error("presence_penalty", sampling.presence_penalty, "a number in [-100, 100]");
  }
  if (!(sampling.frequency_penalty >= -100.0 && sampling.frequency_penalty <= 100.0)) {
    return error("frequency_penalty", sampling.frequency_penalty, "a number in [-100, 100]");
  }
  return absl::OkStatus();
}

}  // namespace strata
