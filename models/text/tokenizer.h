// The tokenizer of a model: text to token ids and back.
//
// One class for every format: tokenizer.json (BPE, Unigram, WordLevel), SentencePiece's
// tokenizer.model, and vocab.json with merges.txt. Ids are those of Hugging Face's tokenizers.
// Owns its vocabulary; immutable after Load, and every method may be called from any thread.
// Decoding a text while it is generated is Detokenizer's work (models/text/detokenizer.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace strata {

struct TokenizerParts;

struct EncodeOptions {
  // Whether BOS, EOS and the like are put around the text, as the tokenizer's files say.
  enum class SpecialTokens { kAdd, kOmit };
  // Whether special tokens that are spelled out in the text become their ids (a rendered chat
  // template), or are read as plain characters (text by a stranger).
  enum class SpecialText { kParse, kPlain };

  SpecialTokens special_tokens = SpecialTokens::kAdd;
  SpecialText special_text = SpecialText::kParse;
};

struct DecodeOptions {
  enum class SpecialTokens { kKeep, kSkip };
  // Removing the spaces before punctuation, which loses information. As configured: if
  // clean_up_tokenization_spaces is true in tokenizer_config.json; off when it is not there.
  enum class SpaceCleanup { kAsConfigured, kOff, kOn };

  SpecialTokens special_tokens = SpecialTokens::kKeep;
  SpaceCleanup space_cleanup = SpaceCleanup::kAsConfigured;
};

class Tokenizer {
 public:
  // Loads the tokenizer of a model directory: tokenizer.json, else tokenizer.model, else vocab.json
  // with merges.txt; with tokenizer_config.json, special_tokens_map.json and added_tokens.json
  // where they are. NotFound when there is none of these; InvalidArgument for malformed files and
  // Unimplemented for components that Strata lacks, naming the file and the component.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> Load(absl::string_view directory);

  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // The ids of `text`. Bytes that are no UTF-8 count as U+FFFD. ResourceExhausted when a splitting
  // expression backtracks beyond measure; InvalidArgument when the text cannot be expressed (a
  // vocabulary without an unknown token) or is larger than 128 MiB.
  absl::StatusOr<std::vector<int32_t>> Encode(absl::string_view text,
                                              const EncodeOptions& options = {}) const;

  // The text of `ids`; ids outside the vocabulary are skipped. Always valid UTF-8: bytes that make
  // no character become U+FFFD.
  std::string Decode(absl::Span<const int32_t> ids, const DecodeOptions& options = {}) const;

  // The bytes that one token stands for within a text (part of a character, maybe).
  // InvalidArgument when `id` is not in the vocabulary.
  absl::StatusOr<std::string> TokenBytes(int64_t id) const;

  // The token as its vocabulary writes it; nullopt when `id` is not in the vocabulary.
  std::optional<std::string> TokenOf(int64_t id) const;
  std::optional<int32_t> IdOf(absl::string_view token) const;
  bool IsSpecial(int64_t id) const;

  // One more than the largest id, added tokens included. Models may pad theirs further.
  int64_t vocab_size() const;

  // Special tokens by role: their text, empty when there is none, and their ids.
  const std::string& bos_token() const { return bos_.text; }
  const std::string& eos_token() const { return eos_.text; }
  const std::string& unk_token() const { return unk_.text; }
  const std::string& pad_token() const { return pad_.text; }
  std::optional<int32_t> bos_id() const { return bos_.id; }
  std::optional<int32_t> eos_id() const { return eos_.id; }
  std::optional<int32_t> unk_id() const { return unk_.id; }
  std::optional<int32_t> pad_id() const { return pad_.id; }

 private:
  friend class Detokenizer;
  struct Role {
    std::string text;
    std::optional<int32_t> id;
  };

  explicit Tokenizer(std::unique_ptr<const TokenizerParts> parts);

  const std::unique_ptr<const TokenizerParts> parts_;
  Role bos_, eos_, unk_, pad_;
};

}  // namespace strata
