#include "engine/evaluate/gsm8k_protocol.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata {

absl::StatusOr<Gsm8kProtocol> ParseGsm8kProtocol(absl::string_view name) {
  for (const Gsm8kProtocol protocol : {Gsm8kProtocol::kGsm8k, Gsm8kProtocol::kGsm8kCot}) {
    if (name == Gsm8kProtocolName(protocol)) return protocol;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown protocol '", name, "': expected gsm8k or gsm8k_cot"));
}

absl::string_view Gsm8kProtocolName(Gsm8kProtocol protocol) {
  return protocol == Gsm8kProtocol::kGsm8k ? "gsm8k" : "gsm8k_cot";
}

std::vector<std::string> Gsm8kStopStrings(Gsm8kProtocol protocol) {
  const char* next_question = protocol == Gsm8kProtocol::kGsm8k ? "Question:" : "Q:";
  return {next_question, "</s>", "<|im_end|>"};
}

absl::string_view CutAtStopStrings(absl::string_view text, absl::Span<const std::string> stops) {
  for (const std::string& stop : stops) {
    if (!stop.empty()) text = text.substr(0, text.find(stop));
  }
  return text;
}

}  // namespace strata
