#include "models/text/sentencepiece_proto.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/precompiled_charsmap.h"
#include "models/text/vocabulary.h"

namespace strata {
namespace {

// One field of a message: protobuf.dev/programming-guides/encoding.
struct Field {
  uint64_t number = 0;
  uint64_t integer = 0;     // of a varint, or the bits of a fixed-size field
  absl::string_view bytes;  // of a length-delimited field
};

class Message {
 public:
  Message(absl::string_view bytes, absl::string_view origin) : rest_(bytes), origin_(origin) {}

  bool AtEnd() const { return rest_.empty(); }

  absl::StatusOr<Field> Next() {
    STRATA_ASSIGN_OR_RETURN(const uint64_t tag, Varint());
    Field field;
    field.number = tag >> 3;
    switch (tag & 7) {
      case 0: {
        STRATA_ASSIGN_OR_RETURN(field.integer, Varint());
        return field;
      }
      case 1:
        return Fixed(field, 8);
      case 2: {
        STRATA_ASSIGN_OR_RETURN(const uint64_t size, Varint());
        if (size > rest_.size()) return Malformed("a field is longer than the file");
        field.bytes = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return field;
      }
      case 5:
        return Fixed(field, 4);
      default:
        return Malformed("unknown wire type");
    }
  }

  absl::Status Malformed(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(origin_, ": not a SentencePiece model: ", what));
  }

 private:
  absl::StatusOr<uint64_t> Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return Malformed("truncated");
      const auto byte = static_cast<unsigned char>(rest_[0]);
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    return Malformed("a number of more than 64 bits");
  }

  absl::StatusOr<Field> Fixed(Field field, size_t size) {
    if (rest_.size() < size) return Malformed("truncated");
    for (size_t i = size; i-- > 0;) {
      field.integer = (field.integer << 8) | static_cast<unsigned char>(rest_[i]);
    }
    rest_.remove_prefix(size);
    return field;
  }

  absl::string_view rest_;
  const absl::string_view origin_;
};

absl::Status CheckPiece(absl::string_view bytes, int64_t index, absl::string_view origin) {
  Message message(bytes, origin);
  while (!message.AtEnd()) {
    STRATA_ASSIGN_OR_RETURN(const Field field, message.Next());
    if (field.number != 2) continue;  // score
    const auto bits = static_cast<uint32_t>(field.integer);
    float score = 0;
    std::memcpy(&score, &bits, sizeof(score));
    if (!std::isfinite(score)) {
      return message.Malformed(absl::StrCat("the score of piece ", index, " is not finite"));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadTrainerSpec(absl::string_view bytes, absl::string_view origin,
                             SentencePieceProto& proto) {
  Message message(bytes, origin);
  while (!message.AtEnd()) {
    STRATA_ASSIGN_OR_RETURN(const Field field, message.Next());
    if (field.number == 24) proto.treat_whitespace_as_suffix = field.integer != 0;
  }
  return absl::OkStatus();
}

absl::Status ReadNormalizerSpec(absl::string_view bytes, absl::string_view origin,
                                SentencePieceProto& proto) {
  Message message(bytes, origin);
  while (!message.AtEnd()) {
    STRATA_ASSIGN_OR_RETURN(const Field field, message.Next());
    if (field.number == 2) {
      STRATA_RETURN_IF_ERROR(PrecompiledCharsmap::Create(field.bytes, origin).status());
    } else if (field.number == 3) {
      proto.add_dummy_prefix = field.integer != 0;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SentencePieceProto> ReadSentencePieceProto(absl::string_view bytes,
                                                          absl::string_view origin) {
  SentencePieceProto proto;
  Message message(bytes, origin);
  while (!message.AtEnd()) {
    STRATA_ASSIGN_OR_RETURN(const Field field, message.Next());
    switch (field.number) {
      case 1:
        STRATA_RETURN_IF_ERROR(CheckPiece(field.bytes, proto.num_pieces, origin));
        if (++proto.num_pieces > kMaxTokenIds) return message.Malformed("too many pieces");
        break;
      case 2:
        STRATA_RETURN_IF_ERROR(ReadTrainerSpec(field.bytes, origin, proto));
        break;
      case 3:
        STRATA_RETURN_IF_ERROR(ReadNormalizerSpec(field.bytes, origin, proto));
        break;
      case 5: {  // the denormalizer has a character map too; its other options are not ours
        SentencePieceProto unused;
        STRATA_RETURN_IF_ERROR(ReadNormalizerSpec(field.bytes, origin, unused));
        break;
      }
      default:
        break;
    }
  }
  if (proto.num_pieces == 0) return message.Malformed("it has no pieces");
  return proto;
}

}  // namespace strata
