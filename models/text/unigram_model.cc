#include "models/text/unigram_model.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernels/base/status.h"
#include "models/text/unicode.h"

namespace strata {
namespace {

constexpr double kUnknownPenalty = 10.0;  // sentencepiece, src/unigram_model.cc

absl::Status NoUnknownToken(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is not in the vocabulary and the model has no unknown token"));
}

}  // namespace

// The best way to reach the end of a prefix of the word.
struct UnigramModel::Step {
  double score = 0;
  int32_t begin = -1;  // of the last piece; -1: not reached
  int32_t id = 0;
};

UnigramModel::UnigramModel(Args args) : args_(std::move(args)) {
  double lowest = std::numeric_limits<double>::infinity();
  for (size_t id = 0; id < args_.scores.size(); ++id) {
    lowest = std::min(lowest, args_.scores[id]);
    const absl::string_view token = *args_.vocabulary.TokenOf(static_cast<int64_t>(id));
    if (!token.empty()) trie_.Insert(token, static_cast<int32_t>(id));
  }
  unk_score_ = lowest - kUnknownPenalty;
  for (size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    byte_ids_[byte] = args_.vocabulary.IdOf(absl::StrFormat("<0x%02X>", byte));
  }
}

absl::StatusOr<std::unique_ptr<UnigramModel>> UnigramModel::Create(Args args,
                                                                   absl::string_view origin) {
  const auto count = static_cast<int64_t>(args.scores.size());
  for (int64_t id = 0; id < count; ++id) {
    if (!args.vocabulary.TokenOf(id).has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(origin, ": id ", id, " has no token"));
    }
  }
  if (args.unk_id.has_value() && (*args.unk_id < 0 || *args.unk_id >= count)) {
    return absl::InvalidArgumentError(
        absl::StrCat(origin, ": unk_id ", *args.unk_id, ", expected an id below ", count));
  }
  return std::unique_ptr<UnigramModel>(new UnigramModel(std::move(args)));
}

absl::Status UnigramModel::FindBestPath(absl::string_view word, std::vector<Step>& steps) const {
  steps.assign(word.size() + 1, Step());
  const auto offer = [&](size_t begin, size_t end, double score, int32_t id) {
    Step& step = steps[end];
    const double total = steps[begin].score + score;
    if (step.begin < 0 || total > step.score) step = {total, static_cast<int32_t>(begin), id};
  };
  for (size_t begin = 0; begin < word.size();) {
    const auto length = static_cast<size_t>(Utf8Length(word[begin]));
    bool has_character = false;
    trie_.ForEachPrefix(word.substr(begin), [&](size_t size, int32_t id) {
      offer(begin, begin + size, args_.scores[static_cast<size_t>(id)], id);
      has_character |= size == length;
    });
    if (!has_character) {
      if (!args_.unk_id.has_value()) return NoUnknownToken(word.substr(begin, length));
      offer(begin, begin + length, unk_score_, *args_.unk_id);
    }
    begin += length;
  }
  return absl::OkStatus();
}

absl::Status UnigramModel::AppendPiece(absl::string_view piece, std::vector<int32_t>& ids) const {
  if (const std::optional<int32_t> id = args_.vocabulary.IdOf(piece);
      id.has_value() && static_cast<size_t>(*id) < args_.scores.size()) {
    ids.push_back(*id);
    return absl::OkStatus();
  }
  if (args_.byte_fallback && std::all_of(piece.begin(), piece.end(), [&](char c) {
        return byte_ids_[static_cast<unsigned char>(c)].has_value();
      })) {
    for (const char c : piece) ids.push_back(*byte_ids_[static_cast<unsigned char>(c)]);
    return absl::OkStatus();
  }
  if (!args_.unk_id.has_value()) return NoUnknownToken(piece);
  ids.push_back(*args_.unk_id);
  return absl::OkStatus();
}

absl::Status UnigramModel::Encode(absl::string_view word, std::vector<int32_t>& ids) const {
  if (word.size() >= static_cast<size_t>(std::numeric_limits<int32_t>::max() / 16)) {
    return absl::InvalidArgumentError(absl::StrCat("a word of ", word.size(), " bytes"));
  }
  std::vector<Step> steps;
  STRATA_RETURN_IF_ERROR(FindBestPath(word, steps));
  std::vector<std::pair<size_t, size_t>> pieces;  // [begin, end), from the last to the first
  bool after_unknown = false;
  for (size_t end = word.size(); end > 0;) {
    const Step& step = steps[end];
    const auto begin = static_cast<size_t>(step.begin);
    const bool unknown = args_.unk_id.has_value() && step.id == *args_.unk_id;
    if (unknown && after_unknown) {
      pieces.back().first = begin;
    } else {
      pieces.emplace_back(begin, end);
    }
    after_unknown = unknown;
    end = begin;
  }
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
    STRATA_RETURN_IF_ERROR(
        AppendPiece(word.substr(piece->first, piece->second - piece->first), ids));
  }
  return absl::OkStatus();
}

}  // namespace strata
