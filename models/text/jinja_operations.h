// Python's operators on template values: truth, equality, order, arithmetic, str() and
// repr().
//
// Errors are InvalidArgument with Python's wording (TypeError, UndefinedError); integers are 64
// bits wide and an overflow is an error. Everything that walks a value or makes one is charged to
// the budget.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/text/jinja_value.h"

namespace strata::jinja {

// Python's bool(value).
bool IsTrue(const Value& value);

absl::StatusOr<bool> Equals(const Value& a, const Value& b, Budget& budget);
// Negative, zero or positive as a < b, a == b, a > b. InvalidArgument for types without an order.
absl::StatusOr<int> Compare(const Value& a, const Value& b, Budget& budget);
enum class BinaryOperator { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };
absl::StatusOr<Value> Arithmetic(BinaryOperator op, const Value& a, const Value& b, Budget& budget);
absl::StatusOr<Value> Negate(const Value& value);

// str(value): the text itself, "" of an undefined value, else the repr.
absl::StatusOr<std::string> ToText(const Value& value, Budget& budget);
// Appends str(value) or repr(value); false once `out` has failed.
bool AppendPythonText(const Value& value, BoundedText& out);
bool AppendPythonRepr(const Value& value, BoundedText& out);

// The error of using an undefined value.
absl::Status UndefinedError(const Value& value);
// An argument that must be an int (or bool); `what` names it in the error.
absl::StatusOr<int64_t> RequireInt(const Value& value, absl::string_view what);
// An argument that must be a str.
absl::StatusOr<absl::string_view> RequireString(const Value& value, absl::string_view what);

}  // namespace strata::jinja
