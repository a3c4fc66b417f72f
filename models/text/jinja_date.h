// strftime for templates: the same text whatever the locale and time zone of the machine.
//
// The time comes from the caller, never from a clock, so renderings are repeatable.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"

namespace strata::jinja {

// `format` with Python's directives (%Y %B %-d ...) filled in from `time`, in English.
// InvalidArgument for a directive that is unknown; time zones are empty.
absl::StatusOr<std::string> FormatTime(absl::string_view format, absl::CivilSecond time);

}  // namespace strata::jinja
