// SHA-256 (FIPS 180-4), for the document, prompt and target hashes of lm-evaluation-harness'
// sample files. They tell whether two runs asked the same; nothing here guards a secret.
// A pure function.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace strata {

// The digest of `bytes` as 64 lower-case hexadecimal digits.
std::string Sha256Hex(absl::string_view bytes);

}  // namespace strata
