#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/jinja_access.h"
#include "models/text/jinja_filters.h"
#include "models/text/jinja_interpreter.h"
#include "models/text/jinja_operations.h"
#include "models/text/jinja_predicates.h"

namespace strata::jinja {

Value Interpreter::LookUp(const std::string& name) const {
  for (const Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    const auto it = scope->variables.find(name);
    if (it != scope->variables.end()) return it->second;
  }
  const Value* function = functions_.FindString(name);
  if (function != nullptr) return *function;
  return Value::Undefined(absl::StrCat("'", name, "' is undefined"));
}

absl::StatusOr<Value> Interpreter::Evaluate(const Expression& expression) {
  const DepthGuard guard(budget_);
  STRATA_RETURN_IF_ERROR(Locate(guard.status(), expression.line));
  STRATA_RETURN_IF_ERROR(Locate(budget_.Step(), expression.line));
  absl::StatusOr<Value> value = EvaluateNode(expression);
  if (!value.ok()) return Locate(value.status(), expression.line);
  return value;
}

absl::StatusOr<Value> Interpreter::EvaluateNode(const Expression& expression) {
  switch (expression.kind) {
    case ExpressionKind::kConstant:
      return expression.constant;
    case ExpressionKind::kName:
      STRATA_RETURN_IF_ERROR(budget_.Charge(16));
      return LookUp(expression.name);
    case ExpressionKind::kTuple:
    case ExpressionKind::kList:
      return EvaluateSequence(expression);
    case ExpressionKind::kDict:
      return EvaluateDict(expression);
    case ExpressionKind::kAttribute:
    case ExpressionKind::kItem:
      return EvaluateItem(expression);
    case ExpressionKind::kSlice:
      return EvaluateSlice(expression);
    case ExpressionKind::kCall:
      return EvaluateCall(expression, nullptr);
    case ExpressionKind::kFilter:
      return EvaluateFilter(expression, nullptr);
    case ExpressionKind::kTest:
      return EvaluateTest(expression);
    case ExpressionKind::kNegate:
    case ExpressionKind::kPlus:
    case ExpressionKind::kNot:
      return EvaluateUnary(expression);
    case ExpressionKind::kAnd:
    case ExpressionKind::kOr:
      return EvaluateLogic(expression);
    case ExpressionKind::kArithmetic:
      return EvaluateArithmetic(expression);
    case ExpressionKind::kConcatenate:
      return EvaluateConcatenation(expression);
    case ExpressionKind::kCompare:
      return EvaluateComparison(expression);
    case ExpressionKind::kConditional:
      return EvaluateConditional(expression);
    case ExpressionKind::kNamespaceAttribute:
      break;  // only ever a target
  }
  return absl::InternalError("an expression that has no value");
}

absl::StatusOr<Value> Interpreter::EvaluateSequence(const Expression& expression) {
  std::vector<Value> items;
  for (const ExpressionPointer& operand : expression.operands) {
    STRATA_ASSIGN_OR_RETURN(Value item, Evaluate(*operand));
    items.push_back(std::move(item));
  }
  return MakeSequence(
      expression.kind == ExpressionKind::kList ? SequenceKind::kList : SequenceKind::kTuple,
      std::move(items), budget_);
}

absl::StatusOr<Value> Interpreter::EvaluateDict(const Expression& expression) {
  Dict dict;
  for (size_t i = 0; i + 1 < expression.operands.size(); i += 2) {
    STRATA_ASSIGN_OR_RETURN(Value key, Evaluate(*expression.operands[i]));
    STRATA_ASSIGN_OR_RETURN(Value value, Evaluate(*expression.operands[i + 1]));
    STRATA_ASSIGN_OR_RETURN(std::string hash_text, HashText(key, budget_));
    dict.Set(std::move(hash_text), std::move(key), std::move(value));
  }
  return MakeDict(std::move(dict), budget_);
}

absl::StatusOr<Value> Interpreter::EvaluateItem(const Expression& expression) {
  STRATA_ASSIGN_OR_RETURN(const Value operand, Evaluate(*expression.operands[0]));
  if (expression.kind == ExpressionKind::kAttribute) {
    return GetAttribute(operand, expression.name, budget_);
  }
  STRATA_ASSIGN_OR_RETURN(const Value key, Evaluate(*expression.operands[1]));
  return GetItem(operand, key, budget_);
}

absl::StatusOr<Value> Interpreter::EvaluateSlice(const Expression& expression) {
  STRATA_ASSIGN_OR_RETURN(const Value operand, Evaluate(*expression.operands[0]));
  std::optional<Value> bounds[3];
  for (size_t i = 0; i < 3; ++i) {
    if (expression.operands[i + 1] == nullptr) continue;
    STRATA_ASSIGN_OR_RETURN(bounds[i], Evaluate(*expression.operands[i + 1]));
  }
  return GetSlice(operand, {.start = bounds[0], .stop = bounds[1], .step = bounds[2]}, budget_);
}

absl::StatusOr<Arguments> Interpreter::EvaluateArguments(const CallSyntax& syntax) {
  Arguments arguments;
  for (const ExpressionPointer& expression : syntax.positional) {
    STRATA_ASSIGN_OR_RETURN(Value value, Evaluate(*expression));
    arguments.positional.push_back(std::move(value));
  }
  for (const auto& [name, expression] : syntax.keyword) {
    STRATA_ASSIGN_OR_RETURN(Value value, Evaluate(*expression));
    arguments.keyword.emplace_back(name, std::move(value));
  }
  if (syntax.more_positional != nullptr) {
    STRATA_ASSIGN_OR_RETURN(const Value more, Evaluate(*syntax.more_positional));
    STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(more, budget_));
    arguments.positional.insert(arguments.positional.end(), items.begin(), items.end());
  }
  if (syntax.more_keyword != nullptr) {
    STRATA_ASSIGN_OR_RETURN(const Value more, Evaluate(*syntax.more_keyword));
    if (!more.is_dict()) return absl::InvalidArgumentError("argument after ** must be a mapping");
    for (const Dict::Entry& entry : more.AsDict()->entries()) {
      if (!entry.key.is_string()) return absl::InvalidArgumentError("keywords must be strings");
      STRATA_RETURN_IF_ERROR(budget_.Step());
      arguments.keyword.emplace_back(entry.key.AsString(), entry.value);
    }
  }
  return arguments;
}

// `caller` is the body of a call block, passed on as a keyword.
absl::StatusOr<Value> Interpreter::EvaluateCall(const Expression& expression, const Value* caller) {
  STRATA_ASSIGN_OR_RETURN(const Value callee, Evaluate(*expression.operands[0]));
  STRATA_ASSIGN_OR_RETURN(Arguments arguments, EvaluateArguments(expression.arguments));
  if (caller != nullptr) arguments.keyword.emplace_back("caller", *caller);
  if (callee.is_undefined()) return UndefinedError(callee);
  if (!callee.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", callee.type_name(), "' object is not callable"));
  }
  return callee.AsObject()->Call(arguments, budget_);
}

// `block_text` is what a filter block filters: the operand of its innermost filter.
absl::StatusOr<Value> Interpreter::EvaluateFilter(const Expression& expression,
                                                  const Value* block_text) {
  const DepthGuard guard(budget_);
  STRATA_RETURN_IF_ERROR(guard.status());
  Value input;
  const ExpressionPointer& operand = expression.operands[0];
  if (operand == nullptr) {
    STRATA_CHECK(block_text != nullptr, "only the filters of a block have no operand");
    input = *block_text;
  } else if (block_text != nullptr) {
    STRATA_ASSIGN_OR_RETURN(input, EvaluateFilter(*operand, block_text));
  } else {
    STRATA_ASSIGN_OR_RETURN(input, Evaluate(*operand));
  }
  STRATA_ASSIGN_OR_RETURN(const Arguments arguments, EvaluateArguments(expression.arguments));
  return ApplyFilter(expression.name, input, arguments, budget_);
}

absl::StatusOr<Value> Interpreter::EvaluateTest(const Expression& expression) {
  STRATA_ASSIGN_OR_RETURN(const Value operand, Evaluate(*expression.operands[0]));
  STRATA_ASSIGN_OR_RETURN(const Arguments arguments, EvaluateArguments(expression.arguments));
  STRATA_ASSIGN_OR_RETURN(const bool passes,
                          ApplyTest(expression.name, operand, arguments, budget_));
  return Value::Bool(passes);
}

absl::StatusOr<Value> Interpreter::EvaluateUnary(const Expression& expression) {
  STRATA_ASSIGN_OR_RETURN(const Value operand, Evaluate(*expression.operands[0]));
  if (expression.kind == ExpressionKind::kNot) return Value::Bool(!IsTrue(operand));
  if (expression.kind == ExpressionKind::kNegate) return Negate(operand);
  if (operand.is_undefined()) return UndefinedError(operand);
  if (operand.is_float()) return operand;
  if (operand.is_integral()) return Value::Int(operand.AsInt());
  return absl::InvalidArgumentError(
      absl::StrCat("bad operand type for unary +: '", operand.type_name(), "'"));
}

absl::StatusOr<Value> Interpreter::EvaluateLogic(const Expression& expression) {
  STRATA_ASSIGN_OR_RETURN(Value left, Evaluate(*expression.operands[0]));
  if (IsTrue(left) == (expression.kind == ExpressionKind::kOr)) return left;
  return Evaluate(*expression.operands[1]);
}

absl::StatusOr<Value> Interpreter::EvaluateArithmetic(const Expression& expression) {
  STRATA_ASSIGN_OR_RETURN(const Value left, Evaluate(*expression.operands[0]));
  STRATA_ASSIGN_OR_RETURN(const Value right, Evaluate(*expression.operands[1]));
  return Arithmetic(expression.arithmetic, left, right, budget_);
}

absl::StatusOr<Value> Interpreter::EvaluateConcatenation(const Expression& expression) {
  BoundedText text(budget_);
  for (const ExpressionPointer& operand : expression.operands) {
    STRATA_ASSIGN_OR_RETURN(const Value piece, Evaluate(*operand));
    AppendPythonText(piece, text);
  }
  STRATA_ASSIGN_OR_RETURN(std::string joined, text.Finish());
  return Value::String(std::move(joined));
}

absl::StatusOr<Value> Interpreter::EvaluateComparison(const Expression& expression) {
  STRATA_ASSIGN_OR_RETURN(Value left, Evaluate(*expression.operands[0]));
  for (size_t i = 0; i < expression.comparisons.size(); ++i) {
    STRATA_ASSIGN_OR_RETURN(Value right, Evaluate(*expression.operands[i + 1]));
    bool holds = false;
    const Comparison comparison = expression.comparisons[i];
    switch (comparison) {
      case Comparison::kEqual:
      case Comparison::kNotEqual: {
        STRATA_ASSIGN_OR_RETURN(const bool equal, Equals(left, right, budget_));
        holds = equal == (comparison == Comparison::kEqual);
        break;
      }
      case Comparison::kIn:
      case Comparison::kNotIn: {
        STRATA_ASSIGN_OR_RETURN(const bool contains, Contains(right, left, budget_));
        holds = contains == (comparison == Comparison::kIn);
        break;
      }
      default: {
        STRATA_ASSIGN_OR_RETURN(const int order, Compare(left, right, budget_));
        if (comparison == Comparison::kLess) holds = order < 0;
        if (comparison == Comparison::kLessEqual) holds = order <= 0;
        if (comparison == Comparison::kGreater) holds = order > 0;
        if (comparison == Comparison::kGreaterEqual) holds = order >= 0;
      }
    }
    if (!holds) return Value::Bool(false);
    left = std::move(right);
  }
  return Value::Bool(true);
}

absl::StatusOr<Value> Interpreter::EvaluateConditional(const Expression& expression) {
  STRATA_ASSIGN_OR_RETURN(const Value condition, Evaluate(*expression.operands[1]));
  if (IsTrue(condition)) return Evaluate(*expression.operands[0]);
  if (expression.operands[2] != nullptr) return Evaluate(*expression.operands[2]);
  return Value::Undefined(
      "the inline if-expression evaluated to false and no else section was defined");
}

}  // namespace strata::jinja
