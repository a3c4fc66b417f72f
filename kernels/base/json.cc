#include "kernels/base/json.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "kernels/base/file.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

using nlohmann::json;

// Watches a parse: throws at a duplicate key or too deep a nesting. ParseJson catches.
class StructureGuard {
 public:
  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxJsonDepth)
      throw std::runtime_error(absl::StrCat("nested deeper than ", kMaxJsonDepth));
    switch (event) {
      case json::parse_event_t::object_start:
        keys_.emplace_back();
        break;
      case json::parse_event_t::object_end:
        keys_.pop_back();
        break;
      case json::parse_event_t::key:
        if (!keys_.back().insert(parsed.get<std::string>()).second) {
          throw std::runtime_error(absl::StrCat("duplicate key '", parsed.get<std::string>(), "'"));
        }
        break;
      default:
        break;
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> keys_;  // of the objects that are open, outermost first
};

absl::StatusOr<const json*> Find(const json& object, absl::string_view key,
                                 absl::string_view origin) {
  if (!object.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(origin, ": expected an object with key '", key, "'"));
  }
  const auto it = object.find(std::string(key));
  if (it == object.end()) {
    return absl::InvalidArgumentError(absl::StrCat(origin, ": key '", key, "' is missing"));
  }
  return &*it;
}

absl::Status WrongType(absl::string_view origin, absl::string_view key, absl::string_view expected,
                       const json& value) {
  std::string shown = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (shown.size() > 80) shown = shown.substr(0, 80) + "...";
  return absl::InvalidArgumentError(
      absl::StrCat(origin, ": key '", key, "': expected ", expected, ", got ", shown));
}

}  // namespace

absl::StatusOr<json> ParseJson(absl::string_view text, absl::string_view origin) {
  // The library takes a NUL byte for the end of the text and would pass over what follows it.
  if (const size_t place = text.find('\0'); place != absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(origin, ": not valid JSON: a NUL byte at byte ", place));
  }
  try {
    StructureGuard guard;
    return json::parse(text.begin(), text.end(),
                       [&guard](int depth, json::parse_event_t event, json& parsed) {
                         return guard(depth, event, parsed);
                       });
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(origin, ": not valid JSON: ", error.what()));
  }
}

absl::StatusOr<json> ReadJsonFile(const std::string& path, int64_t max_bytes) {
  STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, max_bytes));
  return ParseJson(text, path);
}

absl::StatusOr<std::vector<json>> ParseJsonLines(absl::string_view text, absl::string_view origin) {
  std::vector<json> rows;
  int64_t line_number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    if (line.find_first_not_of(" \t\r") == absl::string_view::npos) continue;
    STRATA_ASSIGN_OR_RETURN(json row, ParseJson(line, absl::StrCat(origin, ":", line_number)));
    rows.push_back(std::move(row));
  }
  return rows;
}

absl::StatusOr<int64_t> GetInt(const json& object, absl::string_view key, int64_t min, int64_t max,
                               absl::string_view origin) {
  STRATA_ASSIGN_OR_RETURN(const json* value, Find(object, key, origin));
  const std::string expected = absl::StrCat("an integer in [", min, ", ", max, "]");
  if (!value->is_number_integer()) return WrongType(origin, key, expected, *value);
  if (value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
    return WrongType(origin, key, expected, *value);
  }
  const int64_t number = value->get<int64_t>();
  if (number < min || number > max) return WrongType(origin, key, expected, *value);
  return number;
}

absl::StatusOr<double> GetNumber(const json& object, absl::string_view key,
                                 absl::string_view origin) {
  STRATA_ASSIGN_OR_RETURN(const json* value, Find(object, key, origin));
  if (!value->is_number() || !std::isfinite(value->get<double>())) {
    return WrongType(origin, key, "a finite number", *value);
  }
  return value->get<double>();
}

absl::StatusOr<std::string> GetString(const json& object, absl::string_view key,
                                      absl::string_view origin) {
  STRATA_ASSIGN_OR_RETURN(const json* value, Find(object, key, origin));
  if (!value->is_string()) return WrongType(origin, key, "a string", *value);
  return value->get<std::string>();
}

absl::StatusOr<bool> GetBool(const json& object, absl::string_view key, absl::string_view origin) {
  STRATA_ASSIGN_OR_RETURN(const json* value, Find(object, key, origin));
  if (!value->is_boolean()) return WrongType(origin, key, "true or false", *value);
  return value->get<bool>();
}

bool HasValue(const json& object, absl::string_view key) {
  if (!object.is_object()) return false;
  const auto it = object.find(std::string(key));
  return it != object.end() && !it->is_null();
}

}  // namespace strata
