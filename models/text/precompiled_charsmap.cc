#include "models/text/precompiled_charsmap.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/unicode.h"

namespace strata {
namespace {

// The fields of a unit, as github.com/s-yata/darts-clone packs them.
bool HasLeaf(uint32_t unit) { return ((unit >> 8) & 1) == 1; }
bool IsLeaf(uint32_t unit) { return (unit >> 31) == 1; }
uint32_t Value(uint32_t unit) { return unit & 0x7FFFFFFF; }
uint32_t Label(uint32_t unit) { return unit & 0x800000FF; }
uint32_t Offset(uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }

uint32_t ReadLittleEndian(absl::string_view bytes, size_t offset) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) {
    value = (value << 8) | static_cast<unsigned char>(bytes[offset + static_cast<size_t>(i)]);
  }
  return value;
}

}  // namespace

absl::StatusOr<PrecompiledCharsmap> PrecompiledCharsmap::Create(absl::string_view blob,
                                                                absl::string_view origin) {
  const auto invalid = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(origin, ": precompiled_charsmap: ", what));
  };
  PrecompiledCharsmap map;
  if (blob.empty()) return map;  // the identity
  if (blob.size() < 4) return invalid("truncated before the size of its trie");
  const size_t trie_bytes = ReadLittleEndian(blob, 0);
  // darts-clone makes whole blocks of 256 units; SentencePiece refuses anything else too.
  if (trie_bytes == 0 || trie_bytes % 1024 != 0 || trie_bytes > blob.size() - 4) {
    return invalid(absl::StrCat("trie of ", trie_bytes, " bytes in a map of ", blob.size(),
                                " bytes; expected a multiple of 1024 within it"));
  }
  map.units_.resize(trie_bytes / 4);
  for (size_t i = 0; i < map.units_.size(); ++i) map.units_[i] = ReadLittleEndian(blob, 4 + 4 * i);
  map.replacements_ = std::string(blob.substr(4 + trie_bytes));
  if (!IsValidUtf8(map.replacements_)) return invalid("a replacement is not UTF-8");
  if (map.replacements_.empty() || map.replacements_.back() != '\0') {
    map.replacements_.push_back('\0');
  }
  if (IsLeaf(map.units_[0])) return invalid("the trie has no root");
  for (size_t i = 0; i < map.units_.size(); ++i) {
    const uint32_t unit = map.units_[i];
    if (IsLeaf(unit)) continue;
    // Children lie at (base ^ label): within one block of 256, so the base decides. The leaf is
    // the child of label 0.
    const size_t base = i ^ Offset(unit);
    if (base >= map.units_.size()) {
      return invalid(absl::StrCat("unit ", i, " leads to unit ", base, " of ", map.units_.size()));
    }
    if (HasLeaf(unit)) {
      const uint32_t value = Value(map.units_[base]);
      if (value >= map.replacements_.size()) {
        return invalid(absl::StrCat("unit ", i, " names the replacement at byte ", value, " of ",
                                    map.replacements_.size()));
      }
      if (value > 0 && (map.replacements_[value] & 0xC0) == 0x80) {
        return invalid(absl::StrCat("unit ", i, " names a replacement within a character"));
      }
    }
  }
  return map;
}

absl::StatusOr<PrecompiledCharsmap> PrecompiledCharsmap::CreateFromBase64(
    absl::string_view text, absl::string_view origin) {
  std::string blob;
  if (!absl::Base64Unescape(text, &blob)) {
    return absl::InvalidArgumentError(
        absl::StrCat(origin, ": precompiled_charsmap: not valid base64"));
  }
  return Create(blob, origin);
}

bool PrecompiledCharsmap::Transform(absl::string_view chunk, std::string& out) const {
  size_t node = Offset(units_[0]);
  for (const char c : chunk) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) return false;
    node ^= byte;
    const uint32_t unit = units_[node];
    if (Label(unit) != byte) return false;
    node ^= Offset(unit);
    if (HasLeaf(unit)) {
      out.append(replacements_.c_str() + Value(units_[node]));  // up to its zero byte
      return true;
    }
  }
  return false;
}

std::string PrecompiledCharsmap::Apply(absl::string_view text) const {
  if (units_.empty()) return std::string(text);
  constexpr size_t kMaxClusterBytes = 5;
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = GraphemeLength(text);
    const absl::string_view cluster = text.substr(0, length);
    text.remove_prefix(length);
    if (length <= kMaxClusterBytes && Transform(cluster, out)) continue;
    for (size_t i = 0; i < length;) {
      const absl::string_view character = cluster.substr(i, Utf8Length(cluster[i]));
      if (!Transform(character, out)) out.append(character.data(), character.size());
      i += character.size();
    }
  }
  return out;
}

}  // namespace strata
