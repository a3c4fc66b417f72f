#include "kernels/base/json.h"

#include <cmath>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "kernels/base/file.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

using nlohmann::json;

// Builds the document from the parser's events, refusing duplicate keys and deep nesting as they
// appear. The library's own callback parser looks through all members of the parent at the end of
// every object, which takes minutes for the tens of thousands of tensors of one file.
class DocumentBuilder final : public json::json_sax_t {
 public:
  json TakeDocument() { return std::move(document_); }
  const std::string& error() const { return error_; }  // after the parser returned false

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool number_float(number_float_t value, const string_t&) override { return Add(value); }
  bool string(string_t& value) override { return Add(std::move(value)); }
  bool binary(binary_t& value) override { return Add(std::move(value)); }
  bool start_object(std::size_t) override { return Open(json::value_t::object); }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(json::value_t::array); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    const auto [member, inserted] = open_.back()->get_ref<json::object_t&>().try_emplace(name);
    if (!inserted) return Refuse(absl::StrCat("duplicate key '", name, "'"));
    member_ = &member->second;
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const json::exception& exception) override {
    // "[json.exception.parse_error.101] parse error at line 1, ...": the number helps nobody.
    const std::string text = exception.what();
    const size_t end = text.rfind("] parse error", 60);
    return Refuse(end == std::string::npos ? text : text.substr(end + 2));
  }

 private:
  // The place of the next value: the document, a new element of the open array, or the member
  // whose key came last.
  json* Place() {
    if (open_.empty()) return &document_;
    if (!open_.back()->is_array()) return member_;
    return &open_.back()->get_ref<json::array_t&>().emplace_back();
  }

  bool Add(json value) {
    *Place() = std::move(value);
    return true;
  }

  bool Open(json::value_t type) {
    if (open_.size() == kMaxJsonDepth) {
      return Refuse(absl::StrCat("nested deeper than ", kMaxJsonDepth));
    }
    json* place = Place();
    *place = json(type);
    open_.push_back(place);
    return true;
  }

  bool Close() {
    open_.pop_back();
    return true;
  }

  bool Refuse(std::string error) {
    error_ = std::move(error);
    return false;
  }

  json document_;
  std::vector<json*> open_;  // objects and arrays around the next value; stays put while open
  json* member_ = nullptr;   // in the innermost object
  std::string error_;
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

bool IsBlank(absl::string_view line) {
  return line.find_first_not_of(" \t\r") == absl::string_view::npos;
}

}  // namespace

absl::StatusOr<json> ParseJson(absl::string_view text, absl::string_view origin) {
  // The library takes a NUL byte for the end of the text and would pass over what follows it.
  if (const size_t place = text.find('\0'); place != absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(origin, ": not valid JSON: a NUL byte at byte ", place));
  }
  try {
    DocumentBuilder builder;
    if (json::sax_parse(text.begin(), text.end(), &builder)) return builder.TakeDocument();
    return absl::InvalidArgumentError(absl::StrCat(origin, ": not valid JSON: ", builder.error()));
  } catch (const std::exception& error) {  // out of memory
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
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    if (IsBlank(line)) continue;
    STRATA_ASSIGN_OR_RETURN(json row, ParseJson(line, absl::StrCat(origin, ":", line_number)));
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<absl::string_view> JsonLineTexts(absl::string_view text) {
  std::vector<absl::string_view> lines;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!IsBlank(line)) lines.push_back(line);
  }
  return lines;
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
