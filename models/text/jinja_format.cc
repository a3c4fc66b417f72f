#include "models/text/jinja_format.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernels/base/status.h"
#include "models/text/jinja_access.h"
#include "models/text/jinja_operations.h"
#include "models/text/jinja_text.h"

namespace strata::jinja {
namespace {

constexpr int64_t kMaxPrecision = 1000;          // digits behind the point
constexpr int64_t kMaxWidth = int64_t{1} << 40;  // far above any budget, and safe to compute with

// A conversion, whichever syntax it was written in.
struct Style {
  std::string fill = " ";
  char align = 0;   // '<', '>', '^', '=' (between sign and digits); 0: the type's own
  char sign = '-';  // '-', '+' or ' '
  bool alternate = false;
  char grouping = 0;  // ',' or '_' between thousands
  int64_t width = 0;
  int64_t precision = -1;  // negative: not given
  char type = 0;           // 0: none given
};

absl::Status FormatError(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("format: ", what));
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Reads the digits at `*position`; absent digits are `otherwise`.
absl::StatusOr<int64_t> ReadNumber(absl::string_view text, size_t* position, int64_t otherwise) {
  if (*position >= text.size() || !IsDigit(text[*position])) return otherwise;
  int64_t number = 0;
  while (*position < text.size() && IsDigit(text[*position])) {
    number = number * 10 + (text[(*position)++] - '0');
    if (number > kMaxWidth) return FormatError("a number is too large");
  }
  return number;
}

// Appends sign, prefix and body, padded to the width.
void AppendPadded(absl::string_view sign, absl::string_view body, char own_align,
                  const Style& style, BoundedText& out) {
  const char align = style.align == 0 ? own_align : style.align;
  const int64_t missing =
      std::max<int64_t>(0, style.width - CountCodePoints(sign) - CountCodePoints(body));
  const int64_t left = align == '>' ? missing : align == '^' ? missing / 2 : 0;
  out.AppendRepeated(style.fill, left);
  out.Append(sign);
  if (align == '=') out.AppendRepeated(style.fill, missing);
  out.Append(body);
  if (align == '<' || align == '^') out.AppendRepeated(style.fill, missing - left);
}

std::string Grouped(absl::string_view digits, char separator) {
  if (separator == 0) return std::string(digits);
  const size_t point = std::min(digits.find_first_not_of("0123456789"), digits.size());
  std::string out;
  for (size_t i = 0; i < point; ++i) {
    if (i > 0 && (point - i) % 3 == 0) out.push_back(separator);
    out.push_back(digits[i]);
  }
  absl::StrAppend(&out, digits.substr(point));
  return out;
}

std::string SignOf(bool negative, char style_sign) {
  if (negative) return "-";
  return style_sign == '-' ? "" : std::string(1, style_sign);
}

absl::Status AppendInt(int64_t number, const Style& style, BoundedText& out) {
  const uint64_t magnitude =
      number < 0 ? uint64_t{0} - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  std::string digits;
  std::string prefix;
  switch (style.type) {
    case 'x':
      digits = absl::StrFormat("%x", magnitude);
      prefix = "0x";
      break;
    case 'X':
      digits = absl::StrFormat("%X", magnitude);
      prefix = "0X";
      break;
    case 'o':
      digits = absl::StrFormat("%o", magnitude);
      prefix = "0o";
      break;
    case 'b':
      for (uint64_t rest = magnitude; rest > 0; rest >>= 1) {
        digits.insert(digits.begin(), (rest & 1) != 0 ? '1' : '0');
      }
      if (digits.empty()) digits = "0";
      prefix = "0b";
      break;
    default:
      digits = Grouped(absl::StrCat(magnitude), style.grouping);
      break;
  }
  if (style.precision > static_cast<int64_t>(digits.size())) {
    digits.insert(0, static_cast<size_t>(style.precision) - digits.size(), '0');
  }
  if (!style.alternate) prefix.clear();
  AppendPadded(SignOf(number < 0, style.sign) + prefix, digits, '>', style, out);
  return out.status();
}

absl::Status AppendFloat(double number, const Style& style, BoundedText& out) {
  if (style.alternate) return FormatError("'#' is not supported for a float");
  const double magnitude = std::fabs(number);
  const int precision = static_cast<int>(style.precision < 0 ? 6 : style.precision);
  std::string digits;
  switch (style.type) {
    case 'f':
    case 'F':
      digits = absl::StrFormat("%.*f", precision, magnitude);
      break;
    case 'e':
      digits = absl::StrFormat("%.*e", precision, magnitude);
      break;
    case 'E':
      digits = absl::StrFormat("%.*E", precision, magnitude);
      break;
    case 'g':
      digits = absl::StrFormat("%.*g", std::max(precision, 1), magnitude);
      break;
    case 'G':
      digits = absl::StrFormat("%.*G", std::max(precision, 1), magnitude);
      break;
    case '%':
      digits = absl::StrFormat("%.*f%%", precision, magnitude * 100);
      break;
    default:
      digits = style.precision < 0 ? FloatRepr(magnitude)
                                   : absl::StrFormat("%.*g", std::max(precision, 1), magnitude);
      break;
  }
  AppendPadded(SignOf(std::signbit(number), style.sign), Grouped(digits, style.grouping), '>',
               style, out);
  return out.status();
}

absl::Status AppendTextStyled(absl::string_view text, const Style& style, char own_align,
                              BoundedText& out) {
  if (style.precision >= 0) text = text.substr(0, OffsetOfCodePoint(text, style.precision));
  AppendPadded("", text, own_align, style, out);
  return out.status();
}

absl::StatusOr<std::string> ReprOf(const Value& value, Budget& budget) {
  BoundedText text(budget);
  AppendPythonRepr(value, text);
  return text.Finish();
}

bool IsOneOf(char c, absl::string_view set) { return c != 0 && set.find(c) != set.npos; }

// One conversion of the % operator, behind its flags, width and precision.
absl::Status AppendPercentConversion(const Value& value, Style style, Budget& budget,
                                     BoundedText& out) {
  if (style.type == 's' || style.type == 'r') {
    STRATA_ASSIGN_OR_RETURN(const std::string text,
                            style.type == 's' ? ToText(value, budget) : ReprOf(value, budget));
    if (style.align == '=') style.align = '>', style.fill = " ";
    return AppendTextStyled(text, style, '>', out);
  }
  if (style.type == 'c' && value.is_string() && CountCodePoints(value.AsString()) == 1) {
    return AppendTextStyled(value.AsString(), style, '>', out);
  }
  if (value.is_undefined()) return UndefinedError(value);
  if (!value.is_number()) {
    return FormatError(absl::StrCat("%", std::string(1, style.type), ": a number is required, not ",
                                    value.type_name()));
  }
  if (IsOneOf(style.type, "feEgGF")) return AppendFloat(value.AsDouble(), style, out);
  if (IsOneOf(style.type, "di") && value.is_float()) {
    if (!(std::fabs(value.AsDouble()) < 9.2e18)) return FormatError("the number is too large");
    return AppendInt(static_cast<int64_t>(value.AsDouble()), style, out);
  }
  if (IsOneOf(style.type, "diuxXo") && value.is_integral()) {
    return AppendInt(value.AsInt(), style, out);
  }
  return FormatError(absl::StrCat("unsupported conversion '%", std::string(1, style.type), "' of ",
                                  value.type_name()));
}

// Parses `[[fill]align][sign][#][0][width][grouping][.precision][type]`.
absl::StatusOr<Style> ParseSpec(absl::string_view spec) {
  Style style;
  size_t position = 0;
  if (!spec.empty()) {
    size_t behind_first = 0;
    DecodeUtf8(spec, &behind_first);
    if (behind_first < spec.size() && IsOneOf(spec[behind_first], "<>^=")) {
      style.fill = std::string(spec.substr(0, behind_first));
      style.align = spec[behind_first];
      position = behind_first + 1;
    } else if (IsOneOf(spec[0], "<>^=")) {
      style.align = spec[0];
      position = 1;
    }
  }
  const auto peek = [&] { return position < spec.size() ? spec[position] : '\0'; };
  if (IsOneOf(peek(), "+- ")) style.sign = spec[position++];
  if (peek() == '#') style.alternate = true, ++position;
  if (peek() == '0') {
    if (style.align == 0) style.align = '=', style.fill = "0";
    ++position;
  }
  STRATA_ASSIGN_OR_RETURN(style.width, ReadNumber(spec, &position, 0));
  if (IsOneOf(peek(), ",_")) style.grouping = spec[position++];
  if (peek() == '.') {
    ++position;
    STRATA_ASSIGN_OR_RETURN(style.precision, ReadNumber(spec, &position, -1));
    if (style.precision < 0) return FormatError("the precision is missing");
  }
  if (position < spec.size()) style.type = spec[position++];
  if (position != spec.size()) return FormatError("invalid format specifier");
  return style;
}

// format(value, spec).
absl::Status AppendWithSpec(const Value& value, absl::string_view spec, BoundedText& out) {
  if (spec.empty()) {
    AppendPythonText(value, out);
    return out.status();
  }
  STRATA_ASSIGN_OR_RETURN(Style style, ParseSpec(spec));
  if (value.is_string() && (style.type == 0 || style.type == 's')) {
    if (style.align == '=') return FormatError("'=' alignment is not allowed for text");
    return AppendTextStyled(value.AsString(), style, '<', out);
  }
  if (style.precision > kMaxPrecision) return FormatError("the precision is too large");
  if (value.is_number()) {
    const bool float_type = IsOneOf(style.type, "feEgGF%");
    if (float_type || (value.is_float() && style.type == 0)) {
      return AppendFloat(value.AsDouble(), style, out);
    }
    if (value.is_integral() && (style.type == 0 || IsOneOf(style.type, "dxXob"))) {
      if (style.precision >= 0) return FormatError("precision is not allowed for an integer");
      return AppendInt(value.AsInt(), style, out);
    }
  }
  return FormatError(
      absl::StrCat("format specifier '", spec, "' is not supported for ", value.type_name()));
}

// The `0.name[key]` of a replacement field.
class FieldReader {
 public:
  FieldReader(const Arguments& arguments, Budget& budget)
      : arguments_(arguments), budget_(budget) {}

  absl::StatusOr<Value> Read(absl::string_view field) {
    size_t position = std::min(field.find_first_of(".["), field.size());
    STRATA_ASSIGN_OR_RETURN(Value value, First(field.substr(0, position)));
    while (position < field.size()) {
      if (field[position] == '.') {
        const size_t end = std::min(field.find_first_of(".[", position + 1), field.size());
        STRATA_ASSIGN_OR_RETURN(
            value, GetAttribute(value, field.substr(position + 1, end - position - 1), budget_));
        position = end;
      } else if (field[position] == '[') {
        const size_t end = field.find(']', position);
        if (end == field.npos) return FormatError("']' is missing");
        const absl::string_view key = field.substr(position + 1, end - position - 1);
        size_t behind = 0;
        STRATA_ASSIGN_OR_RETURN(const int64_t index, ReadNumber(key, &behind, -1));
        const bool is_index = index >= 0 && behind == key.size();
        STRATA_ASSIGN_OR_RETURN(
            value, GetItem(value, is_index ? Value::Int(index) : Value::String(std::string(key)),
                           budget_));
        position = end + 1;
      } else {
        return FormatError("expected '.' or '[' in a field name");
      }
    }
    return value;
  }

 private:
  absl::StatusOr<Value> First(absl::string_view name) {
    size_t behind = 0;
    STRATA_ASSIGN_OR_RETURN(int64_t index, ReadNumber(name, &behind, -1));
    if (name.empty() || (index >= 0 && behind == name.size())) {
      if (name.empty() ? numbered_ : next_index_ > 0) {
        return FormatError("cannot switch between manual and automatic field numbering");
      }
      if (name.empty()) {
        index = next_index_++;
      } else {
        numbered_ = true;
      }
      if (index >= static_cast<int64_t>(arguments_.positional.size())) {
        return FormatError("replacement index out of range");
      }
      return arguments_.positional[static_cast<size_t>(index)];
    }
    const Value* value = arguments_.FindKeyword(name);
    if (value == nullptr) return FormatError(absl::StrCat("no argument '", name, "'"));
    return *value;
  }

  const Arguments& arguments_;
  Budget& budget_;
  int64_t next_index_ = 0;
  bool numbered_ = false;
};

// The inside of one {field!conversion:spec}.
absl::Status AppendField(absl::string_view inside, FieldReader& reader, Budget& budget,
                         BoundedText& out) {
  const size_t field_end = std::min(inside.find_first_of("!:"), inside.size());
  STRATA_ASSIGN_OR_RETURN(Value value, reader.Read(inside.substr(0, field_end)));
  absl::string_view rest = inside.substr(field_end);
  if (!rest.empty() && rest[0] == '!') {
    if (rest.size() < 2 || !IsOneOf(rest[1], "rs")) return FormatError("unknown conversion");
    STRATA_ASSIGN_OR_RETURN(std::string text,
                            rest[1] == 'r' ? ReprOf(value, budget) : ToText(value, budget));
    value = Value::String(std::move(text));
    rest.remove_prefix(2);
  }
  if (!rest.empty() && rest[0] != ':') return FormatError("expected ':' after the conversion");
  if (!rest.empty()) rest.remove_prefix(1);
  if (rest.find('{') == rest.npos) return AppendWithSpec(value, rest, out);
  // The specifier holds fields of its own, e.g. {:{width}}.
  BoundedText spec(budget);
  while (!rest.empty()) {
    const size_t open = std::min(rest.find('{'), rest.size());
    spec.Append(rest.substr(0, open));
    rest.remove_prefix(open);
    if (rest.empty()) break;
    const size_t close = rest.find('}');
    if (close == rest.npos) return FormatError("'}' is missing");
    STRATA_ASSIGN_OR_RETURN(const Value part, reader.Read(rest.substr(1, close - 1)));
    AppendPythonText(part, spec);
    rest.remove_prefix(close + 1);
  }
  STRATA_ASSIGN_OR_RETURN(const std::string spec_text, spec.Finish());
  return AppendWithSpec(value, spec_text, out);
}

}  // namespace

absl::StatusOr<std::string> FormatPercent(absl::string_view format, const Value& values,
                                          Budget& budget) {
  const bool is_tuple = values.is_sequence_of(SequenceKind::kTuple);
  size_t num_used = 0;
  const auto next_value = [&]() -> absl::StatusOr<Value> {
    const size_t available = is_tuple ? values.AsSequence()->items.size() : 1;
    if (num_used >= available) return FormatError("not enough arguments for format string");
    const size_t i = num_used++;
    return is_tuple ? values.AsSequence()->items[i] : values;
  };
  const auto read_number = [&](size_t* position, int64_t otherwise) -> absl::StatusOr<int64_t> {
    if (*position >= format.size() || format[*position] != '*') {
      return ReadNumber(format, position, otherwise);
    }
    ++*position;
    STRATA_ASSIGN_OR_RETURN(const Value value, next_value());
    STRATA_ASSIGN_OR_RETURN(const int64_t number, RequireInt(value, "format: *"));
    return std::clamp<int64_t>(number, -kMaxWidth, kMaxWidth);
  };
  BoundedText out(budget);
  bool by_name = false;
  size_t position = 0;
  while (position < format.size()) {
    const size_t percent = std::min(format.find('%', position), format.size());
    if (!out.Append(format.substr(position, percent - position))) break;
    position = percent + 1;
    if (percent == format.size()) break;
    Value value;
    bool has_value = false;
    if (position < format.size() && format[position] == '(') {
      const size_t close = format.find(')', position);
      if (close == format.npos) return FormatError("incomplete format key");
      if (!values.is_dict()) return FormatError("format requires a mapping");
      const absl::string_view key = format.substr(position + 1, close - position - 1);
      const Value* item = values.AsDict()->FindString(key);
      if (item == nullptr) return FormatError(absl::StrCat("no key '", key, "'"));
      value = *item;
      has_value = true;
      by_name = true;
      position = close + 1;
    }
    Style style;
    for (; position < format.size() && IsOneOf(format[position], "-+ #0"); ++position) {
      switch (format[position]) {
        case '-':
          style.align = '<', style.fill = " ";
          break;
        case '0':
          if (style.align == 0) style.align = '=', style.fill = "0";
          break;
        case '#':
          style.alternate = true;
          break;
        case '+':
          style.sign = '+';
          break;
        default:
          if (style.sign == '-') style.sign = ' ';
          break;
      }
    }
    STRATA_ASSIGN_OR_RETURN(style.width, read_number(&position, 0));
    if (style.width < 0) style.align = '<', style.fill = " ", style.width = -style.width;
    if (position < format.size() && format[position] == '.') {
      ++position;
      STRATA_ASSIGN_OR_RETURN(style.precision, read_number(&position, 0));
      if (style.precision > kMaxPrecision) return FormatError("the precision is too large");
    }
    if (position >= format.size()) return FormatError("incomplete format");
    style.type = format[position++];
    if (style.type == '%') {
      out.Append("%");
      continue;
    }
    if (!has_value) {
      STRATA_ASSIGN_OR_RETURN(value, next_value());
    }
    STRATA_RETURN_IF_ERROR(AppendPercentConversion(value, style, budget, out));
  }
  if (is_tuple && !by_name && num_used < values.AsSequence()->items.size()) {
    return FormatError("not all arguments converted during string formatting");
  }
  if (!is_tuple && !by_name && num_used == 0 && !values.is_dict() &&
      !values.is_sequence_of(SequenceKind::kList)) {
    return FormatError("not all arguments converted during string formatting");
  }
  return out.Finish();
}

absl::StatusOr<std::string> FormatBraces(absl::string_view format, const Arguments& arguments,
                                         Budget& budget) {
  BoundedText out(budget);
  FieldReader reader(arguments, budget);
  size_t position = 0;
  while (position < format.size() && out.ok()) {
    const size_t brace = std::min(format.find_first_of("{}", position), format.size());
    out.Append(format.substr(position, brace - position));
    if (brace == format.size()) break;
    if (brace + 1 < format.size() && format[brace + 1] == format[brace]) {
      out.Append(format.substr(brace, 1));
      position = brace + 2;
      continue;
    }
    if (format[brace] == '}') return FormatError("single '}' in format string");
    // The field ends at its closing brace; a specifier may hold one more level of fields.
    int depth = 1;
    size_t end = brace + 1;
    for (; end < format.size(); ++end) {
      if (format[end] == '{' && ++depth > 2) return FormatError("fields nest too deep");
      if (format[end] == '}' && --depth == 0) break;
    }
    if (end == format.size()) return FormatError("'}' is missing");
    STRATA_RETURN_IF_ERROR(budget.Step());
    STRATA_RETURN_IF_ERROR(
        AppendField(format.substr(brace + 1, end - brace - 1), reader, budget, out));
    position = end + 1;
  }
  return out.Finish();
}

}  // namespace strata::jinja
