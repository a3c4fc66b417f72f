// The alphabet of byte-level tokenizers: one printable character for each byte.
//
// Radford et al. 2019 (github.com/openai/gpt-2, src/encoder.py): printable Latin-1 stands for
// itself, the other 68 bytes become U+0100 and up. Vocabularies are written in it. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace strata {

// Appends the characters of `bytes` (any bytes) to `out`, at most two bytes of UTF-8 for each.
void AppendByteCharacters(absl::string_view bytes, std::string& out);

// The bytes that `characters` (valid UTF-8) stand for; nullopt if one is not in the alphabet.
std::optional<std::string> BytesOfCharacters(absl::string_view characters);

}  // namespace strata
