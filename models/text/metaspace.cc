#include "models/text/metaspace.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "models/text/unicode.h"

namespace strata {

absl::StatusOr<Metaspace> ReadMetaspace(const nlohmann::json& object, absl::string_view origin) {
  Metaspace metaspace;
  STRATA_ASSIGN_OR_RETURN(metaspace.replacement, GetString(object, "replacement", origin));
  if (metaspace.replacement.empty() ||
      static_cast<size_t>(Utf8Length(metaspace.replacement[0])) != metaspace.replacement.size()) {
    return absl::InvalidArgumentError(absl::StrCat(origin, ": replacement '", metaspace.replacement,
                                                   "', expected one character"));
  }
  const bool has_scheme = HasValue(object, "prepend_scheme");
  if (has_scheme) {
    STRATA_ASSIGN_OR_RETURN(const std::string scheme, GetString(object, "prepend_scheme", origin));
    if (scheme == "always") {
      metaspace.prepend = Metaspace::Prepend::kAlways;
    } else if (scheme == "first") {
      metaspace.prepend = Metaspace::Prepend::kFirst;
    } else if (scheme == "never") {
      metaspace.prepend = Metaspace::Prepend::kNever;
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat(origin, ": unknown prepend_scheme '", scheme, "'"));
    }
  }
  if (HasValue(object, "add_prefix_space")) {
    STRATA_ASSIGN_OR_RETURN(const bool prefix, GetBool(object, "add_prefix_space", origin));
    if (!prefix && has_scheme && metaspace.prepend != Metaspace::Prepend::kNever) {
      return absl::InvalidArgumentError(
          absl::StrCat(origin, ": add_prefix_space contradicts prepend_scheme"));
    }
    if (!prefix) metaspace.prepend = Metaspace::Prepend::kNever;
  }
  if (HasValue(object, "split")) {
    STRATA_ASSIGN_OR_RETURN(metaspace.split, GetBool(object, "split", origin));
  }
  return metaspace;
}

}  // namespace strata
