// The two-way map between tokens and ids.
//
// Owns all token texts in one block of memory. Ids may have holes (models pad their vocabularies),
// texts and ids are unique. Immutable once built; any thread may read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

// Ids lie below this, so that a hostile file cannot ask for memory it does not fill.
inline constexpr int64_t kMaxTokenIds = int64_t{1} << 22;

class Vocabulary {
 public:
  struct Entry {
    std::string token;
    int64_t id = 0;
  };

  // InvalidArgument naming `origin` and the token: an id out of [0, kMaxTokenIds), two tokens of
  // one id, one token with two ids. Order does not matter.
  static absl::StatusOr<Vocabulary> Create(const std::vector<Entry>& entries,
                                           absl::string_view origin);

  // Moving keeps the views in `ids_` valid: the vector's memory moves as a whole.
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  // One more than the largest id; 0 when empty.
  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }
  int64_t num_tokens() const { return static_cast<int64_t>(ids_.size()); }

  std::optional<int32_t> IdOf(absl::string_view token) const;

  // The text of `id`; nullopt outside the vocabulary and in its holes. Valid while this lives.
  std::optional<absl::string_view> TokenOf(int64_t id) const;

 private:
  Vocabulary() = default;

  std::vector<char> bytes_;                // all texts, one after the other
  std::vector<absl::string_view> tokens_;  // by id, into bytes_; a null view marks a hole
  absl::flat_hash_map<absl::string_view, int32_t> ids_;
};

}  // namespace strata
