// From tokens back to text, one token at a time.
//
// A decoder of tokenizer.json is a chain of steps over a list of tokens; here each step is a small
// state machine, so that a text can be decoded while it is generated. Decoding a whole text is the
// same chain run to its end: the two agree by construction. TokenDecoder is immutable and shared; a
// Stream belongs to one text.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata {

// Whether the spaces before punctuation and English contractions are removed (" ," -> ","), as
// Hugging Face's clean_up_tokenization_spaces does. Lossy.
enum class SpaceCleanup { kOff, kOn };

class TokenDecoder {
 public:
  // One text being decoded.
  class Stream {
   public:
    virtual ~Stream() = default;
    // Appends to `out` what `token` adds to the text for certain: whole characters only.
    virtual void Push(absl::string_view token, std::string& out) = 0;
    // The text ends: appends what was held back, U+FFFD for incomplete characters.
    virtual void Finish(std::string& out) = 0;
  };

  // `object` is the "decoder" of a tokenizer.json: ByteLevel, Replace (of a string), ByteFallback,
  // Fuse, Strip, Metaspace, BPEDecoder, Sequence; null joins tokens with spaces. After Fuse or
  // ByteLevel only Replace, Strip and Fuse may follow. InvalidArgument / Unimplemented naming
  // `origin` and the component.
  //
  // One difference from Hugging Face: a run of byte tokens that is not UTF-8 keeps its valid
  // characters, and each other byte becomes U+FFFD, as in SentencePiece; there the whole run is
  // lost.
  static absl::StatusOr<TokenDecoder> Create(const nlohmann::json& object,
                                             absl::string_view origin);

  // A stream that must not outlive this.
  std::unique_ptr<Stream> Start(SpaceCleanup cleanup) const;

  // The bytes that `token` stands for within a text, not necessarily UTF-8.
  std::string BytesOf(absl::string_view token) const;

  // The steps, in order; public for the state machines that run them.
  struct Replace {
    std::string literal, content;
  };
  struct ByteLevel {};
  struct ByteFallback {};
  struct Fuse {};
  struct Strip {
    std::string content;  // one character
    int start = 0;        // at most so many are removed before the text, and `stop` after it
    int stop = 0;
  };
  struct Spaces {  // Metaspace
    std::string replacement;
    bool drop_first = false;  // removes them from the first token
  };
  struct WordSuffix {  // BPEDecoder
    std::string suffix;
  };
  struct Join {};
  using Step =
      std::variant<Replace, ByteLevel, ByteFallback, Fuse, Strip, Spaces, WordSuffix, Join>;

 private:
  explicit TokenDecoder(std::vector<Step> steps) : steps_(std::move(steps)) {}

  std::vector<Step> steps_;
};

}  // namespace strata
