// Byte pair encoding (Sennrich et al. 2016), as GPT-2, Qwen, Llama and DeepSeek use it.
//
// A word becomes one symbol per character; then the adjacent pair of lowest merge rank is joined,
// again and again, the leftmost first among equals. A heap over a linked list makes that
// O(n log n), so that a word of a megabyte is no danger. Immutable; any thread may encode.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/subword_model.h"
#include "models/text/vocabulary.h"

namespace strata {

// The options of a "BPE" model, with Hugging Face's names and meaning.
struct BpeOptions {
  std::string unk_token;                  // empty: what the vocabulary lacks is dropped
  std::string continuing_subword_prefix;  // before every character of a word but the first
  std::string end_of_word_suffix;         // after the last character of a word
  bool fuse_unk = false;                  // adjacent unknown characters make one token
  bool byte_fallback = false;             // unknown characters become tokens <0x00> to <0xFF>
  bool ignore_merges = false;             // a word in the vocabulary is taken whole
};

class BpeModel final : public SubwordModel {
 public:
  using Merge = std::pair<std::string, std::string>;

  // `merges` in order of rank; a repeated pair has its last rank. `vocabulary` must outlive the
  // model. InvalidArgument naming `origin` and the merge or token: a merge of tokens, or into a
  // token, that the vocabulary lacks; an unk_token that it lacks.
  static absl::StatusOr<std::unique_ptr<BpeModel>> Create(const Vocabulary& vocabulary,
                                                          const std::vector<Merge>& merges,
                                                          const BpeOptions& options,
                                                          absl::string_view origin);

  absl::Status Encode(absl::string_view word, std::vector<int32_t>& ids) const override;

 private:
  struct Joined {
    int32_t rank = 0;
    int32_t id = 0;
  };
  class Merger;

  BpeModel(const Vocabulary& vocabulary, const BpeOptions& options);

  std::optional<int32_t> SymbolOf(absl::string_view character, bool first, bool last) const;
  void AppendSymbols(absl::string_view word, std::vector<int32_t>& symbols) const;
  bool AppendByteTokens(absl::string_view character, std::vector<int32_t>& symbols) const;

  // Characters below this are looked up in a table; covers the byte alphabet.
  static constexpr char32_t kNumDirect = 0x180;

  const Vocabulary& vocabulary_;
  const BpeOptions options_;
  std::optional<int32_t> unk_id_;
  std::array<std::optional<int32_t>, 256> byte_ids_;       // of <0x00> to <0xFF>
  std::array<std::optional<int32_t>, kNumDirect> direct_;  // ids of single characters
  absl::flat_hash_map<uint64_t, Joined> joined_;           // (left << 32 | right) -> token
};

}  // namespace strata
