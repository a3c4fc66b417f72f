#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernels/base/status.h"
#include "models/text/jinja_access.h"
#include "models/text/jinja_filter_table.h"
#include "models/text/jinja_format.h"
#include "models/text/jinja_json.h"
#include "models/text/jinja_methods.h"
#include "models/text/jinja_operations.h"
#include "models/text/jinja_text.h"

namespace strata::jinja {
namespace {

absl::StatusOr<Value> Finish(BoundedText& text) {
  STRATA_ASSIGN_OR_RETURN(std::string finished, text.Finish());
  return Value::String(std::move(finished));
}

// The str method `name` of str(input), with the filter's arguments.
absl::StatusOr<Value> CallTextMethod(absl::string_view name, const Value& input,
                                     const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(std::string text, ToText(input, budget));
  const std::optional<Value> method = FindMethod(Value::String(std::move(text)), name);
  STRATA_CHECK(method.has_value(), "filters call methods that str has");
  return method->AsObject()->Call(arguments, budget);
}

absl::StatusOr<Value> Capitalized(const Value& input, const Arguments& arguments, Budget& budget) {
  return CallTextMethod("capitalize", input, arguments, budget);
}
absl::StatusOr<Value> Lower(const Value& input, const Arguments& arguments, Budget& budget) {
  return CallTextMethod("lower", input, arguments, budget);
}
absl::StatusOr<Value> Upper(const Value& input, const Arguments& arguments, Budget& budget) {
  return CallTextMethod("upper", input, arguments, budget);
}
absl::StatusOr<Value> Trim(const Value& input, const Arguments& arguments, Budget& budget) {
  return CallTextMethod("strip", input, arguments, budget);
}

absl::StatusOr<Value> Center(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, BindArguments("center", {"width"}, 0, arguments));
  Arguments width;
  width.positional.push_back(bound[0] == nullptr ? Value::Int(80) : *bound[0]);
  return CallTextMethod("center", input, width, budget);
}

absl::StatusOr<Value> Replace(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("replace", {"old", "new", "count"}, 2, arguments));
  STRATA_ASSIGN_OR_RETURN(std::string from, ToText(*bound[0], budget));
  STRATA_ASSIGN_OR_RETURN(std::string to, ToText(*bound[1], budget));
  Arguments converted;
  converted.positional = {Value::String(std::move(from)), Value::String(std::move(to))};
  if (bound[2] != nullptr) converted.positional.push_back(*bound[2]);
  return CallTextMethod("replace", input, converted, budget);
}

// Jinja's title differs from str.title: words begin behind white space and - ( { [ <.
absl::StatusOr<Value> Title(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("title", {}, 0, arguments).status());
  STRATA_ASSIGN_OR_RETURN(const std::string text, ToText(input, budget));
  STRATA_RETURN_IF_ERROR(budget.Step(static_cast<int64_t>(text.size()) / 32));
  std::string out;
  bool starts_word = true;
  for (size_t position = 0; position < text.size();) {
    const size_t start = position;
    const char32_t c = DecodeUtf8(text, &position);
    const absl::string_view piece = absl::string_view(text).substr(start, position - start);
    absl::StrAppend(&out, starts_word ? ToUpper(piece) : ToLower(piece));
    starts_word = IsSpace(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  }
  return MakeString(std::move(out), budget);
}

absl::StatusOr<Value> Indent(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("indent", {"width", "first", "blank"}, 0, arguments));
  STRATA_ASSIGN_OR_RETURN(const absl::string_view text, RequireString(input, "indent"));
  STRATA_RETURN_IF_ERROR(budget.Step(static_cast<int64_t>(text.size()) / 32));
  BoundedText indentation(budget);
  if (bound[0] != nullptr && bound[0]->is_string()) {
    indentation.Append(bound[0]->AsString());
  } else {
    int64_t width = 4;
    if (bound[0] != nullptr) {
      STRATA_ASSIGN_OR_RETURN(width, RequireInt(*bound[0], "indent"));
    }
    indentation.AppendRepeated(" ", width);
  }
  STRATA_ASSIGN_OR_RETURN(const std::string prefix, indentation.Finish());
  const bool indents_first = bound[1] != nullptr && IsTrue(*bound[1]);
  const bool indents_blank = bound[2] != nullptr && IsTrue(*bound[2]);
  const std::string with_line_end = absl::StrCat(text, "\n");  // keeps an empty last line
  const std::vector<absl::string_view> lines = SplitLines(with_line_end, LineEnds::kDrop);
  BoundedText out(budget);
  for (size_t i = 0; i < lines.size() && out.ok(); ++i) {
    if (i > 0) out.Append("\n");
    if (i == 0 ? indents_first : (indents_blank || !lines[i].empty())) out.Append(prefix);
    out.Append(lines[i]);
  }
  return Finish(out);
}

absl::StatusOr<Value> Truncate(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(
      const auto bound,
      BindArguments("truncate", {"length", "killwords", "end", "leeway"}, 0, arguments));
  STRATA_ASSIGN_OR_RETURN(const absl::string_view text, RequireString(input, "truncate"));
  STRATA_RETURN_IF_ERROR(budget.Scan(4 * static_cast<int64_t>(text.size())));
  int64_t length = 255;
  int64_t leeway = 5;
  absl::string_view end = "...";
  if (bound[0] != nullptr) {
    STRATA_ASSIGN_OR_RETURN(length, RequireInt(*bound[0], "truncate length"));
  }
  if (bound[2] != nullptr) {
    STRATA_ASSIGN_OR_RETURN(end, RequireString(*bound[2], "truncate end"));
  }
  if (bound[3] != nullptr && !bound[3]->is_none()) {
    STRATA_ASSIGN_OR_RETURN(leeway, RequireInt(*bound[3], "truncate leeway"));
  }
  const int64_t end_length = CountCodePoints(end);
  if (length < end_length || leeway < 0) {
    return absl::InvalidArgumentError(absl::StrCat("truncate: expected length >= ", end_length,
                                                   " and leeway >= 0, got ", length, " and ",
                                                   leeway));
  }
  if (CountCodePoints(text) - leeway <= length) return input;
  absl::string_view kept = text.substr(0, OffsetOfCodePoint(text, length - end_length));
  if (bound[1] == nullptr || !IsTrue(*bound[1])) kept = kept.substr(0, kept.rfind(' '));
  BoundedText out(budget);
  out.Append(kept);
  out.Append(end);
  return Finish(out);
}

absl::StatusOr<Value> WordCount(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("wordcount", {}, 0, arguments).status());
  STRATA_ASSIGN_OR_RETURN(const std::string text, ToText(input, budget));
  STRATA_RETURN_IF_ERROR(budget.Step(static_cast<int64_t>(text.size()) / 32));
  int64_t count = 0;
  bool inside_word = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = DecodeUtf8(text, &i);
    const bool part = c == '_' || IsAlnum(c);
    if (part && !inside_word) ++count;
    inside_word = part;
  }
  return Value::Int(count);
}

absl::StatusOr<Value> Escape(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("escape", {}, 0, arguments).status());
  STRATA_ASSIGN_OR_RETURN(const std::string text, ToText(input, budget));
  BoundedText out(budget);
  for (const char& c : text) {
    switch (c) {
      case '&':
        out.Append("&amp;");
        break;
      case '<':
        out.Append("&lt;");
        break;
      case '>':
        out.Append("&gt;");
        break;
      case '\'':
        out.Append("&#39;");
        break;
      case '"':
        out.Append("&#34;");
        break;
      default:
        out.Append(absl::string_view(&c, 1));
    }
  }
  return Finish(out);
}

// str(input): `string` and, because nothing is escaped automatically, `safe`.
absl::StatusOr<Value> AsText(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("string", {}, 0, arguments).status());
  if (input.is_string()) return input;
  STRATA_ASSIGN_OR_RETURN(std::string text, ToText(input, budget));
  return Value::String(std::move(text));
}

absl::StatusOr<Value> Format(const Value& input, const Arguments& arguments, Budget& budget) {
  if (!arguments.positional.empty() && !arguments.keyword.empty()) {
    return absl::InvalidArgumentError(
        "format: can't handle positional and keyword arguments at the same time");
  }
  STRATA_ASSIGN_OR_RETURN(const std::string format, ToText(input, budget));
  Value values;
  if (!arguments.keyword.empty()) {
    Dict dict;
    for (const auto& [name, value] : arguments.keyword) dict.SetString(name, value);
    STRATA_ASSIGN_OR_RETURN(values, MakeDict(std::move(dict), budget));
  } else {
    STRATA_ASSIGN_OR_RETURN(values,
                            MakeSequence(SequenceKind::kTuple, arguments.positional, budget));
  }
  STRATA_ASSIGN_OR_RETURN(std::string text, FormatPercent(format, values, budget));
  return Value::String(std::move(text));
}

void AppendQuoted(absl::string_view text, bool is_form_value, BoundedText& out) {
  static constexpr absl::string_view kSafe = "_.-~";
  for (const char& c : text) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (alnum || kSafe.find(c) != kSafe.npos || (c == '/' && !is_form_value)) {
      out.Append(absl::string_view(&c, 1));
    } else if (c == ' ' && is_form_value) {
      out.Append("+");
    } else {
      out.Append(absl::StrFormat("%%%02X", static_cast<unsigned char>(c)));
    }
  }
}

absl::StatusOr<Value> UrlEncode(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("urlencode", {}, 0, arguments).status());
  BoundedText out(budget);
  if (input.is_string() || !IsIterable(input)) {
    STRATA_ASSIGN_OR_RETURN(const std::string text, ToText(input, budget));
    AppendQuoted(text, /*is_form_value=*/false, out);
    return Finish(out);
  }
  Value pairs = input;
  if (input.is_dict()) {
    STRATA_ASSIGN_OR_RETURN(pairs, DictItems(*input.AsDict(), SequenceKind::kItems, budget));
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(pairs, budget));
  for (size_t i = 0; i < items.size(); ++i) {
    STRATA_ASSIGN_OR_RETURN(const std::vector<Value> pair, Iterate(items[i], budget));
    if (pair.size() != 2) return absl::InvalidArgumentError("urlencode: expected pairs");
    STRATA_ASSIGN_OR_RETURN(const std::string key, ToText(pair[0], budget));
    STRATA_ASSIGN_OR_RETURN(const std::string value, ToText(pair[1], budget));
    if (i > 0) out.Append("&");
    AppendQuoted(key, /*is_form_value=*/true, out);
    out.Append("=");
    AppendQuoted(value, /*is_form_value=*/true, out);
  }
  return Finish(out);
}

// Hugging Face's tojson: json.dumps, which escapes no HTML and keeps non-ASCII text.
absl::StatusOr<Value> ToJsonFilter(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(
      const auto bound,
      BindArguments("tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}, 0, arguments));
  JsonStyle style;
  style.ensure_ascii = bound[0] != nullptr && IsTrue(*bound[0]);
  if (bound[1] != nullptr && bound[1]->is_string()) {
    style.indent = bound[1]->AsString();
  } else if (bound[1] != nullptr && !bound[1]->is_none()) {
    STRATA_ASSIGN_OR_RETURN(const int64_t width, RequireInt(*bound[1], "tojson indent"));
    BoundedText indent(budget);
    indent.AppendRepeated(" ", width);
    STRATA_ASSIGN_OR_RETURN(style.indent, indent.Finish());
  }
  if (bound[2] != nullptr && !bound[2]->is_none()) {
    STRATA_ASSIGN_OR_RETURN(const std::vector<Value> separators, Iterate(*bound[2], budget));
    if (separators.size() != 2 || !separators[0].is_string() || !separators[1].is_string()) {
      return absl::InvalidArgumentError("tojson: separators must be two strings");
    }
    style.item_separator = separators[0].AsString();
    style.key_separator = separators[1].AsString();
  }
  style.sort_keys = bound[3] != nullptr && IsTrue(*bound[3]);
  STRATA_ASSIGN_OR_RETURN(std::string text, ToJson(input, style, budget));
  return Value::String(std::move(text));
}

constexpr FilterEntry kTextFilters[] = {
    {"capitalize", Capitalized},
    {"center", Center},
    {"e", Escape},
    {"escape", Escape},
    {"forceescape", Escape},
    {"format", Format},
    {"indent", Indent},
    {"lower", Lower},
    {"replace", Replace},
    {"safe", AsText},
    {"string", AsText},
    {"title", Title},
    {"tojson", ToJsonFilter},
    {"trim", Trim},
    {"truncate", Truncate},
    {"upper", Upper},
    {"urlencode", UrlEncode},
    {"wordcount", WordCount},
};

}  // namespace

Filter FindTextFilter(absl::string_view name) { return FindFilterEntry(kTextFilters, name); }

}  // namespace strata::jinja
