#include "models/text/jinja_interpreter.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/jinja_access.h"
#include "models/text/jinja_functions.h"
#include "models/text/jinja_loop.h"
#include "models/text/jinja_operations.h"

namespace strata::jinja {

// A macro, or the body of a call block, with the scope it was written in.
class Macro : public Object {
 public:
  Macro(Interpreter& interpreter, const Statement& statement, std::shared_ptr<Scope> scope)
      : interpreter_(interpreter), statement_(statement), scope_(std::move(scope)) {}

  absl::string_view type_name() const override { return "Macro"; }
  void AppendRepr(BoundedText& out) const override {
    out.Append(statement_.name.empty() ? std::string("<Macro anonymous>")
                                       : absl::StrCat("<Macro '", statement_.name, "'>"));
  }
  bool callable() const override { return true; }
  absl::StatusOr<Value> Call(const Arguments& arguments, Budget&) override {
    return interpreter_.CallMacro(statement_, scope_, arguments);
  }
  std::optional<Value> GetAttribute(absl::string_view name) override {
    if (name == "name") return Value::String(statement_.name);
    return std::nullopt;
  }

 private:
  Interpreter& interpreter_;
  const Statement& statement_;
  const std::shared_ptr<Scope> scope_;
};

// Makes a scope current for its lifetime.
class Interpreter::ScopeGuard {
 public:
  ScopeGuard(Interpreter& interpreter, std::shared_ptr<Scope> scope)
      : interpreter_(interpreter), previous_(std::exchange(interpreter.scope_, std::move(scope))) {}
  ~ScopeGuard() { interpreter_.scope_ = std::move(previous_); }
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;

 private:
  Interpreter& interpreter_;
  std::shared_ptr<Scope> previous_;
};

Interpreter::Interpreter(const Block& template_body, absl::string_view origin, Budget& budget)
    : template_(template_body), origin_(origin), budget_(budget) {}

Interpreter::~Interpreter() {
  for (const std::shared_ptr<Object>& object : retained_objects_) object->ReleaseReferences();
  for (const std::shared_ptr<Scope>& scope : retained_scopes_) scope->variables.clear();
}

absl::StatusOr<std::string> Interpreter::Render(const Dict& variables,
                                                std::optional<absl::CivilSecond> now) {
  functions_ = MakeGlobalFunctions({.now = now, .retain = [this](std::shared_ptr<Object> object) {
                                      retained_objects_.push_back(std::move(object));
                                    }});
  scope_ = std::make_shared<Scope>(nullptr);
  for (const Dict::Entry& entry : variables.entries()) {
    if (entry.key.is_string()) scope_->variables[entry.key.AsString()] = entry.value;
  }
  BoundedText output(budget_);
  output_ = &output;
  STRATA_RETURN_IF_ERROR(ExecuteBlock(template_).status());
  return output.Finish();
}

absl::Status Interpreter::Locate(const absl::Status& status, int line) {
  if (status.ok() || located_) return status;
  located_ = true;
  return absl::Status(status.code(), absl::StrCat(origin_, ":", line, ": ", status.message()));
}

std::shared_ptr<Scope> Interpreter::MakeScope(std::shared_ptr<Scope> parent) {
  return std::make_shared<Scope>(std::move(parent));
}

std::shared_ptr<Scope> Interpreter::RetainScope() {
  for (std::shared_ptr<Scope> scope = scope_; scope != nullptr && !scope->is_retained;
       scope = scope->parent) {
    scope->is_retained = true;
    retained_scopes_.push_back(scope);
  }
  return scope_;
}

absl::StatusOr<Interpreter::Flow> Interpreter::ExecuteBlock(const Block& block) {
  for (const Statement& statement : block) {
    const DepthGuard guard(budget_);
    STRATA_RETURN_IF_ERROR(Locate(guard.status(), statement.line));
    STRATA_RETURN_IF_ERROR(Locate(budget_.Step(), statement.line));
    const absl::StatusOr<Flow> flow = Execute(statement);
    if (!flow.ok()) return Locate(flow.status(), statement.line);
    if (*flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Execute(const Statement& statement) {
  switch (statement.kind) {
    case StatementKind::kText:
      output_->Append(statement.text);
      STRATA_RETURN_IF_ERROR(CheckOutput());
      return Flow::kNext;
    case StatementKind::kOutput:
      for (const ExpressionPointer& expression : statement.expressions) {
        STRATA_ASSIGN_OR_RETURN(const Value value, Evaluate(*expression));
        STRATA_RETURN_IF_ERROR(Emit(value));
      }
      return Flow::kNext;
    case StatementKind::kIf:
      return ExecuteIf(statement);
    case StatementKind::kFor:
      return ExecuteFor(statement);
    case StatementKind::kSet: {
      STRATA_ASSIGN_OR_RETURN(const Value value, Evaluate(*statement.value));
      STRATA_RETURN_IF_ERROR(Assign(*statement.target, value));
      return Flow::kNext;
    }
    case StatementKind::kSetBlock:
    case StatementKind::kFilterBlock: {
      std::string text;
      STRATA_ASSIGN_OR_RETURN(const Flow flow, Capture(statement.body, &text));
      if (flow != Flow::kNext) return flow;
      Value value = Value::String(std::move(text));
      if (statement.value != nullptr) {
        STRATA_ASSIGN_OR_RETURN(value, EvaluateFilter(*statement.value, &value));
      }
      STRATA_RETURN_IF_ERROR(statement.target != nullptr ? Assign(*statement.target, value)
                                                         : Emit(value));
      return Flow::kNext;
    }
    case StatementKind::kMacro:
      STRATA_RETURN_IF_ERROR(budget_.Charge(256));
      scope_->variables[statement.name] =
          Value::FromObject(std::make_shared<Macro>(*this, statement, RetainScope()));
      return Flow::kNext;
    case StatementKind::kCallBlock:
      STRATA_RETURN_IF_ERROR(ExecuteCallBlock(statement));
      return Flow::kNext;
    case StatementKind::kWith:
      return ExecuteWith(statement);
    case StatementKind::kScope:
      return ExecuteInScope(statement.body);
    case StatementKind::kBreak:
      return Flow::kBreak;
    case StatementKind::kContinue:
      return Flow::kContinue;
  }
  return absl::InternalError("a statement of unknown kind");
}

absl::Status Interpreter::CheckOutput() {
  const int64_t limit = budget_.limits().max_output_bytes;
  if (static_cast<int64_t>(output_->size()) > limit) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the template writes more than ", limit, " bytes"));
  }
  return output_->status();
}

absl::Status Interpreter::Emit(const Value& value) {
  AppendPythonText(value, *output_);
  return CheckOutput();
}

absl::StatusOr<Interpreter::Flow> Interpreter::ExecuteInScope(const Block& block) {
  STRATA_RETURN_IF_ERROR(budget_.Charge(128));
  const ScopeGuard guard(*this, MakeScope(scope_));
  return ExecuteBlock(block);
}

absl::StatusOr<Interpreter::Flow> Interpreter::Capture(const Block& block, std::string* text) {
  BoundedText captured(budget_);
  BoundedText* const enclosing = std::exchange(output_, &captured);
  absl::StatusOr<Flow> flow = ExecuteInScope(block);
  output_ = enclosing;
  if (!flow.ok()) return flow;
  STRATA_ASSIGN_OR_RETURN(*text, captured.Finish());
  return flow;
}

absl::StatusOr<Interpreter::Flow> Interpreter::ExecuteIf(const Statement& statement) {
  for (const auto& [condition, block] : statement.branches) {
    STRATA_ASSIGN_OR_RETURN(const Value value, Evaluate(*condition));
    if (IsTrue(value)) return ExecuteBlock(block);
  }
  return ExecuteBlock(statement.else_body);
}

absl::StatusOr<Interpreter::Flow> Interpreter::ExecuteFor(const Statement& statement) {
  STRATA_ASSIGN_OR_RETURN(const Value iterable, Evaluate(*statement.iterable));
  return RunLoop(statement, iterable, /*recursion_depth=*/0);
}

// The items the loop runs over, filtered by its condition.
absl::StatusOr<Value> Interpreter::LoopItems(const Statement& statement, const Value& iterable) {
  STRATA_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(iterable, budget_));
  if (statement.condition != nullptr) {
    std::vector<Value> kept;
    for (const Value& item : items) {
      STRATA_RETURN_IF_ERROR(budget_.Charge(128));
      const ScopeGuard guard(*this, MakeScope(scope_));
      STRATA_RETURN_IF_ERROR(Assign(*statement.target, item));
      STRATA_ASSIGN_OR_RETURN(const Value condition, Evaluate(*statement.condition));
      if (IsTrue(condition)) kept.push_back(item);
    }
    items = std::move(kept);
  }
  return MakeSequence(SequenceKind::kList, std::move(items), budget_);
}

absl::StatusOr<Interpreter::Flow> Interpreter::RunLoop(const Statement& statement,
                                                       const Value& iterable, int recursion_depth) {
  STRATA_ASSIGN_OR_RETURN(const Value items, LoopItems(statement, iterable));
  if (items.AsSequence()->items.empty()) return ExecuteInScope(statement.else_body);
  STRATA_RETURN_IF_ERROR(budget_.Charge(256));
  Loop::Callbacks callbacks;
  callbacks.retain = [this](std::shared_ptr<Object> object) {
    retained_objects_.push_back(std::move(object));
  };
  if (statement.recursive) {
    callbacks.recurse = [this, &statement, recursion_depth,
                         scope = RetainScope()](const Value& inner) -> absl::StatusOr<Value> {
      const DepthGuard depth(budget_);
      STRATA_RETURN_IF_ERROR(depth.status());
      const ScopeGuard guard(*this, scope);
      BoundedText captured(budget_);
      BoundedText* const enclosing = std::exchange(output_, &captured);
      const absl::StatusOr<Flow> flow = RunLoop(statement, inner, recursion_depth + 1);
      output_ = enclosing;
      STRATA_RETURN_IF_ERROR(flow.status());
      STRATA_ASSIGN_OR_RETURN(std::string text, captured.Finish());
      return Value::String(std::move(text));
    };
  }
  const auto loop = std::make_shared<Loop>(items, recursion_depth, std::move(callbacks));
  for (size_t i = 0; i < items.AsSequence()->items.size(); ++i) {
    STRATA_RETURN_IF_ERROR(budget_.Step());
    STRATA_RETURN_IF_ERROR(budget_.Charge(256));
    loop->MoveTo(i);
    const ScopeGuard guard(*this, MakeScope(scope_));
    scope_->variables["loop"] = Value::FromObject(loop);
    STRATA_RETURN_IF_ERROR(Assign(*statement.target, items.AsSequence()->items[i]));
    STRATA_ASSIGN_OR_RETURN(const Flow flow, ExecuteBlock(statement.body));
    if (flow == Flow::kBreak) break;
  }
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::ExecuteWith(const Statement& statement) {
  std::vector<Value> values;  // all evaluated outside of the new scope
  for (const auto& [target, expression] : statement.assignments) {
    STRATA_ASSIGN_OR_RETURN(Value value, Evaluate(*expression));
    values.push_back(std::move(value));
  }
  STRATA_RETURN_IF_ERROR(budget_.Charge(128));
  const ScopeGuard guard(*this, MakeScope(scope_));
  for (size_t i = 0; i < values.size(); ++i) {
    STRATA_RETURN_IF_ERROR(Assign(*statement.assignments[i].first, values[i]));
  }
  return ExecuteBlock(statement.body);
}

absl::Status Interpreter::ExecuteCallBlock(const Statement& statement) {
  STRATA_RETURN_IF_ERROR(budget_.Charge(256));
  const Value caller = Value::FromObject(std::make_shared<Macro>(*this, statement, RetainScope()));
  STRATA_ASSIGN_OR_RETURN(const Value text, EvaluateCall(*statement.value, &caller));
  return Emit(text);
}

absl::StatusOr<Value> Interpreter::CallMacro(const Statement& macro,
                                             const std::shared_ptr<Scope>& scope,
                                             const Arguments& arguments) {
  const DepthGuard depth(budget_);
  STRATA_RETURN_IF_ERROR(depth.status());
  STRATA_RETURN_IF_ERROR(budget_.Charge(256));
  const ScopeGuard guard(*this, MakeScope(scope));
  STRATA_RETURN_IF_ERROR(BindParameters(macro, arguments));
  BoundedText text(budget_);
  BoundedText* const enclosing = std::exchange(output_, &text);
  const absl::StatusOr<Flow> flow = ExecuteBlock(macro.body);
  output_ = enclosing;
  STRATA_RETURN_IF_ERROR(flow.status());
  STRATA_ASSIGN_OR_RETURN(std::string rendered, text.Finish());
  return Value::String(std::move(rendered));
}

// Binds arguments as Jinja's Macro does: caller, varargs and kwargs exist only if the body names
// them.
absl::Status Interpreter::BindParameters(const Statement& macro, const Arguments& arguments) {
  std::vector<bool> used(arguments.keyword.size(), false);
  const auto take_keyword = [&](absl::string_view name) -> const Value* {
    for (size_t i = 0; i < arguments.keyword.size(); ++i) {
      if (used[i] || absl::string_view(arguments.keyword[i].first) != name) continue;
      used[i] = true;
      return &arguments.keyword[i].second;
    }
    return nullptr;
  };
  bool has_caller_parameter = false;
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    const Parameter& parameter = macro.parameters[i];
    has_caller_parameter |= parameter.name == "caller";
    const Value* given =
        i < arguments.positional.size() ? &arguments.positional[i] : take_keyword(parameter.name);
    Value value =
        Value::Undefined(absl::StrCat("parameter '", parameter.name, "' was not provided"));
    if (given != nullptr) {
      value = *given;
    } else if (parameter.default_value != nullptr) {
      STRATA_ASSIGN_OR_RETURN(value, Evaluate(*parameter.default_value));
    }
    scope_->variables[parameter.name] = std::move(value);
  }
  if (macro.features.uses_caller && !has_caller_parameter) {
    const Value* caller = take_keyword("caller");
    scope_->variables["caller"] =
        caller != nullptr ? *caller : Value::Undefined("No caller defined");
  }
  Dict kwargs;
  for (size_t i = 0; i < arguments.keyword.size(); ++i) {
    if (used[i]) continue;
    if (!macro.features.uses_kwargs) {
      return absl::InvalidArgumentError(absl::StrCat(
          "macro '", macro.name, "' takes no keyword argument '", arguments.keyword[i].first, "'"));
    }
    kwargs.SetString(arguments.keyword[i].first, arguments.keyword[i].second);
  }
  if (macro.features.uses_kwargs) {
    STRATA_ASSIGN_OR_RETURN(scope_->variables["kwargs"], MakeDict(std::move(kwargs), budget_));
  }
  const size_t num_bound = std::min(macro.parameters.size(), arguments.positional.size());
  if (macro.features.uses_varargs) {
    std::vector<Value> rest(arguments.positional.begin() + static_cast<int64_t>(num_bound),
                            arguments.positional.end());
    STRATA_ASSIGN_OR_RETURN(scope_->variables["varargs"],
                            MakeSequence(SequenceKind::kTuple, std::move(rest), budget_));
  } else if (arguments.positional.size() > num_bound) {
    return absl::InvalidArgumentError(absl::StrCat("macro '", macro.name, "' takes not more than ",
                                                   macro.parameters.size(), " argument(s)"));
  }
  return absl::OkStatus();
}

absl::Status Interpreter::Assign(const Expression& target, const Value& value) {
  switch (target.kind) {
    case ExpressionKind::kName:
      scope_->variables[target.name] = value;
      return absl::OkStatus();
    case ExpressionKind::kNamespaceAttribute: {
      const Value holder = LookUp(target.name);
      auto* attributes =
          holder.is_object() ? dynamic_cast<Namespace*>(holder.AsObject().get()) : nullptr;
      if (attributes == nullptr) {
        return absl::InvalidArgumentError("cannot assign attribute on non-namespace object");
      }
      STRATA_RETURN_IF_ERROR(budget_.Charge(static_cast<int64_t>(target.attribute.size()) + 128));
      attributes->Set(target.attribute, value);
      return absl::OkStatus();
    }
    default:
      break;
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value, budget_));
  if (items.size() != target.operands.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        items.size() < target.operands.size() ? "not enough" : "too many",
        " values to unpack (expected ", target.operands.size(), ", got ", items.size(), ")"));
  }
  for (size_t i = 0; i < items.size(); ++i) {
    STRATA_RETURN_IF_ERROR(Assign(*target.operands[i], items[i]));
  }
  return absl::OkStatus();
}

}  // namespace strata::jinja
