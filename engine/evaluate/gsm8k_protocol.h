// The two forms of GSM8K that Strata scores, and what fixes each: its name and its stop strings.
//
// Both are tasks of lm-evaluation-harness: `gsm8k` (version 3, answers end in "#### n") and
// `gsm8k_cot` (answers end in "The answer is n."). Values only.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace strata {

enum class Gsm8kProtocol { kGsm8k, kGsm8kCot };

// The protocol of a harness task name; InvalidArgument lists the known names.
absl::StatusOr<Gsm8kProtocol> ParseGsm8kProtocol(absl::string_view name);

absl::string_view Gsm8kProtocolName(Gsm8kProtocol protocol);

// The strings that end an answer, besides the model's own end token.
std::vector<std::string> Gsm8kStopStrings(Gsm8kProtocol protocol);

// `text` up to the earliest stop string. Stop strings are applied in turn, as the harness does
// (`text.split(stop)[0]`); an empty stop string cuts nothing.
absl::string_view CutAtStopStrings(absl::string_view text, absl::Span<const std::string> stops);

}  // namespace strata
