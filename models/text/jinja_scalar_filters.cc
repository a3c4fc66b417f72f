#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernels/base/status.h"
#include "models/text/jinja_access.h"
#include "models/text/jinja_filter_table.h"
#include "models/text/jinja_operations.h"
#include "models/text/jinja_text.h"

namespace strata::jinja {
namespace {

absl::StatusOr<Value> Default(const Value& input, const Arguments& arguments, Budget&) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("default", {"default_value", "boolean"}, 0, arguments));
  const bool replaces_false = bound[1] != nullptr && IsTrue(*bound[1]);
  if (!input.is_undefined() && !(replaces_false && !IsTrue(input))) return input;
  return bound[0] == nullptr ? Value::String("") : *bound[0];
}

absl::StatusOr<Value> AttributeFilter(const Value& input, const Arguments& arguments, Budget&) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, BindArguments("attr", {"name"}, 1, arguments));
  STRATA_ASSIGN_OR_RETURN(const absl::string_view name, RequireString(*bound[0], "attr"));
  if (input.is_undefined()) return UndefinedError(input);
  std::optional<Value> attribute = FindAttribute(input, name);
  if (attribute.has_value()) return *std::move(attribute);
  return Value::Undefined(
      absl::StrCat("'", input.type_name(), " object' has no attribute '", name, "'"));
}

absl::StatusOr<Value> Absolute(const Value& input, const Arguments& arguments, Budget&) {
  STRATA_RETURN_IF_ERROR(BindArguments("abs", {}, 0, arguments).status());
  if (input.is_undefined()) return UndefinedError(input);
  if (input.is_float()) return Value::Float(std::fabs(input.AsDouble()));
  if (!input.is_integral()) {
    return absl::InvalidArgumentError(
        absl::StrCat("bad operand type for abs(): '", input.type_name(), "'"));
  }
  return input.AsInt() < 0 ? Negate(input) : Value::Int(input.AsInt());
}

// The digits of a number without the underscores that Python allows between them.
std::string WithoutUnderscores(absl::string_view digits) {
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    const bool between = i > 0 && i + 1 < digits.size() && digits[i - 1] != '_';
    if (digits[i] != '_' || !between) out.push_back(digits[i]);
  }
  return out;
}

// int(text, base): nullopt if the text is no such number.
std::optional<int64_t> ParseInt(absl::string_view text, int64_t base) {
  std::string digits = WithoutUnderscores(Strip(text, StripSide::kBoth));
  if (!digits.empty() && digits[0] == '+') digits.erase(0, 1);
  const size_t sign = !digits.empty() && digits[0] == '-' ? 1 : 0;
  if (sign == 0 && text.find('+') != text.npos && text.find('-') != text.npos) return std::nullopt;
  if (digits.size() > sign + 2 && digits[sign] == '0') {
    const char mark = static_cast<char>(digits[sign + 1] | 0x20);
    const int64_t marked_base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (marked_base != 0 && (base == marked_base || base == 0)) {
      digits.erase(sign, 2);
      base = marked_base;
    }
  }
  if (base == 0) base = 10;
  if (base < 2 || base > 36) return std::nullopt;
  int64_t number = 0;
  const char* last = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), last, number, static_cast<int>(base));
  if (parsed.ec != std::errc() || parsed.ptr != last) return std::nullopt;
  return number;
}

// float(text).
std::optional<double> ParseFloat(absl::string_view text) {
  std::string digits = WithoutUnderscores(Strip(text, StripSide::kBoth));
  if (!digits.empty() && digits[0] == '+') {
    digits.erase(0, 1);
    if (!digits.empty() && digits[0] == '-') return std::nullopt;
  }
  double number = 0;
  const char* last = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), last, number);
  if (parsed.ptr != last || parsed.ec == std::errc::invalid_argument) return std::nullopt;
  if (parsed.ec == std::errc::result_out_of_range) {
    // Python rounds: too large is infinite, too small is zero.
    const size_t exponent = digits.find_first_of("eE");
    const bool tiny = exponent != std::string::npos && exponent + 1 < digits.size() &&
                      digits[exponent + 1] == '-';
    return std::copysign(tiny ? 0.0 : HUGE_VAL, digits[0] == '-' ? -1.0 : 1.0);
  }
  return number;
}

absl::StatusOr<Value> TruncateToInt(double number) {
  if (!(std::fabs(number) < 9.2e18)) {
    return absl::InvalidArgumentError("int: the number does not fit in 64 bits");
  }
  return Value::Int(static_cast<int64_t>(number));
}

absl::StatusOr<Value> ToInt(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("int", {"default", "base"}, 0, arguments));
  if (input.is_undefined()) return UndefinedError(input);
  const Value otherwise = bound[0] == nullptr ? Value::Int(0) : *bound[0];
  if (input.is_integral()) return Value::Int(input.AsInt());
  if (input.is_float()) {
    if (std::isnan(input.AsDouble())) return otherwise;
    return TruncateToInt(input.AsDouble());
  }
  if (!input.is_string()) return otherwise;
  STRATA_RETURN_IF_ERROR(budget.Scan(4 * static_cast<int64_t>(input.AsString().size())));
  int64_t base = 10;
  if (bound[1] != nullptr) {
    STRATA_ASSIGN_OR_RETURN(base, RequireInt(*bound[1], "int base"));
  }
  const std::optional<int64_t> number = ParseInt(input.AsString(), base);
  if (number.has_value()) return Value::Int(*number);
  const std::optional<double> fraction = ParseFloat(input.AsString());
  if (!fraction.has_value() || !std::isfinite(*fraction)) return otherwise;
  return TruncateToInt(*fraction);
}

absl::StatusOr<Value> ToFloat(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, BindArguments("float", {"default"}, 0, arguments));
  if (input.is_undefined()) return UndefinedError(input);
  if (input.is_number()) return Value::Float(input.AsDouble());
  if (input.is_string()) {
    STRATA_RETURN_IF_ERROR(budget.Scan(4 * static_cast<int64_t>(input.AsString().size())));
    const std::optional<double> number = ParseFloat(input.AsString());
    if (number.has_value()) return Value::Float(*number);
  }
  return bound[0] == nullptr ? Value::Float(0.0) : *bound[0];
}

absl::StatusOr<Value> Round(const Value& input, const Arguments& arguments, Budget&) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("round", {"precision", "method"}, 0, arguments));
  if (input.is_undefined()) return UndefinedError(input);
  if (!input.is_number()) return absl::InvalidArgumentError("round: a number is required");
  int64_t precision = 0;
  if (bound[0] != nullptr) {
    STRATA_ASSIGN_OR_RETURN(precision, RequireInt(*bound[0], "round precision"));
  }
  absl::string_view method = "common";
  if (bound[1] != nullptr) {
    STRATA_ASSIGN_OR_RETURN(method, RequireString(*bound[1], "round method"));
  }
  const double number = input.AsDouble();
  const double scale = std::pow(10.0, static_cast<double>(precision));
  if (method == "common") {
    if (input.is_integral() && precision >= 0) return Value::Int(input.AsInt());
    if (precision > 300 || !std::isfinite(number)) return input;
    if (precision < 0) {
      const double rounded = std::nearbyint(number * std::pow(10.0, precision)) / scale;
      return input.is_integral() ? TruncateToInt(rounded) : Value::Float(rounded);
    }
    // Decimal digits of the exact value, rounded half to even, as Python does.
    const std::string digits = absl::StrFormat("%.*f", static_cast<int>(precision), number);
    return Value::Float(ParseFloat(digits).value_or(number));
  }
  if (method == "ceil") return Value::Float(std::ceil(number * scale) / scale);
  if (method == "floor") return Value::Float(std::floor(number * scale) / scale);
  return absl::InvalidArgumentError("round: method must be common, ceil or floor");
}

constexpr FilterEntry kScalarFilters[] = {
    {"abs", Absolute},    {"attr", AttributeFilter}, {"d", Default},
    {"default", Default}, {"float", ToFloat},        {"int", ToInt},
    {"round", Round},
};

}  // namespace

Filter FindScalarFilter(absl::string_view name) { return FindFilterEntry(kScalarFilters, name); }

}  // namespace strata::jinja
