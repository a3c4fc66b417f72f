#include "models/text/vocabulary.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"

namespace strata {

absl::StatusOr<Vocabulary> Vocabulary::Create(const std::vector<Entry>& entries,
                                              absl::string_view origin) {
  Vocabulary vocabulary;
  size_t num_bytes = 1;  // never empty, so that even an empty token has a place
  int64_t num_ids = 0;
  for (const Entry& entry : entries) {
    if (entry.id < 0 || entry.id >= kMaxTokenIds) {
      return absl::InvalidArgumentError(absl::StrCat(origin, ": token '", entry.token, "' has id ",
                                                     entry.id, ", expected 0 to ",
                                                     kMaxTokenIds - 1));
    }
    num_bytes += entry.token.size();
    num_ids = std::max(num_ids, entry.id + 1);
  }
  vocabulary.bytes_.reserve(num_bytes);
  vocabulary.tokens_.resize(static_cast<size_t>(num_ids));
  vocabulary.ids_.reserve(entries.size());
  for (const Entry& entry : entries) {
    const char* begin = vocabulary.bytes_.data() + vocabulary.bytes_.size();
    vocabulary.bytes_.insert(vocabulary.bytes_.end(), entry.token.begin(), entry.token.end());
    const absl::string_view token(begin, entry.token.size());
    absl::string_view& place = vocabulary.tokens_[static_cast<size_t>(entry.id)];
    if (place.data() != nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(origin, ": id ", entry.id, " belongs to '",
                                                     place, "' and to '", token, "'"));
    }
    place = token;
    const auto [it, inserted] = vocabulary.ids_.emplace(token, static_cast<int32_t>(entry.id));
    if (!inserted) {
      return absl::InvalidArgumentError(
          absl::StrCat(origin, ": token '", token, "' has ids ", it->second, " and ", entry.id));
    }
  }
  return vocabulary;
}

std::optional<int32_t> Vocabulary::IdOf(absl::string_view token) const {
  const auto it = ids_.find(token);
  if (it == ids_.end()) return std::nullopt;
  return it->second;
}

std::optional<absl::string_view> Vocabulary::TokenOf(int64_t id) const {
  if (id < 0 || id >= size()) return std::nullopt;
  const absl::string_view token = tokens_[static_cast<size_t>(id)];
  if (token.data() == nullptr) return std::nullopt;
  return token;
}

}  // namespace strata
