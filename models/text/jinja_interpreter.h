// Walks the syntax tree of a template and writes its text.
//
// One Interpreter renders once: it owns the scopes, the namespaces and the output of that
// rendering. Names are looked up from the innermost scope outwards, then among the variables of the
// rendering, then among the global functions. For loops, macros, call blocks, with, filter and set
// blocks have scopes of their own; if has none. Errors name the template and the line where they
// arose.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "models/text/jinja_ast.h"
#include "models/text/jinja_value.h"

namespace strata::jinja {

// Variables of one block, and the block around it.
struct Scope {
  explicit Scope(std::shared_ptr<Scope> parent_scope) : parent(std::move(parent_scope)) {}

  absl::flat_hash_map<std::string, Value> variables;
  std::shared_ptr<Scope> parent;
  bool is_retained = false;  // a macro refers to it
};

class Interpreter {
 public:
  // `template_body`, `origin` and `budget` outlive the interpreter.
  Interpreter(const Block& template_body, absl::string_view origin, Budget& budget);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // Renders with `variables` (names to values); `now` is what strftime_now shows. To be called
  // once.
  absl::StatusOr<std::string> Render(const Dict& variables, std::optional<absl::CivilSecond> now);

 private:
  friend class Macro;
  class ScopeGuard;

  // What a statement does to the loop around it.
  enum class Flow { kNext, kBreak, kContinue };

  // Statements (jinja_interpreter.cc).
  absl::StatusOr<Flow> ExecuteBlock(const Block& block);
  absl::StatusOr<Flow> Execute(const Statement& statement);
  absl::StatusOr<Flow> ExecuteIf(const Statement& statement);
  absl::StatusOr<Flow> ExecuteFor(const Statement& statement);
  absl::StatusOr<Flow> ExecuteWith(const Statement& statement);
  absl::StatusOr<Flow> ExecuteInScope(const Block& block);
  // Runs a block in a scope of its own and returns its text; breaks and continues pass through.
  absl::StatusOr<Flow> Capture(const Block& block, std::string* text);
  absl::Status ExecuteCallBlock(const Statement& statement);
  absl::StatusOr<Flow> RunLoop(const Statement& statement, const Value& iterable,
                               int recursion_depth);
  absl::StatusOr<Value> LoopItems(const Statement& statement, const Value& iterable);
  absl::StatusOr<Value> CallMacro(const Statement& macro, const std::shared_ptr<Scope>& scope,
                                  const Arguments& arguments);
  absl::Status BindParameters(const Statement& macro, const Arguments& arguments);
  absl::Status Assign(const Expression& target, const Value& value);
  absl::Status Emit(const Value& value);
  absl::Status CheckOutput();
  std::shared_ptr<Scope> MakeScope(std::shared_ptr<Scope> parent);
  // Keeps the current scope and those around it for a macro; their variables are released at the
  // end, which breaks reference cycles.
  std::shared_ptr<Scope> RetainScope();
  absl::Status Locate(const absl::Status& status, int line);

  // Expressions (jinja_evaluate.cc).
  absl::StatusOr<Value> Evaluate(const Expression& expression);
  absl::StatusOr<Value> EvaluateNode(const Expression& expression);
  absl::StatusOr<Value> EvaluateSequence(const Expression& expression);
  absl::StatusOr<Value> EvaluateDict(const Expression& expression);
  absl::StatusOr<Value> EvaluateItem(const Expression& expression);
  absl::StatusOr<Value> EvaluateSlice(const Expression& expression);
  absl::StatusOr<Value> EvaluateCall(const Expression& expression, const Value* caller);
  absl::StatusOr<Value> EvaluateFilter(const Expression& expression, const Value* block_text);
  absl::StatusOr<Value> EvaluateTest(const Expression& expression);
  absl::StatusOr<Value> EvaluateUnary(const Expression& expression);
  absl::StatusOr<Value> EvaluateLogic(const Expression& expression);
  absl::StatusOr<Value> EvaluateArithmetic(const Expression& expression);
  absl::StatusOr<Value> EvaluateConcatenation(const Expression& expression);
  absl::StatusOr<Value> EvaluateComparison(const Expression& expression);
  absl::StatusOr<Value> EvaluateConditional(const Expression& expression);
  absl::StatusOr<Arguments> EvaluateArguments(const CallSyntax& syntax);
  Value LookUp(const std::string& name) const;

  const Block& template_;
  const absl::string_view origin_;
  Budget& budget_;
  std::shared_ptr<Scope> scope_;
  Dict functions_;
  BoundedText* output_ = nullptr;
  bool located_ = false;  // the error on its way out names its place already
  std::vector<std::shared_ptr<Object>> retained_objects_;
  std::vector<std::shared_ptr<Scope>> retained_scopes_;
};

}  // namespace strata::jinja
