// The Unigram language model (Kudo 2018), as T5 uses it.
//
// A word is cut where the sum of its pieces' log probabilities is largest: Viterbi over byte
// positions, time linear in the word's length times the longest piece. A character that no piece
// spells costs the lowest score minus 10; adjacent unknown characters make one token. Immutable;
// any thread may encode.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/byte_trie.h"
#include "models/text/subword_model.h"
#include "models/text/vocabulary.h"

namespace strata {

class UnigramModel final : public SubwordModel {
 public:
  struct Args {
    const Vocabulary& vocabulary;   // must outlive the model; ids are positions in `scores`
    std::vector<double> scores;     // log probability of each token
    std::optional<int32_t> unk_id;  // none: unknown characters are an error
    bool byte_fallback = false;     // unknown characters become tokens <0x00> to <0xFF>
  };

  // InvalidArgument naming `origin`: an unk_id outside the vocabulary, too few or too many scores.
  static absl::StatusOr<std::unique_ptr<UnigramModel>> Create(Args args, absl::string_view origin);

  absl::Status Encode(absl::string_view word, std::vector<int32_t>& ids) const override;

 private:
  struct Step;
  explicit UnigramModel(Args args);

  absl::Status FindBestPath(absl::string_view word, std::vector<Step>& steps) const;
  absl::Status AppendPiece(absl::string_view piece, std::vector<int32_t>& ids) const;

  const Args args_;
  double unk_score_ = 0;
  ByteTrie trie_;                                     // token -> id
  std::array<std::optional<int32_t>, 256> byte_ids_;  // of <0x00> to <0xFF>
};

}  // namespace strata
