// Exit codes of the program, a contract with scripts.
#pragma once

#include "absl/status/status.h"

namespace strata {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;      // the run failed
inline constexpr int kExitBadInput = 2;    // bad arguments, bad model, bad input
inline constexpr int kExitDoesNotFit = 3;  // over the budgets
inline constexpr int kExitPartial = 4;     // some rows failed, the rest is written
inline constexpr int kExitInterrupted = 130;

// The code that a status ends the program with.
inline int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitDone;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnavailable:
      return kExitBadInput;
    case absl::StatusCode::kResourceExhausted:
      return kExitDoesNotFit;
    case absl::StatusCode::kCancelled:
      return kExitInterrupted;
    default:
      return kExitFailed;
  }
}

}  // namespace strata
