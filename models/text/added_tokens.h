// Added tokens: strings that are recognised in a text before anything else looks at it.
//
// Special tokens (<s>, <|im_start|>) and others that were added to a vocabulary. Each is looked for
// either in the text as given or in the normalized text, and may take the spaces beside it along.
// Leftmost match first, the longest among those. Immutable; any thread may read.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/byte_trie.h"
#include "models/text/normalizer.h"

namespace strata {

// One added token, with Hugging Face's options.
struct AddedToken {
  std::string content;
  int64_t id = 0;
  bool single_word = false;  // not within a word
  bool lstrip = false;       // takes the spaces before it
  bool rstrip = false;       // takes the spaces after it
  bool normalized = true;    // looked for in normalized text, in its normalized form
  bool special = false;      // left out of decoded text on demand

  bool operator==(const AddedToken&) const = default;
};

// Whether special tokens are recognised in a text, or read as the characters they are written with.
enum class SpecialText { kParse, kPlain };

class AddedTokens {
 public:
  // A part of a text: an added token, or normalized text for the pre-tokenizer.
  struct Section {
    std::optional<int32_t> id;
    std::string text;           // when there is no id; never empty
    bool at_beginning = false;  // begins where the whole text begins
  };

  // `normalizer` must outlive this. InvalidArgument naming `origin` for an empty content, an id out
  // of [0, kMaxTokenIds), or two tokens of one content or id.
  static absl::StatusOr<AddedTokens> Create(std::vector<AddedToken> tokens,
                                            const Normalizer& normalizer, absl::string_view origin);

  // Cuts `text` (valid UTF-8) at added tokens and normalizes what lies between.
  absl::StatusOr<std::vector<Section>> Cut(absl::string_view text, SpecialText special) const;

  std::optional<int32_t> IdOf(absl::string_view content) const;
  // The token of `id`; nullptr if there is none. Valid while this lives.
  const AddedToken* TokenOf(int64_t id) const;
  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }
  int64_t max_id() const { return max_id_; }  // -1 when empty

 private:
  struct Match {
    size_t begin = 0;
    size_t end = 0;
    const AddedToken* token = nullptr;
  };
  // The tokens looked for in one kind of text.
  struct Index {
    ByteTrie trie;                           // what to look for -> position in tokens_
    std::array<bool, 256> first_bytes = {};  // that something begins with
    void Insert(absl::string_view pattern, size_t position);
  };

  explicit AddedTokens(const Normalizer& normalizer) : normalizer_(&normalizer) {}

  std::vector<Match> FindAll(absl::string_view text, const Index& index, SpecialText special) const;

  const Normalizer* normalizer_;
  std::vector<AddedToken> tokens_;
  absl::flat_hash_map<std::string, size_t> by_content_;  // position in tokens_
  absl::flat_hash_map<int64_t, size_t> by_id_;
  int64_t max_id_ = -1;
  Index plain_, normalized_;
};

}  // namespace strata
