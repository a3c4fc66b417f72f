// Names and paths from untrusted files, as error messages show them.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace strata {

// `name` in single quotes: control characters escaped (a hostile checkpoint must not write to the
// reader's terminal), shortened with "..." beyond 200 bytes.
std::string QuotedName(absl::string_view name);

}  // namespace strata
