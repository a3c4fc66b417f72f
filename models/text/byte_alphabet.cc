#include "models/text/byte_alphabet.h"

#include <array>

#include "models/text/unicode.h"

namespace strata {
namespace {

constexpr int kNumCharacters = 0x144;  // U+0100 + 68 shifted bytes

constexpr bool StandsForItself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<uint16_t, 256> character_of{};
  std::array<int16_t, kNumCharacters> byte_of{};  // -1: not in the alphabet

  constexpr Alphabet() {
    for (int16_t& byte : byte_of) byte = -1;
    int num_shifted = 0;
    for (int byte = 0; byte < 256; ++byte) {
      const int character = StandsForItself(byte) ? byte : 0x100 + num_shifted++;
      character_of[static_cast<size_t>(byte)] = static_cast<uint16_t>(character);
      byte_of[static_cast<size_t>(character)] = static_cast<int16_t>(byte);
    }
  }
};

constexpr Alphabet kAlphabet;

}  // namespace

void AppendByteCharacters(absl::string_view bytes, std::string& out) {
  for (const char c : bytes) {
    const uint16_t character = kAlphabet.character_of[static_cast<unsigned char>(c)];
    if (character < 0x80) {
      out.push_back(static_cast<char>(character));
    } else {  // all are below U+0800
      out.push_back(static_cast<char>(0xC0 | (character >> 6)));
      out.push_back(static_cast<char>(0x80 | (character & 0x3F)));
    }
  }
}

std::optional<std::string> BytesOfCharacters(absl::string_view characters) {
  std::string bytes;
  bytes.reserve(characters.size());
  for (size_t i = 0; i < characters.size();) {
    const Utf8Character character = ReadUtf8(characters, i);
    if (character.code_point >= kNumCharacters) return std::nullopt;
    const int16_t byte = kAlphabet.byte_of[character.code_point];
    if (byte < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
    i += character.num_bytes;
  }
  return bytes;
}

}  // namespace strata
