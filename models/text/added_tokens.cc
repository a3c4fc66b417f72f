#include "models/text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/unicode.h"
#include "models/text/vocabulary.h"

namespace strata {
namespace {

// The offset of the character that ends at `end`.
size_t PreviousCharacter(absl::string_view text, size_t end) {
  size_t begin = end - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return begin;
}

bool WordEndsAt(absl::string_view text, size_t end) {
  return end > 0 && IsWord(ReadUtf8(text, PreviousCharacter(text, end)).code_point);
}

bool WordBeginsAt(absl::string_view text, size_t begin) {
  return begin < text.size() && IsWord(ReadUtf8(text, begin).code_point);
}

size_t SkipSpacesBack(absl::string_view text, size_t end, size_t limit) {
  while (end > limit) {
    const size_t begin = PreviousCharacter(text, end);
    if (!IsWhitespace(ReadUtf8(text, begin).code_point)) break;
    end = begin;
  }
  return std::max(end, limit);
}

size_t SkipSpaces(absl::string_view text, size_t begin) {
  while (begin < text.size()) {
    const Utf8Character character = ReadUtf8(text, begin);
    if (!IsWhitespace(character.code_point)) break;
    begin += character.num_bytes;
  }
  return begin;
}

}  // namespace

void AddedTokens::Index::Insert(absl::string_view pattern, size_t position) {
  if (pattern.empty()) return;
  trie.Insert(pattern, static_cast<int32_t>(position));
  first_bytes[static_cast<unsigned char>(pattern[0])] = true;
}

absl::StatusOr<AddedTokens> AddedTokens::Create(std::vector<AddedToken> tokens,
                                                const Normalizer& normalizer,
                                                absl::string_view origin) {
  AddedTokens added(normalizer);
  added.tokens_ = std::move(tokens);
  for (size_t i = 0; i < added.tokens_.size(); ++i) {
    const AddedToken& token = added.tokens_[i];
    const std::string name = absl::StrCat(origin, ": added token '", token.content, "'");
    if (token.content.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(origin, ": the added token of id ", token.id, " is empty"));
    }
    if (token.id < 0 || token.id >= kMaxTokenIds) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " has id ", token.id, ", expected 0 to ", kMaxTokenIds - 1));
    }
    if (!added.by_content_.emplace(token.content, i).second) {
      return absl::InvalidArgumentError(absl::StrCat(name, " appears twice"));
    }
    if (!added.by_id_.emplace(token.id, i).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": id ", token.id, " belongs to another added token"));
    }
    added.max_id_ = std::max(added.max_id_, token.id);
    if (token.normalized) {
      std::string pattern = token.content;
      if (const absl::Status status = normalizer.Apply(pattern); !status.ok()) {
        return WithContext(status, name);
      }
      added.normalized_.Insert(pattern, i);
    } else {
      added.plain_.Insert(token.content, i);
    }
  }
  return added;
}

std::vector<AddedTokens::Match> AddedTokens::FindAll(absl::string_view text, const Index& index,
                                                     SpecialText special) const {
  std::vector<Match> matches;
  if (index.trie.empty()) return matches;
  size_t free_from = 0;  // the previous match ends here
  for (size_t i = 0; i < text.size();) {
    if (!index.first_bytes[static_cast<unsigned char>(text[i])]) {
      ++i;
      continue;
    }
    size_t length = 0;
    const AddedToken* token = nullptr;
    index.trie.ForEachPrefix(text.substr(i), [&](size_t size, int32_t position) {
      length = size;
      token = &tokens_[static_cast<size_t>(position)];
    });
    if (token == nullptr) {
      ++i;
      continue;
    }
    Match match{i, i + length, token};
    i = match.end;
    if (special == SpecialText::kPlain && token->special) continue;
    if (token->single_word && (WordEndsAt(text, match.begin) || WordBeginsAt(text, match.end))) {
      continue;
    }
    if (token->lstrip) match.begin = SkipSpacesBack(text, match.begin, free_from);
    if (token->rstrip) match.end = SkipSpaces(text, match.end);
    if (match.begin >= match.end) continue;  // only spaces that the previous match took
    free_from = match.end;
    matches.push_back(match);
  }
  return matches;
}

absl::StatusOr<std::vector<AddedTokens::Section>> AddedTokens::Cut(absl::string_view text,
                                                                   SpecialText special) const {
  std::vector<Section> sections;
  // Appends what lies between the `matches` in `part` by way of `append_text`, and the matches.
  const auto walk = [&](absl::string_view part, const std::vector<Match>& matches,
                        const auto& append_text) -> absl::Status {
    size_t end = 0;
    for (const Match& match : matches) {
      if (match.begin > end) {
        STRATA_RETURN_IF_ERROR(append_text(part.substr(end, match.begin - end), end == 0));
      }
      sections.push_back({static_cast<int32_t>(match.token->id), "", false});
      end = match.end;
    }
    if (end < part.size()) STRATA_RETURN_IF_ERROR(append_text(part.substr(end), end == 0));
    return absl::OkStatus();
  };
  const auto normalize_and_walk = [&](absl::string_view part, bool at_beginning) -> absl::Status {
    std::string normalized(part);
    STRATA_RETURN_IF_ERROR(normalizer_->Apply(normalized));
    const auto append = [&](absl::string_view inner, bool first) {
      sections.push_back({std::nullopt, std::string(inner), at_beginning && first});
      return absl::OkStatus();
    };
    return walk(normalized, FindAll(normalized, normalized_, special), append);
  };
  STRATA_RETURN_IF_ERROR(walk(text, FindAll(text, plain_, special), normalize_and_walk));
  return sections;
}

std::optional<int32_t> AddedTokens::IdOf(absl::string_view content) const {
  const auto it = by_content_.find(content);
  if (it == by_content_.end()) return std::nullopt;
  return static_cast<int32_t>(tokens_[it->second].id);
}

const AddedToken* AddedTokens::TokenOf(int64_t id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &tokens_[it->second];
}

}  // namespace strata
