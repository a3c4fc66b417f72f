#include "models/text/jinja_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace strata::jinja {
namespace {

constexpr char32_t kSharpS = 0xDF;

utf8proc_category_t CategoryOf(char32_t code_point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
}

char32_t UpperOf(char32_t c) {
  return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
}
char32_t LowerOf(char32_t c) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}
char32_t TitleOf(char32_t c) {
  return static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c)));
}

void AppendUpper(char32_t c, std::string* out) {
  if (c == kSharpS) {
    out->append("SS");
  } else {
    AppendUtf8(UpperOf(c), out);
  }
}

void AppendTitle(char32_t c, std::string* out) {
  if (c == kSharpS) {
    out->append("Ss");
  } else {
    AppendUtf8(TitleOf(c), out);
  }
}

bool IsLineBoundary(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

// The first byte of the last code point of `text`, which is not empty.
size_t LastCodePointStart(absl::string_view text) {
  size_t start = text.size() - 1;
  while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
  return start;
}

template <typename Predicate>
absl::string_view StripWhile(absl::string_view text, StripSide side, Predicate strips) {
  if (side != StripSide::kRight) {
    size_t begin = 0;
    while (begin < text.size()) {
      size_t next = begin;
      if (!strips(DecodeUtf8(text, &next))) break;
      begin = next;
    }
    text.remove_prefix(begin);
  }
  if (side != StripSide::kLeft) {
    while (!text.empty()) {
      const size_t start = LastCodePointStart(text);
      size_t position = start;
      if (!strips(DecodeUtf8(text, &position))) break;
      text = text.substr(0, start);
    }
  }
  return text;
}

}  // namespace

bool IsValidUtf8(absl::string_view text) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  utf8proc_ssize_t remaining = static_cast<utf8proc_ssize_t>(text.size());
  while (remaining > 0) {
    utf8proc_int32_t code_point = 0;
    const utf8proc_ssize_t length = utf8proc_iterate(bytes, remaining, &code_point);
    if (length <= 0) return false;
    bytes += length;
    remaining -= length;
  }
  return true;
}

char32_t DecodeUtf8(absl::string_view text, size_t* position) {
  const auto lead = static_cast<unsigned char>(text[*position]);
  int num_tails = 0;
  char32_t code_point = lead;
  if (lead >= 0xF0) {
    num_tails = 3;
    code_point = lead & 0x07;
  } else if (lead >= 0xE0) {
    num_tails = 2;
    code_point = lead & 0x0F;
  } else if (lead >= 0xC0) {
    num_tails = 1;
    code_point = lead & 0x1F;
  }
  if (*position + static_cast<size_t>(num_tails) >= text.size()) {
    *position += 1;
    return lead;
  }
  for (int i = 1; i <= num_tails; ++i) {
    const auto tail = static_cast<unsigned char>(text[*position + static_cast<size_t>(i)]);
    code_point = (code_point << 6) | (tail & 0x3F);
  }
  *position += static_cast<size_t>(num_tails) + 1;
  return code_point;
}

void AppendUtf8(char32_t code_point, std::string* out) {
  utf8proc_uint8_t bytes[4];
  const utf8proc_ssize_t length =
      utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), bytes);
  out->append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
}

int64_t CountCodePoints(absl::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; });
}

size_t OffsetOfCodePoint(absl::string_view text, int64_t index) {
  size_t offset = 0;
  for (; index > 0 && offset < text.size(); --index) DecodeUtf8(text, &offset);
  return offset;
}

std::vector<absl::string_view> SplitCodePoints(absl::string_view text) {
  std::vector<absl::string_view> pieces;
  for (size_t position = 0; position < text.size();) {
    const size_t start = position;
    DecodeUtf8(text, &position);
    pieces.push_back(text.substr(start, position - start));
  }
  return pieces;
}

bool IsSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool IsAlpha(char32_t c) {
  switch (CategoryOf(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return true;
    default:
      return false;
  }
}

bool IsDecimal(char32_t c) { return CategoryOf(c) == UTF8PROC_CATEGORY_ND; }

bool IsAlnum(char32_t c) {
  const utf8proc_category_t category = CategoryOf(c);
  return IsAlpha(c) || category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL ||
         category == UTF8PROC_CATEGORY_NO;
}

bool IsLower(char32_t c) { return CategoryOf(c) == UTF8PROC_CATEGORY_LL; }
bool IsUpper(char32_t c) { return CategoryOf(c) == UTF8PROC_CATEGORY_LU; }
bool IsTitle(char32_t c) { return CategoryOf(c) == UTF8PROC_CATEGORY_LT; }

bool IsPrintable(char32_t c) {
  if (c == ' ') return true;
  switch (CategoryOf(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

bool IsIdentifierStart(char32_t c) {
  return c == '_' || IsAlpha(c) || CategoryOf(c) == UTF8PROC_CATEGORY_NL;
}

bool IsIdentifierPart(char32_t c) {
  switch (CategoryOf(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return IsIdentifierStart(c);
  }
}

std::string ToUpper(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) AppendUpper(DecodeUtf8(text, &i), &out);
  return out;
}

std::string ToLower(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) AppendUtf8(LowerOf(DecodeUtf8(text, &i)), &out);
  return out;
}

std::string Capitalize(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const bool first = i == 0;
    const char32_t c = DecodeUtf8(text, &i);
    if (first) {
      AppendTitle(c, &out);
    } else {
      AppendUtf8(LowerOf(c), &out);
    }
  }
  return out;
}

std::string TitleCase(absl::string_view text) {
  std::string out;
  bool inside_word = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = DecodeUtf8(text, &i);
    if (inside_word) {
      AppendUtf8(LowerOf(c), &out);
    } else {
      AppendTitle(c, &out);
    }
    inside_word = IsLower(c) || IsUpper(c) || IsTitle(c);
  }
  return out;
}

std::string SwapCase(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = DecodeUtf8(text, &i);
    if (IsUpper(c)) {
      AppendUtf8(LowerOf(c), &out);
    } else {
      AppendUpper(c, &out);
    }
  }
  return out;
}

absl::string_view Strip(absl::string_view text, StripSide side) {
  return StripWhile(text, side, IsSpace);
}

absl::string_view StripCharacters(absl::string_view text, absl::string_view characters,
                                  StripSide side) {
  std::u32string set;
  for (size_t i = 0; i < characters.size();) set.push_back(DecodeUtf8(characters, &i));
  return StripWhile(text, side, [&set](char32_t c) { return set.find(c) != std::u32string::npos; });
}

std::vector<absl::string_view> SplitLines(absl::string_view text, LineEnds line_ends) {
  std::vector<absl::string_view> lines;
  size_t line_start = 0;
  for (size_t position = 0; position < text.size();) {
    const size_t end = position;
    const char32_t c = DecodeUtf8(text, &position);
    if (!IsLineBoundary(c)) continue;
    if (c == '\r' && position < text.size() && text[position] == '\n') ++position;
    const size_t stop = line_ends == LineEnds::kKeep ? position : end;
    lines.push_back(text.substr(line_start, stop - line_start));
    line_start = position;
  }
  if (line_start < text.size()) lines.push_back(text.substr(line_start));
  return lines;
}

std::vector<absl::string_view> SplitWords(absl::string_view text, int64_t max_splits) {
  std::vector<absl::string_view> words;
  text = Strip(text, StripSide::kLeft);
  while (!text.empty()) {
    if (max_splits >= 0 && static_cast<int64_t>(words.size()) == max_splits) {
      words.push_back(text);
      break;
    }
    size_t end = 0;
    while (end < text.size()) {
      size_t next = end;
      if (IsSpace(DecodeUtf8(text, &next))) break;
      end = next;
    }
    words.push_back(text.substr(0, end));
    text = Strip(text.substr(end), StripSide::kLeft);
  }
  return words;
}

std::vector<absl::string_view> SplitWordsFromRight(absl::string_view text, int64_t max_splits) {
  std::vector<absl::string_view> words;
  text = Strip(text, StripSide::kRight);
  while (!text.empty()) {
    if (max_splits >= 0 && static_cast<int64_t>(words.size()) == max_splits) {
      words.push_back(text);
      break;
    }
    size_t begin = text.size();
    while (begin > 0) {
      const size_t start = LastCodePointStart(text.substr(0, begin));
      size_t position = start;
      if (IsSpace(DecodeUtf8(text, &position))) break;
      begin = start;
    }
    words.push_back(text.substr(begin));
    text = Strip(text.substr(0, begin), StripSide::kRight);
  }
  std::reverse(words.begin(), words.end());
  return words;
}

std::string StringRepr(absl::string_view text) {
  const bool double_quotes =
      text.find('\'') != absl::string_view::npos && text.find('"') == absl::string_view::npos;
  const char quote = double_quotes ? '"' : '\'';
  std::string out(1, quote);
  for (size_t i = 0; i < text.size();) {
    const char32_t c = DecodeUtf8(text, &i);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (c == '\n') {
      out.append("\\n");
    } else if (c == '\r') {
      out.append("\\r");
    } else if (c == '\t') {
      out.append("\\t");
    } else if (IsPrintable(c)) {
      AppendUtf8(c, &out);
    } else if (c < 0x100) {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<uint32_t>(c));
    } else if (c < 0x10000) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<uint32_t>(c));
    } else {
      absl::StrAppendFormat(&out, "\\U%08x", static_cast<uint32_t>(c));
    }
  }
  out.push_back(quote);
  return out;
}

std::string FloatRepr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  // Shortest digits in the form d.ddde[+-]xx, laid out as Python's repr does: plain for exponents
  // in [-4, 16), scientific beyond.
  char buffer[64];
  const auto result =
      std::to_chars(buffer, buffer + sizeof(buffer), number, std::chars_format::scientific);
  std::string scientific(buffer, result.ptr);
  std::string sign;
  if (scientific[0] == '-') {
    sign = "-";
    scientific.erase(0, 1);
  }
  const size_t e = scientific.find('e');
  int exponent = 0;
  const char* exponent_begin = scientific.data() + e + (scientific[e + 1] == '+' ? 2 : 1);
  std::from_chars(exponent_begin, scientific.data() + scientific.size(), exponent);
  std::string digits = scientific.substr(0, e);
  digits.erase(std::remove(digits.begin(), digits.end(), '.'), digits.end());
  const int num_digits = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    if (num_digits > 1) digits.insert(1, ".");
    return absl::StrCat(sign, digits,
                        absl::StrFormat("e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent)));
  }
  if (exponent < 0) {
    return absl::StrCat(sign, "0.", std::string(static_cast<size_t>(-exponent - 1), '0'), digits);
  }
  if (num_digits <= exponent + 1) {
    digits.append(static_cast<size_t>(exponent + 1 - num_digits), '0');
    return absl::StrCat(sign, digits, ".0");
  }
  digits.insert(static_cast<size_t>(exponent) + 1, ".");
  return sign + digits;
}

}  // namespace strata::jinja
