#include "models/text/bpe_model.h"

#include <algorithm>
#include <limits>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "models/text/unicode.h"

namespace strata {
namespace {

uint64_t PairKey(int32_t left, int32_t right) {
  return (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) | static_cast<uint32_t>(right);
}

}  // namespace

// Joins the symbols of one word.
class BpeModel::Merger {
 public:
  Merger(const BpeModel& model, const std::vector<int32_t>& symbols) : model_(model) {
    const int32_t count = static_cast<int32_t>(symbols.size());
    symbols_.reserve(symbols.size());
    for (int32_t i = 0; i < count; ++i) {
      symbols_.push_back({symbols[static_cast<size_t>(i)], i - 1, i + 1 < count ? i + 1 : kNone});
    }
    for (int32_t i = 0; i + 1 < count; ++i) Consider(i);
    std::make_heap(queue_.begin(), queue_.end());
  }

  void Run(std::vector<int32_t>& ids) {
    while (!queue_.empty()) {
      std::pop_heap(queue_.begin(), queue_.end());
      const Candidate best = queue_.back();
      queue_.pop_back();
      Symbol& left = At(best.position);
      if (left.id == kRemoved || left.next == kNone) continue;
      Symbol& right = At(left.next);
      // The pair may have changed since it was queued.
      const Joined* joined = Find(left.id, right.id);
      if (joined == nullptr || joined->id != best.id) continue;
      left.id = best.id;
      left.next = right.next;
      right.id = kRemoved;
      if (left.next != kNone) At(left.next).previous = best.position;
      if (left.previous != kNone) Push(left.previous);
      if (left.next != kNone) Push(best.position);
    }
    for (const Symbol& symbol : symbols_) {
      if (symbol.id != kRemoved) ids.push_back(symbol.id);
    }
  }

 private:
  static constexpr int32_t kNone = -1;
  static constexpr int32_t kRemoved = -1;

  struct Symbol {
    int32_t id = 0;
    int32_t previous = kNone;
    int32_t next = kNone;
  };
  struct Candidate {
    int32_t rank = 0;
    int32_t position = 0;  // of the left symbol
    int32_t id = 0;        // of the joined token
    // The heap's greatest is the candidate of lowest rank, then the leftmost.
    bool operator<(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : position > other.position;
    }
  };

  Symbol& At(int32_t position) { return symbols_[static_cast<size_t>(position)]; }

  const Joined* Find(int32_t left, int32_t right) const {
    const auto it = model_.joined_.find(PairKey(left, right));
    return it == model_.joined_.end() ? nullptr : &it->second;
  }
  bool Consider(int32_t position) {
    const Symbol& left = At(position);
    const Joined* joined = Find(left.id, At(left.next).id);
    if (joined == nullptr) return false;
    queue_.push_back({joined->rank, position, joined->id});
    return true;
  }
  void Push(int32_t position) {
    if (Consider(position)) std::push_heap(queue_.begin(), queue_.end());
  }

  const BpeModel& model_;
  absl::InlinedVector<Symbol, 32> symbols_;
  absl::InlinedVector<Candidate, 32> queue_;
};

BpeModel::BpeModel(const Vocabulary& vocabulary, const BpeOptions& options)
    : vocabulary_(vocabulary), options_(options) {
  for (size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    byte_ids_[byte] = vocabulary.IdOf(absl::StrFormat("<0x%02X>", byte));
  }
  for (char32_t c = 0; c < kNumDirect; ++c) {
    std::string character;
    AppendUtf8(c, character);
    direct_[c] = vocabulary.IdOf(character);
  }
}

absl::StatusOr<std::unique_ptr<BpeModel>> BpeModel::Create(const Vocabulary& vocabulary,
                                                           const std::vector<Merge>& merges,
                                                           const BpeOptions& options,
                                                           absl::string_view origin) {
  std::unique_ptr<BpeModel> model(new BpeModel(vocabulary, options));
  if (!options.unk_token.empty()) {
    model->unk_id_ = vocabulary.IdOf(options.unk_token);
    if (!model->unk_id_.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat(origin, ": unk_token '", options.unk_token, "' is not in the vocabulary"));
    }
  }
  model->joined_.reserve(merges.size());
  const std::string& prefix = options.continuing_subword_prefix;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string& left = merges[rank].first;
    const std::string& right = merges[rank].second;
    const auto unknown = [&](absl::string_view token) {
      return absl::InvalidArgumentError(absl::StrCat(origin, ": merge ", rank, " ('", left, "', '",
                                                     right, "'): token '", token,
                                                     "' is not in the vocabulary"));
    };
    const std::optional<int32_t> left_id = vocabulary.IdOf(left);
    if (!left_id.has_value()) return unknown(left);
    const std::optional<int32_t> right_id = vocabulary.IdOf(right);
    if (!right_id.has_value()) return unknown(right);
    if (right.size() < prefix.size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          origin, ": merge ", rank, " ('", left, "', '", right,
          "'): the right token is shorter than continuing_subword_prefix '", prefix, "'"));
    }
    const std::string token = absl::StrCat(left, right.substr(prefix.size()));
    const std::optional<int32_t> id = vocabulary.IdOf(token);
    if (!id.has_value()) return unknown(token);
    model->joined_[PairKey(*left_id, *right_id)] = {static_cast<int32_t>(rank), *id};
  }
  return model;
}

std::optional<int32_t> BpeModel::SymbolOf(absl::string_view character, bool first,
                                          bool last) const {
  const bool prefixed = !first && !options_.continuing_subword_prefix.empty();
  const bool suffixed = last && !options_.end_of_word_suffix.empty();
  if (prefixed || suffixed) {
    return vocabulary_.IdOf(absl::StrCat(prefixed ? options_.continuing_subword_prefix : "",
                                         character, suffixed ? options_.end_of_word_suffix : ""));
  }
  if (character.size() <= 2) {
    const char32_t c = ReadUtf8(character, 0).code_point;
    if (c < kNumDirect) return direct_[c];
  }
  return vocabulary_.IdOf(character);
}

bool BpeModel::AppendByteTokens(absl::string_view character, std::vector<int32_t>& symbols) const {
  const size_t size = symbols.size();
  for (const char c : character) {
    const std::optional<int32_t>& id = byte_ids_[static_cast<unsigned char>(c)];
    if (!id.has_value()) {
      symbols.resize(size);
      return false;
    }
    symbols.push_back(*id);
  }
  return true;
}

void BpeModel::AppendSymbols(absl::string_view word, std::vector<int32_t>& symbols) const {
  bool unknown_before = false;  // an unknown symbol waits to be appended
  for (size_t i = 0; i < word.size();) {
    const absl::string_view character = word.substr(i, Utf8Length(word[i]));
    const bool first = i == 0;
    i += character.size();
    const bool last = i == word.size();
    if (const std::optional<int32_t> id = SymbolOf(character, first, last); id.has_value()) {
      if (unknown_before) symbols.push_back(*unk_id_);
      unknown_before = false;
      symbols.push_back(*id);
      continue;
    }
    if (options_.byte_fallback) {
      const std::string spelled = absl::StrCat(first ? "" : options_.continuing_subword_prefix,
                                               character, last ? options_.end_of_word_suffix : "");
      if (AppendByteTokens(spelled, symbols)) continue;
    }
    if (!unk_id_.has_value()) continue;
    if (unknown_before && !options_.fuse_unk) symbols.push_back(*unk_id_);
    unknown_before = true;
  }
  if (unknown_before) symbols.push_back(*unk_id_);
}

absl::Status BpeModel::Encode(absl::string_view word, std::vector<int32_t>& ids) const {
  if (word.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max() / 16)) {
    return absl::InvalidArgumentError(absl::StrCat("a word of ", word.size(), " bytes"));
  }
  if (options_.ignore_merges) {
    if (const std::optional<int32_t> id = vocabulary_.IdOf(word); id.has_value()) {
      ids.push_back(*id);
      return absl::OkStatus();
    }
  }
  std::vector<int32_t> symbols;
  symbols.reserve(word.size());
  AppendSymbols(word, symbols);
  if (symbols.size() < 2) {
    ids.insert(ids.end(), symbols.begin(), symbols.end());
    return absl::OkStatus();
  }
  Merger(*this, symbols).Run(ids);
  return absl::OkStatus();
}

}  // namespace strata
