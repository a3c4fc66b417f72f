// The state machines that TokenDecoder chains: each takes pieces of text and hands on pieces.
//
// Before Fuse or ByteLevel a piece is a whole token; after it, any fragment of the text that
// consists of whole characters. Stages of both kinds exist where a step may stand on either side.
// A stage belongs to one stream.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "models/text/token_decoder.h"

namespace strata {

class DecodeStage {
 public:
  virtual ~DecodeStage() = default;
  virtual void Push(absl::string_view piece) = 0;
  virtual void Finish() { next_->Finish(); }
  void set_next(DecodeStage& next) { next_ = &next; }

 protected:
  DecodeStage& next() { return *next_; }

 private:
  DecodeStage* next_ = nullptr;  // outlives this stage's use; set before the first piece
};

// What the pieces are where the stage stands.
enum class PieceKind { kTokens, kFragments };

// The stage of `step`, or nullptr if it has nothing to do. `step` must outlive the stage.
std::unique_ptr<DecodeStage> MakeDecodeStage(const TokenDecoder::Step& step, PieceKind kind);

// Replaces `literal` by `content` in the text that the fragments make up.
std::unique_ptr<DecodeStage> MakeReplaceStage(absl::string_view literal, absl::string_view content);

// Whether the pieces after `step` are fragments of one text.
bool FusesTokens(const TokenDecoder::Step& step);

// The value of a byte token "<0xE3>", or -1.
int ByteOfToken(absl::string_view token);

// Replaces every `from` (not empty) in `text` by `to`.
std::string ReplaceLiteral(absl::string_view text, absl::string_view from, absl::string_view to);

}  // namespace strata
