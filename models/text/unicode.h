// UTF-8 and the character classes that tokenizers speak of.
//
// Text inside models/text is always valid UTF-8: Tokenizer replaces invalid bytes at its door, and
// everything behind it may decode without asking. The classes follow the definitions of the Rust
// standard library and the `regex` crate, because Hugging Face's tokenizers (whose ids we must
// reproduce) are written with them. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace strata {

// U+FFFD, what an invalid byte sequence becomes.
inline constexpr absl::string_view kReplacementCharacter = "\xEF\xBF\xBD";

// One character read from UTF-8, or the reason why there is none.
struct Utf8Character {
  enum class State {
    kValid,
    kInvalid,     // `num_bytes` bytes can never begin a character
    kIncomplete,  // the text ends within a character: `num_bytes` bytes that more bytes may
                  // complete
  };
  char32_t code_point = 0;  // meaningful when valid
  int num_bytes = 0;        // 1 to 4
  State state = State::kInvalid;
};

// Reads the character at `offset` (must be below text.size()). The length of an invalid sequence is
// its maximal subpart (Unicode 15, section 3.9), at least one byte. Surrogates, overlong forms and
// values above U+10FFFF are invalid.
Utf8Character ReadUtf8(absl::string_view text, size_t offset);

// The length in bytes of the character that begins with `lead`, in text known to be valid.
int Utf8Length(char lead);

// Appends `code_point` (a Unicode scalar value) to `out`.
void AppendUtf8(char32_t code_point, std::string& out);

// How many U+FFFD an invalid sequence becomes.
enum class InvalidBytes {
  kOnePerSequence,  // one for each maximal subpart, as Rust's from_utf8_lossy
  kOnePerByte,      // one for each byte, as SentencePiece's byte pieces
};

// Whether more bytes may follow.
enum class TextEnd { kOpen, kClosed };

// Appends the text of `bytes` to `out` with invalid sequences replaced, and returns how many bytes
// were consumed: all, except an incomplete character at an open end (at most 3 bytes).
size_t AppendUtf8Lossy(absl::string_view bytes, InvalidBytes invalid, TextEnd end,
                       std::string& out);

// `text` with each invalid sequence replaced by one U+FFFD.
std::string ValidUtf8(absl::string_view text);
bool IsValidUtf8(absl::string_view text);

bool IsWhitespace(char32_t code_point);     // property White_Space
bool IsPunctuation(char32_t code_point);    // categories P*, and all ASCII punctuation
bool IsNumeric(char32_t code_point);        // categories Nd, Nl, No
bool IsCombiningMark(char32_t code_point);  // categories Mn, Mc, Me
bool IsWord(char32_t code_point);           // \w: alphabetic, marks, digits, connectors, joiners

// The Unicode normalization forms.
enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

// `text` (valid UTF-8) in the given form.
std::string Normalize(absl::string_view text, NormalForm form);

// `text` (valid UTF-8) with every character replaced by its lower-case mapping.
std::string Lowercase(absl::string_view text);

// The length in bytes of the extended grapheme cluster at the beginning of `text` (valid UTF-8,
// not empty).
size_t GraphemeLength(absl::string_view text);

}  // namespace strata
