#include "models/text/jinja_predicates.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/jinja_access.h"
#include "models/text/jinja_filters.h"
#include "models/text/jinja_methods.h"
#include "models/text/jinja_operations.h"

namespace strata::jinja {
namespace {

// `other` is the one argument of tests that take one.
using Test = absl::StatusOr<bool> (*)(const Value& value, const Value& other, Budget& budget);

absl::StatusOr<bool> Remainder(const Value& value, int64_t divisor, int64_t expected,
                               Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const Value remainder,
                          Arithmetic(BinaryOperator::kModulo, value, Value::Int(divisor), budget));
  return Equals(remainder, Value::Int(expected), budget);
}

// str(value).name()
absl::StatusOr<bool> TextMethod(const Value& value, absl::string_view name, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(std::string text, ToText(value, budget));
  const std::optional<Value> method = FindMethod(Value::String(std::move(text)), name);
  STRATA_CHECK(method.has_value(), "tests call methods that str has");
  STRATA_ASSIGN_OR_RETURN(const Value result, method->AsObject()->Call(Arguments(), budget));
  return IsTrue(result);
}

absl::StatusOr<bool> IsCallable(const Value& v, const Value&, Budget&) {
  return v.is_object() && v.AsObject()->callable();
}
absl::StatusOr<bool> IsDefined(const Value& v, const Value&, Budget&) { return !v.is_undefined(); }
absl::StatusOr<bool> IsUndefined(const Value& v, const Value&, Budget&) { return v.is_undefined(); }
absl::StatusOr<bool> IsNone(const Value& v, const Value&, Budget&) { return v.is_none(); }
absl::StatusOr<bool> IsBoolean(const Value& v, const Value&, Budget&) { return v.is_bool(); }
absl::StatusOr<bool> IsTrueValue(const Value& v, const Value&, Budget&) {
  return v.is_bool() && v.AsBool();
}
absl::StatusOr<bool> IsFalseValue(const Value& v, const Value&, Budget&) {
  return v.is_bool() && !v.AsBool();
}
absl::StatusOr<bool> IsInteger(const Value& v, const Value&, Budget&) { return v.is_int(); }
absl::StatusOr<bool> IsFloat(const Value& v, const Value&, Budget&) { return v.is_float(); }
absl::StatusOr<bool> IsNumber(const Value& v, const Value&, Budget&) { return v.is_number(); }
absl::StatusOr<bool> IsString(const Value& v, const Value&, Budget&) { return v.is_string(); }
absl::StatusOr<bool> IsMapping(const Value& v, const Value&, Budget&) { return v.is_dict(); }
absl::StatusOr<bool> IsIterableValue(const Value& v, const Value&, Budget&) {
  return IsIterable(v);
}
// What has a length and items; an undefined value has both in Jinja.
absl::StatusOr<bool> IsSequence(const Value& v, const Value&, Budget&) {
  return v.is_undefined() || v.is_string() || v.is_dict() ||
         v.is_sequence_of(SequenceKind::kList) || v.is_sequence_of(SequenceKind::kTuple) ||
         v.is_sequence_of(SequenceKind::kRange);
}
absl::StatusOr<bool> IsEscaped(const Value&, const Value&, Budget&) { return false; }
absl::StatusOr<bool> IsOdd(const Value& v, const Value&, Budget& budget) {
  return Remainder(v, 2, 1, budget);
}
absl::StatusOr<bool> IsEven(const Value& v, const Value&, Budget& budget) {
  return Remainder(v, 2, 0, budget);
}
absl::StatusOr<bool> IsLowerText(const Value& v, const Value&, Budget& budget) {
  return TextMethod(v, "islower", budget);
}
absl::StatusOr<bool> IsUpperText(const Value& v, const Value&, Budget& budget) {
  return TextMethod(v, "isupper", budget);
}
absl::StatusOr<bool> IsFilterName(const Value& v, const Value&, Budget&) {
  return v.is_string() && HasFilter(v.AsString());
}
absl::StatusOr<bool> IsTestName(const Value& v, const Value&, Budget&) {
  return v.is_string() && HasTest(v.AsString());
}

absl::StatusOr<bool> DivisibleBy(const Value& v, const Value& other, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const Value remainder,
                          Arithmetic(BinaryOperator::kModulo, v, other, budget));
  return Equals(remainder, Value::Int(0), budget);
}
absl::StatusOr<bool> IsEqual(const Value& v, const Value& other, Budget& budget) {
  return Equals(v, other, budget);
}
absl::StatusOr<bool> IsNotEqual(const Value& v, const Value& other, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const bool equal, Equals(v, other, budget));
  return !equal;
}
absl::StatusOr<bool> IsGreater(const Value& v, const Value& other, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const int order, Compare(v, other, budget));
  return order > 0;
}
absl::StatusOr<bool> IsGreaterOrEqual(const Value& v, const Value& other, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const int order, Compare(v, other, budget));
  return order >= 0;
}
absl::StatusOr<bool> IsLess(const Value& v, const Value& other, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const int order, Compare(v, other, budget));
  return order < 0;
}
absl::StatusOr<bool> IsLessOrEqual(const Value& v, const Value& other, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const int order, Compare(v, other, budget));
  return order <= 0;
}
absl::StatusOr<bool> IsIn(const Value& v, const Value& other, Budget& budget) {
  return Contains(other, v, budget);
}
absl::StatusOr<bool> IsSameAs(const Value& v, const Value& other, Budget&) {
  return v.IsSame(other);
}

struct TestEntry {
  absl::string_view name;
  size_t num_arguments;
  Test test;
};

constexpr TestEntry kTests[] = {
    {"!=", 1, IsNotEqual},
    {"<", 1, IsLess},
    {"<=", 1, IsLessOrEqual},
    {"==", 1, IsEqual},
    {">", 1, IsGreater},
    {">=", 1, IsGreaterOrEqual},
    {"boolean", 0, IsBoolean},
    {"callable", 0, IsCallable},
    {"defined", 0, IsDefined},
    {"divisibleby", 1, DivisibleBy},
    {"eq", 1, IsEqual},
    {"equalto", 1, IsEqual},
    {"escaped", 0, IsEscaped},
    {"even", 0, IsEven},
    {"false", 0, IsFalseValue},
    {"filter", 0, IsFilterName},
    {"float", 0, IsFloat},
    {"ge", 1, IsGreaterOrEqual},
    {"greaterthan", 1, IsGreater},
    {"gt", 1, IsGreater},
    {"in", 1, IsIn},
    {"integer", 0, IsInteger},
    {"iterable", 0, IsIterableValue},
    {"le", 1, IsLessOrEqual},
    {"lessthan", 1, IsLess},
    {"lower", 0, IsLowerText},
    {"lt", 1, IsLess},
    {"mapping", 0, IsMapping},
    {"ne", 1, IsNotEqual},
    {"none", 0, IsNone},
    {"number", 0, IsNumber},
    {"odd", 0, IsOdd},
    {"sameas", 1, IsSameAs},
    {"sequence", 0, IsSequence},
    {"string", 0, IsString},
    {"test", 0, IsTestName},
    {"true", 0, IsTrueValue},
    {"undefined", 0, IsUndefined},
    {"upper", 0, IsUpperText},
};

const TestEntry* FindTest(absl::string_view name) {
  const auto* entry = std::lower_bound(
      std::begin(kTests), std::end(kTests), name,
      [](const TestEntry& candidate, absl::string_view key) { return candidate.name < key; });
  return entry != std::end(kTests) && entry->name == name ? entry : nullptr;
}

}  // namespace

bool HasTest(absl::string_view name) { return FindTest(name) != nullptr; }

absl::StatusOr<bool> ApplyTest(absl::string_view name, const Value& value,
                               const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(budget.Step());
  const TestEntry* entry = FindTest(name);
  if (entry == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("no test named '", name, "'"));
  }
  const size_t num_given = arguments.positional.size() + arguments.keyword.size();
  if (num_given != entry->num_arguments) {
    return absl::InvalidArgumentError(absl::StrCat("test '", name, "' takes ", entry->num_arguments,
                                                   " arguments, got ", num_given));
  }
  if (num_given == 0) return entry->test(value, Value(), budget);
  const Value& other =
      arguments.positional.empty() ? arguments.keyword[0].second : arguments.positional[0];
  return entry->test(value, other, budget);
}

}  // namespace strata::jinja
