#include "models/text/unicode.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

#include "kernels/base/status.h"

namespace strata {
namespace {

utf8proc_category_t Category(char32_t code_point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
}

bool IsAscii(absl::string_view text) {
  for (const char byte : text) {
    if (static_cast<unsigned char>(byte) >= 0x80) return false;
  }
  return true;
}

}  // namespace

Utf8Character ReadUtf8(absl::string_view text, size_t offset) {
  using State = Utf8Character::State;
  const auto byte_at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte_at(offset);
  if (lead < 0x80) return {lead, 1, State::kValid};
  // The second byte's range excludes overlong forms, surrogates and values above U+10FFFF
  // (Unicode 15, table 3-7).
  int length = 0;
  unsigned char low = 0x80, high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {0, 1, State::kInvalid};
  }
  char32_t code_point = lead & (0xFF >> (length + 1));
  for (int i = 1; i < length; ++i) {
    if (offset + i >= text.size()) return {0, i, State::kIncomplete};
    const unsigned char byte = byte_at(offset + i);
    if (byte < low || byte > high) return {0, i, State::kInvalid};
    code_point = (code_point << 6) | (byte & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return {code_point, length, State::kValid};
}

int Utf8Length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

void AppendUtf8(char32_t code_point, std::string& out) {
  utf8proc_uint8_t bytes[4];
  const utf8proc_ssize_t length =
      utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
}

size_t AppendUtf8Lossy(absl::string_view bytes, InvalidBytes invalid, TextEnd end,
                       std::string& out) {
  using State = Utf8Character::State;
  size_t i = 0;
  while (i < bytes.size()) {
    const Utf8Character character = ReadUtf8(bytes, i);
    if (character.state == State::kValid) {
      out.append(bytes.data() + i, character.num_bytes);
      i += character.num_bytes;
      continue;
    }
    if (character.state == State::kIncomplete && end == TextEnd::kOpen) break;
    out.append(kReplacementCharacter.data(), kReplacementCharacter.size());
    i += invalid == InvalidBytes::kOnePerByte ? 1 : character.num_bytes;
  }
  return i;
}

std::string ValidUtf8(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  AppendUtf8Lossy(text, InvalidBytes::kOnePerSequence, TextEnd::kClosed, out);
  return out;
}

bool IsValidUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const Utf8Character character = ReadUtf8(text, i);
    if (character.state != Utf8Character::State::kValid) return false;
    i += character.num_bytes;
  }
  return true;
}

bool IsWhitespace(char32_t c) {
  return (c >= 0x9 && c <= 0xD) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool IsPunctuation(char32_t c) {
  if (c < 0x80) {
    return (c >= 0x21 && c <= 0x2F) || (c >= 0x3A && c <= 0x40) || (c >= 0x5B && c <= 0x60) ||
           (c >= 0x7B && c <= 0x7E);
  }
  const utf8proc_category_t category = Category(c);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool IsNumeric(char32_t c) {
  const utf8proc_category_t category = Category(c);
  return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

bool IsCombiningMark(char32_t c) {
  const utf8proc_category_t category = Category(c);
  return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
}

bool IsWord(char32_t c) {
  const utf8proc_category_t category = Category(c);
  if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_ND)
    return true;  // L, M, Nd
  if (category == UTF8PROC_CATEGORY_NL || category == UTF8PROC_CATEGORY_PC) return true;
  if (c == 0x200C || c == 0x200D) return true;  // the joiners
  // Circled and squared letters: Other_Alphabetic symbols (PropList.txt).
  return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
         (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

std::string Normalize(absl::string_view text, NormalForm form) {
  if (text.empty() || IsAscii(text)) return std::string(text);  // ASCII is in every form
  int options = UTF8PROC_STABLE;
  switch (form) {
    case NormalForm::kNfc:
      options |= UTF8PROC_COMPOSE;
      break;
    case NormalForm::kNfd:
      options |= UTF8PROC_DECOMPOSE;
      break;
    case NormalForm::kNfkc:
      options |= UTF8PROC_COMPOSE | UTF8PROC_COMPAT;
      break;
    case NormalForm::kNfkd:
      options |= UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
      break;
  }
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t length = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
      static_cast<utf8proc_ssize_t>(text.size()), &mapped, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  STRATA_CHECK(length >= 0, "normalization takes valid UTF-8 and fails only without memory");
  return std::string(reinterpret_cast<const char*>(mapped), static_cast<size_t>(length));
}

std::string Lowercase(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const Utf8Character character = ReadUtf8(text, i);
    i += character.num_bytes;
    // The one character whose full mapping has two characters (SpecialCasing.txt).
    if (character.code_point == 0x130) {
      out.append("i\xCC\x87");
      continue;
    }
    AppendUtf8(static_cast<char32_t>(
                   utf8proc_tolower(static_cast<utf8proc_int32_t>(character.code_point))),
               out);
  }
  return out;
}

size_t GraphemeLength(absl::string_view text) {
  Utf8Character previous = ReadUtf8(text, 0);
  size_t length = previous.num_bytes;
  utf8proc_int32_t state = 0;
  while (length < text.size()) {
    const Utf8Character next = ReadUtf8(text, length);
    if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(previous.code_point),
                                         static_cast<utf8proc_int32_t>(next.code_point), &state)) {
      break;
    }
    length += next.num_bytes;
    previous = next;
  }
  return length;
}

}  // namespace strata
