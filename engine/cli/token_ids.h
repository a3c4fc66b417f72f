// Token ids as users write them on the command line: "1,2,3".
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

// InvalidArgument naming the part that is no id. The empty text has no ids.
absl::StatusOr<std::vector<int32_t>> ParseTokenIds(absl::string_view text);

}  // namespace strata
