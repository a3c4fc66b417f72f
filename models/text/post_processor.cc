#include "models/text/post_processor.h"

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "models/text/vocabulary.h"

namespace strata {
namespace {

using nlohmann::json;

absl::StatusOr<int32_t> ReadId(const json& value, absl::string_view place) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() >= kMaxTokenIds) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, ": expected a token id of 0 to ", kMaxTokenIds - 1));
  }
  return static_cast<int32_t>(value.get<uint64_t>());
}

// The ids of "special_tokens": {name: {"id": name, "ids": [...], "tokens": [...]}}.
absl::Status AppendSpecial(const json& processor, const json& piece, absl::string_view place,
                           std::vector<int32_t>& ids) {
  STRATA_ASSIGN_OR_RETURN(const std::string name, GetString(piece, "id", place));
  if (!HasValue(processor, "special_tokens") || !HasValue(processor["special_tokens"], name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, ": special token '", name, "' is not defined"));
  }
  const json& token = processor["special_tokens"][name];
  if (!HasValue(token, "ids") || !token["ids"].is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, ": special token '", name, "' has no list 'ids'"));
  }
  for (const json& value : token["ids"]) {
    STRATA_ASSIGN_OR_RETURN(const int32_t id,
                            ReadId(value, absl::StrCat(place, ": special token '", name, "'")));
    ids.push_back(id);
  }
  return absl::OkStatus();
}

absl::StatusOr<SpecialAffixes> ReadTemplate(const json& object, absl::string_view place) {
  if (!HasValue(object, "single") || !object["single"].is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(place, ": expected a list 'single'"));
  }
  SpecialAffixes affixes;
  bool seen_text = false;
  for (const json& piece : object["single"]) {
    if (HasValue(piece, "Sequence")) {
      STRATA_ASSIGN_OR_RETURN(const std::string id, GetString(piece["Sequence"], "id", place));
      if (id != "A" || seen_text) {
        return absl::InvalidArgumentError(
            absl::StrCat(place, ": 'single' must have sequence A once, and no other"));
      }
      seen_text = true;
    } else if (HasValue(piece, "SpecialToken")) {
      STRATA_RETURN_IF_ERROR(AppendSpecial(object, piece["SpecialToken"], place,
                                           seen_text ? affixes.suffix : affixes.prefix));
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat(place, ": a piece of 'single' is neither Sequence nor SpecialToken"));
    }
  }
  if (!seen_text) {
    return absl::InvalidArgumentError(absl::StrCat(place, ": 'single' lacks sequence A"));
  }
  return affixes;
}

// "cls": [token, id] before the text, "sep": [token, id] after it.
absl::StatusOr<SpecialAffixes> ReadBert(const json& object, absl::string_view place) {
  SpecialAffixes affixes;
  for (const char* key : {"cls", "sep"}) {
    const std::string where = absl::StrCat(place, " '", key, "'");
    if (!HasValue(object, key) || !object[key].is_array() || object[key].size() != 2) {
      return absl::InvalidArgumentError(absl::StrCat(where, ": expected [token, id]"));
    }
    STRATA_ASSIGN_OR_RETURN(const int32_t id, ReadId(object[key][1], where));
    (affixes.prefix.empty() ? affixes.prefix : affixes.suffix).push_back(id);
  }
  return affixes;
}

absl::StatusOr<SpecialAffixes> ReadSequence(const json& object, absl::string_view place) {
  if (!HasValue(object, "processors") || !object["processors"].is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(place, ": expected a list 'processors'"));
  }
  SpecialAffixes all;
  int64_t index = 0;
  for (const json& processor : object["processors"]) {
    STRATA_ASSIGN_OR_RETURN(const SpecialAffixes affixes,
                            ReadPostProcessor(processor, absl::StrCat(place, "[", index, "]")));
    all.prefix.insert(all.prefix.begin(), affixes.prefix.begin(), affixes.prefix.end());
    all.suffix.insert(all.suffix.end(), affixes.suffix.begin(), affixes.suffix.end());
    ++index;
  }
  return all;
}

}  // namespace

absl::StatusOr<SpecialAffixes> ReadPostProcessor(const json& object, absl::string_view origin) {
  if (object.is_null()) return SpecialAffixes();
  STRATA_ASSIGN_OR_RETURN(const std::string type, GetString(object, "type", origin));
  const std::string place = absl::StrCat(origin, " ", type);
  if (type == "ByteLevel") return SpecialAffixes();  // it changes offsets only
  if (type == "TemplateProcessing") return ReadTemplate(object, place);
  if (type == "BertProcessing" || type == "RobertaProcessing") return ReadBert(object, place);
  if (type == "Sequence") return ReadSequence(object, place);
  return absl::UnimplementedError(absl::StrCat(origin, ": post-processor '", type, "'"));
}

}  // namespace strata
