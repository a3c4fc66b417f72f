#include "models/text/jinja_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "models/text/jinja_operations.h"
#include "models/text/jinja_text.h"

namespace strata::jinja {
namespace {

// Builds values from the events of nlohmann's parser. Every event returns false to stop it, with
// the reason in status().
class ValueBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  ValueBuilder(absl::string_view origin, Budget& budget) : origin_(origin), budget_(budget) {}

  bool null() override { return Add(Value()); }
  bool boolean(bool value) override { return Add(Value::Bool(value)); }
  bool number_integer(number_integer_t value) override { return Add(Value::Int(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(INT64_MAX)) return Fail("an integer is too large");
    return Add(Value::Int(static_cast<int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    if (text.find_first_of(".eE") == std::string::npos) return Fail("an integer is too large");
    if (!std::isfinite(value)) return Fail("a number is too large");
    return Add(Value::Float(value));
  }
  bool string(string_t& value) override {
    absl::StatusOr<Value> made = MakeString(std::move(value), budget_);
    return made.ok() ? Add(*std::move(made)) : Fail(made.status());
  }
  bool binary(binary_t&) override { return Fail("binary data"); }

  bool start_object(std::size_t) override { return Open(Level{.is_object = true}); }
  bool start_array(std::size_t) override { return Open(Level{.is_object = false}); }
  bool key(string_t& name) override {
    Level& level = levels_.back();
    if (level.dict.FindString(name) != nullptr) {
      return Fail(absl::StrCat("duplicate key '", name, "'"));
    }
    level.key = std::move(name);
    return true;
  }
  bool end_object() override {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    absl::StatusOr<Value> made = MakeDict(std::move(level.dict), budget_);
    return made.ok() ? Add(*std::move(made)) : Fail(made.status());
  }
  bool end_array() override {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    absl::StatusOr<Value> made = MakeSequence(SequenceKind::kList, std::move(level.items), budget_);
    return made.ok() ? Add(*std::move(made)) : Fail(made.status());
  }
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    return Fail(absl::StrCat("not valid JSON: ", error.what()));
  }

  const absl::Status& status() const { return status_; }
  Value TakeResult() { return std::move(result_); }

 private:
  struct Level {
    bool is_object = false;
    std::string key;
    Dict dict;
    std::vector<Value> items;
  };

  bool Open(Level level) {
    if (levels_.size() >= static_cast<size_t>(kMaxJsonDepth)) {
      return Fail(absl::StrCat("nested deeper than ", kMaxJsonDepth));
    }
    levels_.push_back(std::move(level));
    return true;
  }

  bool Add(Value value) {
    if (levels_.empty()) {
      result_ = std::move(value);
    } else if (levels_.back().is_object) {
      levels_.back().dict.SetString(levels_.back().key, std::move(value));
    } else {
      levels_.back().items.push_back(std::move(value));
    }
    return true;
  }

  bool Fail(absl::string_view what) {
    return Fail(absl::InvalidArgumentError(absl::StrCat(origin_, ": ", what)));
  }
  bool Fail(absl::Status status) {
    if (status_.ok()) status_ = std::move(status);
    return false;
  }

  const absl::string_view origin_;
  Budget& budget_;
  std::vector<Level> levels_;  // open objects and arrays, outermost first
  Value result_;
  absl::Status status_;
};

// Writes one value; recursion follows the nesting of the value, which is bounded.
class JsonWriter {
 public:
  JsonWriter(const JsonStyle& style, Budget& budget)
      : style_(style),
        item_separator_(style.item_separator.value_or(style.indent.has_value() ? "," : ", ")),
        key_separator_(style.key_separator.value_or(": ")),
        budget_(budget),
        out_(budget) {}

  absl::StatusOr<std::string> Write(const Value& value) {
    STRATA_RETURN_IF_ERROR(Append(value, 0));
    return out_.Finish();
  }

 private:
  absl::Status Append(const Value& value, int level) {
    STRATA_RETURN_IF_ERROR(budget_.Step());
    const DepthGuard guard(budget_);
    STRATA_RETURN_IF_ERROR(guard.status());
    switch (value.kind()) {
      case Kind::kNone:
      case Kind::kBool:
      case Kind::kInt:
      case Kind::kFloat:
        out_.Append(ScalarText(value));
        break;
      case Kind::kString:
        AppendString(value.AsString());
        break;
      case Kind::kSequence:
        if (!value.is_sequence_of(SequenceKind::kList) &&
            !value.is_sequence_of(SequenceKind::kTuple)) {
          return NotSerializable(value);
        }
        return AppendList(value.AsSequence()->items, level);
      case Kind::kDict:
        return AppendDict(*value.AsDict(), level);
      default:
        return NotSerializable(value);
    }
    return out_.status();
  }

  static absl::Status NotSerializable(const Value& value) {
    return absl::InvalidArgumentError(
        absl::StrCat("Object of type ", value.type_name(), " is not JSON serializable"));
  }

  static std::string ScalarText(const Value& value) {
    if (value.is_none()) return "null";
    if (value.is_bool()) return value.AsBool() ? "true" : "false";
    if (value.is_int()) return absl::StrCat(value.AsInt());
    const double number = value.AsDouble();
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
    return FloatRepr(number);
  }

  void AppendLineBreak(int level) {
    if (!style_.indent.has_value()) return;
    out_.Append("\n");
    out_.AppendRepeated(*style_.indent, level);
  }

  absl::Status AppendList(const std::vector<Value>& items, int level) {
    out_.Append("[");
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.Append(item_separator_);
      AppendLineBreak(level + 1);
      STRATA_RETURN_IF_ERROR(Append(items[i], level + 1));
    }
    if (!items.empty()) AppendLineBreak(level);
    out_.Append("]");
    return out_.status();
  }

  absl::Status AppendDict(const Dict& dict, int level) {
    std::vector<const Dict::Entry*> entries;
    for (const Dict::Entry& entry : dict.entries()) entries.push_back(&entry);
    if (style_.sort_keys) STRATA_RETURN_IF_ERROR(SortByKey(entries));
    out_.Append("{");
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) out_.Append(item_separator_);
      AppendLineBreak(level + 1);
      const Value& key = entries[i]->key;
      if (key.is_string()) {
        AppendString(key.AsString());
      } else if (key.is_none() || key.is_number()) {
        AppendString(ScalarText(key));
      } else {
        return absl::InvalidArgumentError(
            absl::StrCat("keys must be str, int, float, bool or None, not ", key.type_name()));
      }
      out_.Append(key_separator_);
      STRATA_RETURN_IF_ERROR(Append(entries[i]->value, level + 1));
    }
    if (!entries.empty()) AppendLineBreak(level);
    out_.Append("}");
    return out_.status();
  }

  absl::Status SortByKey(std::vector<const Dict::Entry*>& entries) {
    absl::Status status;
    std::stable_sort(entries.begin(), entries.end(),
                     [&](const Dict::Entry* a, const Dict::Entry* b) {
                       if (!status.ok()) return false;
                       const absl::StatusOr<int> order = Compare(a->key, b->key, budget_);
                       if (!order.ok()) status = order.status();
                       return order.ok() && *order < 0;
                     });
    return status;
  }

  void AppendUnicodeEscape(uint32_t unit) { out_.Append(absl::StrFormat("\\u%04x", unit)); }

  void AppendString(absl::string_view text) {
    out_.Append("\"");
    size_t plain_start = 0;
    for (size_t i = 0; i < text.size();) {
      const size_t start = i;
      const char32_t c = DecodeUtf8(text, &i);
      const bool escaped = c == '"' || c == '\\' || c < 0x20 || (style_.ensure_ascii && c > 0x7F);
      if (!escaped) continue;
      out_.Append(text.substr(plain_start, start - plain_start));
      plain_start = i;
      switch (c) {
        case '"':
          out_.Append("\\\"");
          break;
        case '\\':
          out_.Append("\\\\");
          break;
        case '\n':
          out_.Append("\\n");
          break;
        case '\r':
          out_.Append("\\r");
          break;
        case '\t':
          out_.Append("\\t");
          break;
        case '\b':
          out_.Append("\\b");
          break;
        case '\f':
          out_.Append("\\f");
          break;
        default:
          if (c >= 0x10000) {
            AppendUnicodeEscape(0xD800 + ((c - 0x10000) >> 10));
            AppendUnicodeEscape(0xDC00 + ((c - 0x10000) & 0x3FF));
          } else {
            AppendUnicodeEscape(c);
          }
      }
    }
    out_.Append(text.substr(plain_start));
    out_.Append("\"");
  }

  const JsonStyle& style_;
  const std::string item_separator_;
  const std::string key_separator_;
  Budget& budget_;
  BoundedText out_;
};

}  // namespace

absl::StatusOr<Value> ParseJsonValue(absl::string_view text, absl::string_view origin,
                                     Budget& budget) {
  ValueBuilder builder(origin, budget);
  const bool parsed = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  if (!builder.status().ok()) return builder.status();
  if (!parsed) return absl::InvalidArgumentError(absl::StrCat(origin, ": not valid JSON"));
  return builder.TakeResult();
}

absl::StatusOr<std::string> ToJson(const Value& value, const JsonStyle& style, Budget& budget) {
  return JsonWriter(style, budget).Write(value);
}

}  // namespace strata::jinja
