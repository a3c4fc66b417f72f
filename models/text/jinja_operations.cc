#include "models/text/jinja_operations.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/jinja_format.h"
#include "models/text/jinja_text.h"

namespace strata::jinja {
namespace {

absl::string_view Symbol(BinaryOperator op) {
  switch (op) {
    case BinaryOperator::kAdd:
      return "+";
    case BinaryOperator::kSubtract:
      return "-";
    case BinaryOperator::kMultiply:
      return "*";
    case BinaryOperator::kDivide:
      return "/";
    case BinaryOperator::kFloorDivide:
      return "//";
    case BinaryOperator::kModulo:
      return "%";
    case BinaryOperator::kPower:
      return "**";
  }
  return "?";
}

absl::Status OverflowError() {
  return absl::InvalidArgumentError("an integer does not fit in 64 bits");
}

absl::Status ZeroDivisionError() { return absl::InvalidArgumentError("division by zero"); }

absl::StatusOr<Value> IntPower(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return ZeroDivisionError();
    return Value::Float(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t result = 1;
  int64_t square = base;
  for (int64_t rest = exponent; rest > 0; rest >>= 1) {
    if ((rest & 1) != 0 && __builtin_mul_overflow(result, square, &result)) return OverflowError();
    if (rest > 1 && __builtin_mul_overflow(square, square, &square)) return OverflowError();
  }
  return Value::Int(result);
}

absl::StatusOr<Value> IntArithmetic(BinaryOperator op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case BinaryOperator::kAdd:
      if (__builtin_add_overflow(a, b, &result)) return OverflowError();
      return Value::Int(result);
    case BinaryOperator::kSubtract:
      if (__builtin_sub_overflow(a, b, &result)) return OverflowError();
      return Value::Int(result);
    case BinaryOperator::kMultiply:
      if (__builtin_mul_overflow(a, b, &result)) return OverflowError();
      return Value::Int(result);
    case BinaryOperator::kDivide:
      if (b == 0) return ZeroDivisionError();
      return Value::Float(static_cast<double>(a) / static_cast<double>(b));
    case BinaryOperator::kFloorDivide:
    case BinaryOperator::kModulo: {
      if (b == 0) return ZeroDivisionError();
      const bool floor_divide = op == BinaryOperator::kFloorDivide;
      if (b == -1) {  // apart, because the processor traps on the smallest integer
        if (!floor_divide) return Value::Int(0);
        if (a == std::numeric_limits<int64_t>::min()) return OverflowError();
        return Value::Int(-a);
      }
      int64_t quotient = a / b;
      int64_t remainder = a % b;
      if (remainder != 0 && (remainder < 0) != (b < 0)) {
        --quotient;
        remainder += b;
      }
      return Value::Int(floor_divide ? quotient : remainder);
    }
    case BinaryOperator::kPower:
      return IntPower(a, b);
  }
  return absl::InternalError("unknown operator");
}

absl::StatusOr<Value> FloatArithmetic(BinaryOperator op, double a, double b) {
  switch (op) {
    case BinaryOperator::kAdd:
      return Value::Float(a + b);
    case BinaryOperator::kSubtract:
      return Value::Float(a - b);
    case BinaryOperator::kMultiply:
      return Value::Float(a * b);
    case BinaryOperator::kDivide:
      if (b == 0) return ZeroDivisionError();
      return Value::Float(a / b);
    case BinaryOperator::kFloorDivide:
    case BinaryOperator::kModulo: {
      if (b == 0) return ZeroDivisionError();
      double remainder = std::fmod(a, b);
      if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
      if (op == BinaryOperator::kModulo) {
        return Value::Float(remainder == 0 ? std::copysign(0.0, b) : remainder);
      }
      return Value::Float(std::round((a - remainder) / b));
    }
    case BinaryOperator::kPower: {
      if (a == 0 && b < 0) return ZeroDivisionError();
      const double power = std::pow(a, b);
      if (std::isnan(power) && !std::isnan(a) && !std::isnan(b)) {
        return absl::InvalidArgumentError("the power is a complex number");
      }
      return Value::Float(power);
    }
  }
  return absl::InternalError("unknown operator");
}

absl::StatusOr<Value> Repeat(const Value& value, int64_t count, Budget& budget) {
  if (value.is_string()) {
    BoundedText text(budget);
    text.AppendRepeated(value.AsString(), count);
    STRATA_ASSIGN_OR_RETURN(std::string repeated, text.Finish());
    return Value::String(std::move(repeated));
  }
  const std::vector<Value>& items = value.AsSequence()->items;
  std::vector<Value> repeated;
  for (int64_t i = 0; i < count && !items.empty(); ++i) {
    const auto num_items = static_cast<int64_t>(items.size());
    STRATA_RETURN_IF_ERROR(budget.Step(num_items));
    STRATA_RETURN_IF_ERROR(budget.Charge(num_items * static_cast<int64_t>(sizeof(Value))));
    repeated.insert(repeated.end(), items.begin(), items.end());
  }
  return MakeSequence(value.AsSequence()->kind, std::move(repeated), budget);
}

bool IsListOrTuple(const Value& value) {
  return value.is_sequence_of(SequenceKind::kList) || value.is_sequence_of(SequenceKind::kTuple);
}

absl::Status Unsupported(BinaryOperator op, const Value& a, const Value& b) {
  return absl::InvalidArgumentError(absl::StrCat("unsupported operand type(s) for ", Symbol(op),
                                                 ": '", a.type_name(), "' and '", b.type_name(),
                                                 "'"));
}

absl::StatusOr<bool> SequencesEqual(const Sequence& a, const Sequence& b, Budget& budget) {
  if (a.kind != b.kind || a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i) {
    STRATA_ASSIGN_OR_RETURN(const bool equal, Equals(a.items[i], b.items[i], budget));
    if (!equal) return false;
  }
  return true;
}

absl::StatusOr<bool> DictsEqual(const Dict& a, const Dict& b, Budget& budget) {
  if (a.entries().size() != b.entries().size()) return false;
  for (const Dict::Entry& entry : a.entries()) {
    const Value* other = b.Find(entry.hash_text);
    if (other == nullptr) return false;
    STRATA_ASSIGN_OR_RETURN(const bool equal, Equals(entry.value, *other, budget));
    if (!equal) return false;
  }
  return true;
}

bool AppendItems(const std::vector<Value>& items, BoundedText& out) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.Append(", ");
    if (!AppendPythonRepr(items[i], out)) return false;
  }
  return out.ok();
}

bool AppendSequenceRepr(const Sequence& sequence, BoundedText& out) {
  switch (sequence.kind) {
    case SequenceKind::kList:
      out.Append("[");
      AppendItems(sequence.items, out);
      return out.Append("]");
    case SequenceKind::kTuple:
      out.Append("(");
      AppendItems(sequence.items, out);
      return out.Append(sequence.items.size() == 1 ? ",)" : ")");
    case SequenceKind::kRange: {
      // A range is kept as its items; the bounds shown are the canonical ones of the same items.
      const std::vector<Value>& items = sequence.items;
      if (items.empty()) return out.Append("range(0, 0)");
      const int64_t first = items.front().AsInt();
      const int64_t step = items.size() > 1 ? items[1].AsInt() - first : 1;
      const int64_t stop = items.back().AsInt() + step;
      return out.Append(step == 1 ? absl::StrCat("range(", first, ", ", stop, ")")
                                  : absl::StrCat("range(", first, ", ", stop, ", ", step, ")"));
    }
    case SequenceKind::kKeys:
    case SequenceKind::kValues:
    case SequenceKind::kItems:
      out.Append(sequence.kind == SequenceKind::kKeys     ? "dict_keys(["
                 : sequence.kind == SequenceKind::kValues ? "dict_values(["
                                                          : "dict_items([");
      AppendItems(sequence.items, out);
      return out.Append("])");
    case SequenceKind::kGenerator:
      return out.Append("<generator object>");
  }
  return out.ok();
}

}  // namespace

bool IsTrue(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
      return value.AsBool();
    case Kind::kInt:
      return value.AsInt() != 0;
    case Kind::kFloat:
      return value.AsDouble() != 0;
    case Kind::kString:
      return !value.AsString().empty();
    case Kind::kSequence:
      return value.AsSequence()->kind == SequenceKind::kGenerator ||
             !value.AsSequence()->items.empty();
    case Kind::kDict:
      return !value.AsDict()->entries().empty();
    case Kind::kObject:
      return true;
  }
  return false;
}

absl::StatusOr<bool> Equals(const Value& a, const Value& b, Budget& budget) {
  STRATA_RETURN_IF_ERROR(budget.Step());
  if (a.is_number() && b.is_number()) {
    if (a.is_integral() && b.is_integral()) return a.AsInt() == b.AsInt();
    return a.AsDouble() == b.AsDouble();
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kString:
      if (a.AsString().size() != b.AsString().size()) return false;
      STRATA_RETURN_IF_ERROR(budget.Scan(static_cast<int64_t>(a.AsString().size())));
      return a.AsString() == b.AsString();
    case Kind::kSequence:
      if (a.AsSequence() == b.AsSequence()) return true;
      if (a.is_sequence_of(SequenceKind::kGenerator)) return false;
      return SequencesEqual(*a.AsSequence(), *b.AsSequence(), budget);
    case Kind::kDict:
      return DictsEqual(*a.AsDict(), *b.AsDict(), budget);
    default:
      return a.IsSame(b);
  }
}

absl::StatusOr<int> Compare(const Value& a, const Value& b, Budget& budget) {
  STRATA_RETURN_IF_ERROR(budget.Step());
  if (a.is_undefined()) return UndefinedError(a);
  if (b.is_undefined()) return UndefinedError(b);
  if (a.is_integral() && b.is_integral()) {
    return a.AsInt() < b.AsInt() ? -1 : a.AsInt() > b.AsInt() ? 1 : 0;
  }
  if (a.is_number() && b.is_number()) {
    return a.AsDouble() < b.AsDouble() ? -1 : a.AsDouble() > b.AsDouble() ? 1 : 0;
  }
  if (a.is_string() && b.is_string()) {  // the byte order of UTF-8 is the code point order
    STRATA_RETURN_IF_ERROR(
        budget.Scan(static_cast<int64_t>(std::min(a.AsString().size(), b.AsString().size()))));
    const int order = a.AsString().compare(b.AsString());
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  if (IsListOrTuple(a) && IsListOrTuple(b) && a.AsSequence()->kind == b.AsSequence()->kind) {
    const std::vector<Value>& left = a.AsSequence()->items;
    const std::vector<Value>& right = b.AsSequence()->items;
    for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
      STRATA_ASSIGN_OR_RETURN(const bool equal, Equals(left[i], right[i], budget));
      if (!equal) return Compare(left[i], right[i], budget);
    }
    return left.size() < right.size() ? -1 : left.size() > right.size() ? 1 : 0;
  }
  return absl::InvalidArgumentError(absl::StrCat("'<' not supported between instances of '",
                                                 a.type_name(), "' and '", b.type_name(), "'"));
}

absl::StatusOr<Value> Arithmetic(BinaryOperator op, const Value& a, const Value& b,
                                 Budget& budget) {
  if (op == BinaryOperator::kModulo && a.is_string()) {
    STRATA_ASSIGN_OR_RETURN(std::string text, FormatPercent(a.AsString(), b, budget));
    return Value::String(std::move(text));
  }
  if (a.is_undefined()) return UndefinedError(a);
  if (b.is_undefined()) return UndefinedError(b);
  if (a.is_integral() && b.is_integral()) return IntArithmetic(op, a.AsInt(), b.AsInt());
  if (a.is_number() && b.is_number()) return FloatArithmetic(op, a.AsDouble(), b.AsDouble());
  if (op == BinaryOperator::kAdd) {
    if (a.is_string() && b.is_string()) {
      BoundedText text(budget);
      text.Append(a.AsString());
      text.Append(b.AsString());
      STRATA_ASSIGN_OR_RETURN(std::string joined, text.Finish());
      return Value::String(std::move(joined));
    }
    if (a.is_string() || b.is_string()) {
      if (a.is_string()) {
        return absl::InvalidArgumentError(
            absl::StrCat("can only concatenate str (not \"", b.type_name(), "\") to str"));
      }
      return Unsupported(op, a, b);
    }
    if (IsListOrTuple(a) && IsListOrTuple(b) && a.AsSequence()->kind == b.AsSequence()->kind) {
      std::vector<Value> items = a.AsSequence()->items;
      items.insert(items.end(), b.AsSequence()->items.begin(), b.AsSequence()->items.end());
      return MakeSequence(a.AsSequence()->kind, std::move(items), budget);
    }
  }
  if (op == BinaryOperator::kMultiply) {
    if ((a.is_string() || IsListOrTuple(a)) && b.is_integral()) return Repeat(a, b.AsInt(), budget);
    if ((b.is_string() || IsListOrTuple(b)) && a.is_integral()) return Repeat(b, a.AsInt(), budget);
  }
  return Unsupported(op, a, b);
}

absl::StatusOr<Value> Negate(const Value& value) {
  if (value.is_undefined()) return UndefinedError(value);
  if (value.is_float()) return Value::Float(-value.AsDouble());
  if (!value.is_integral()) {
    return absl::InvalidArgumentError(
        absl::StrCat("bad operand type for unary -: '", value.type_name(), "'"));
  }
  if (value.AsInt() == std::numeric_limits<int64_t>::min()) return OverflowError();
  return Value::Int(-value.AsInt());
}

bool AppendPythonRepr(const Value& value, BoundedText& out) {
  if (!out.Check(out.budget().Step())) return false;
  const DepthGuard guard(out.budget());
  if (!out.Check(guard.status())) return false;
  switch (value.kind()) {
    case Kind::kUndefined:
      return out.Append("Undefined");
    case Kind::kNone:
      return out.Append("None");
    case Kind::kBool:
      return out.Append(value.AsBool() ? "True" : "False");
    case Kind::kInt:
      return out.Append(absl::StrCat(value.AsInt()));
    case Kind::kFloat:
      return out.Append(FloatRepr(value.AsDouble()));
    case Kind::kString:
      return out.Append(StringRepr(value.AsString()));
    case Kind::kSequence:
      return AppendSequenceRepr(*value.AsSequence(), out);
    case Kind::kDict: {
      out.Append("{");
      bool first = true;
      for (const Dict::Entry& entry : value.AsDict()->entries()) {
        if (!first) out.Append(", ");
        first = false;
        if (!AppendPythonRepr(entry.key, out)) return false;
        out.Append(": ");
        if (!AppendPythonRepr(entry.value, out)) return false;
      }
      return out.Append("}");
    }
    case Kind::kObject:
      value.AsObject()->AppendRepr(out);
      return out.ok();
  }
  return out.ok();
}

bool AppendPythonText(const Value& value, BoundedText& out) {
  if (value.is_undefined()) return out.ok();
  if (value.is_string()) return out.Append(value.AsString());
  return AppendPythonRepr(value, out);
}

absl::StatusOr<std::string> ToText(const Value& value, Budget& budget) {
  BoundedText text(budget);
  AppendPythonText(value, text);
  return text.Finish();
}

absl::Status UndefinedError(const Value& value) {
  return absl::InvalidArgumentError(value.AsUndefinedMessage());
}

absl::StatusOr<int64_t> RequireInt(const Value& value, absl::string_view what) {
  if (value.is_undefined()) return UndefinedError(value);
  if (value.is_integral()) return value.AsInt();
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": expected an int, got '", value.type_name(), "'"));
}

absl::StatusOr<absl::string_view> RequireString(const Value& value, absl::string_view what) {
  if (value.is_undefined()) return UndefinedError(value);
  if (value.is_string()) return absl::string_view(value.AsString());
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": expected a str, got '", value.type_name(), "'"));
}

}  // namespace strata::jinja
