// Python's str over UTF-8: code points, character classes, case, stripping, lines, repr.
//
// Python counts, slices and classifies code points, so everything here does, on UTF-8 that was
// validated when it came in. Classes and case come from utf8proc; case mapping is one code point to
// one, with the German sharp s as the only exception. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata::jinja {

// True if `text` is valid UTF-8 (no surrogates, no overlong forms).
bool IsValidUtf8(absl::string_view text);

// The code point at byte `*position`, which moves behind it. `*position` must be below the size; a
// broken sequence yields its first byte.
char32_t DecodeUtf8(absl::string_view text, size_t* position);
void AppendUtf8(char32_t code_point, std::string* out);

// Number of code points.
int64_t CountCodePoints(absl::string_view text);
// Byte offset of code point `index`, which may equal the count.
size_t OffsetOfCodePoint(absl::string_view text, int64_t index);
// Code points as separate pieces of `text`.
std::vector<absl::string_view> SplitCodePoints(absl::string_view text);

// str.isspace and its sisters for one code point.
bool IsSpace(char32_t code_point);
bool IsAlpha(char32_t code_point);
bool IsDecimal(char32_t code_point);
bool IsAlnum(char32_t code_point);
bool IsLower(char32_t code_point);
bool IsUpper(char32_t code_point);
bool IsTitle(char32_t code_point);
bool IsPrintable(char32_t code_point);
// A code point that can start, or go on, a Python identifier.
bool IsIdentifierStart(char32_t code_point);
bool IsIdentifierPart(char32_t code_point);

std::string ToUpper(absl::string_view text);
std::string ToLower(absl::string_view text);
// First code point in title case, the rest in lower case.
std::string Capitalize(absl::string_view text);
// str.title: every run of letters capitalized.
std::string TitleCase(absl::string_view text);
std::string SwapCase(absl::string_view text);

enum class StripSide { kLeft, kRight, kBoth };
// Without white space, or without the code points of `characters`, at the chosen ends.
absl::string_view Strip(absl::string_view text, StripSide side);
absl::string_view StripCharacters(absl::string_view text, absl::string_view characters,
                                  StripSide side);

enum class LineEnds { kDrop, kKeep };
// str.splitlines: all of Unicode's line boundaries; no empty last line.
std::vector<absl::string_view> SplitLines(absl::string_view text, LineEnds line_ends);
// str.split() without a separator: the words between white space, at most `max_splits` splits
// (negative: all), counted from the left or from the right.
std::vector<absl::string_view> SplitWords(absl::string_view text, int64_t max_splits);
std::vector<absl::string_view> SplitWordsFromRight(absl::string_view text, int64_t max_splits);

// Python's repr of a str and of a float (the shortest digits that read back alike).
std::string StringRepr(absl::string_view text);
std::string FloatRepr(double number);

}  // namespace strata::jinja
