// The expression half of the parser: one method per level of precedence, as in Jinja.
//
// From loose to tight: `x if c else y`, or, and, not, comparisons and in, + -, ~, * / // %, **,
// unary - +, then .name [item] (call), then | filter and `is` test.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/text/jinja_ast.h"
#include "models/text/jinja_token_reader.h"

namespace strata::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenReader& reader) : reader_(reader) {}

  using Result = absl::StatusOr<ExpressionPointer>;

  // One expression with, or without, a trailing `if`.
  Result ParseExpression();
  Result ParseWithoutConditional() { return ParseOr(); }

  // One expression or an unparenthesized tuple. `end_name` also ends the tuple; `item` parses one
  // element.
  enum class Element { kExpression, kWithoutConditional, kTarget, kNamespaceTarget };
  Result ParseTuple(Element element, absl::string_view end_name);

  // What can be assigned to: a name, a tuple of names, and with kNamespaceTarget `ns.attribute`.
  Result ParseTarget(Element element, absl::string_view end_name);

  // Filters: behind a `|`, as long as there are more. `operand` may be null (filter blocks), in
  // which case the first name needs no `|` if `starts_inline`.
  enum class FilterStart { kAtPipe, kInline };
  Result ParseFilters(ExpressionPointer operand, FilterStart start);

  // Names that macro bodies use, gathered since the parser was made; see MacroFeatures.
  MacroFeatures& features() { return features_; }

 private:
  enum class Parentheses { kNone, kExplicit };
  Result ParseTupleIn(Element element, absl::string_view end_name, Parentheses parentheses);
  Result ParseElement(Element element);
  Result ParseOr();
  Result ParseAnd();
  Result ParseNot();
  Result ParseCompare();
  Result ParseSum();
  Result ParseConcatenation();
  Result ParseProduct();
  Result ParsePower();
  enum class Filters { kNo, kYes };
  Result ParseUnary(Filters filters);
  Result ParsePrimary(Element element);
  Result ParseName(Element element);
  Result ParseList();
  Result ParseDict();
  Result ParsePostfix(ExpressionPointer operand);
  Result ParseSubscript(ExpressionPointer operand);
  absl::StatusOr<std::vector<ExpressionPointer>> ParseSliceBounds(bool* is_slice);
  Result ParseCall(ExpressionPointer operand);
  absl::StatusOr<CallSyntax> ParseArguments();
  Result ParseTest(ExpressionPointer operand);
  absl::StatusOr<std::string> ParseDottedName();
  absl::Status CheckTarget(const Expression& target) const;
  bool IsTupleEnd(absl::string_view end_name) const;

  ExpressionPointer Make(ExpressionKind kind, int line) const;
  Result MakeBinary(ExpressionKind kind, int line, ExpressionPointer left, ExpressionPointer right);
  // Sets the depth of a complete node; an error if it is too deep.
  Result Finish(ExpressionPointer node) const;

  TokenReader& reader_;
  MacroFeatures features_;
};

}  // namespace strata::jinja
