// From Oniguruma's regular expressions to PCRE2's.
//
// Tokenizer files are written for Oniguruma with Ruby's syntax (github.com/kkos/oniguruma, doc/RE).
// Most of it is PCRE2's syntax too; what means something else there is rewritten, and what cannot
// be is refused, so that no pattern is silently read otherwise. A pure function.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

// `pattern` in PCRE2's syntax with the same meaning, for the options UTF, UCP and MULTILINE.
// `is_script` tells whether PCRE2 knows a Unicode script by a name. InvalidArgument or
// Unimplemented, naming `origin` and the byte: nested and intersected classes, \H, \Q, \K,
// subexpression calls, absent operators, {,n}, {m,n}+, an option in the middle without a group.
absl::StatusOr<std::string> OnigurumaToPcre2(absl::string_view pattern, absl::string_view origin,
                                             bool (*is_script)(absl::string_view name));

}  // namespace strata
