// The syntax tree of a template: expressions and statements.
//
// Each node kind says which of the generic fields it uses. Nodes know how deep their subtree is,
// and the parser refuses deep ones, so walking (and destroying) a tree needs bounded stack. A
// parsed tree is immutable; renderings share it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/text/jinja_operations.h"
#include "models/text/jinja_value.h"

namespace strata::jinja {

struct Expression;
using ExpressionPointer = std::unique_ptr<Expression>;

enum class ExpressionKind {
  kConstant,            // constant
  kName,                // name
  kNamespaceAttribute,  // name . attribute; only as the target of an assignment
  kTuple,               // operands
  kList,                // operands
  kDict,                // operands: key, value, key, value, ...
  kAttribute,           // operands[0] . name
  kItem,                // operands[0] [ operands[1] ]
  kSlice,               // operands[0] [ start : stop : step ]: operands[1..3], null if absent
  kCall,                // operands[0] ( arguments )
  kFilter,              // operands[0] | name ( arguments ); operand null in filter blocks
  kTest,                // operands[0] is name ( arguments )
  kNegate,              // - operands[0]
  kPlus,                // + operands[0]
  kNot,                 // not operands[0]
  kAnd,                 // operands[0] and operands[1]
  kOr,                  // operands[0] or operands[1]
  kArithmetic,          // operands[0] arithmetic operands[1]
  kConcatenate,         // operands[0] ~ operands[1] ~ ...
  kCompare,             // operands[0] comparisons[0] operands[1] comparisons[1] ...
  kConditional,         // operands[0] if operands[1] else operands[2] (null if absent)
};

enum class Comparison {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn
};

// The arguments of a call, filter or test as written.
struct CallSyntax {
  std::vector<ExpressionPointer> positional;
  std::vector<std::pair<std::string, ExpressionPointer>> keyword;
  ExpressionPointer more_positional;  // * operand
  ExpressionPointer more_keyword;     // ** operand
};

struct Expression {
  ExpressionKind kind = ExpressionKind::kConstant;
  int line = 1;
  int depth = 1;  // levels of the subtree
  std::string name;
  std::string attribute;
  Value constant;
  BinaryOperator arithmetic = BinaryOperator::kAdd;
  std::vector<Comparison> comparisons;
  std::vector<ExpressionPointer> operands;
  CallSyntax arguments;
};

struct Statement;
using Block = std::vector<Statement>;

enum class StatementKind {
  kText,         // text
  kOutput,       // expressions
  kIf,           // branches (condition, block); else_body
  kFor,          // target in iterable if condition: body, else_body
  kSet,          // target = value
  kSetBlock,     // target = text of body through value (a filter chain, null if none)
  kMacro,        // name, parameters, body
  kCallBlock,    // parameters, value (a call), body: its caller
  kFilterBlock,  // value (a filter chain), body
  kWith,         // assignments, body
  kScope,        // body, with variables of its own ({% generation %})
  kBreak,
  kContinue,
};

// A parameter of a macro or call block.
struct Parameter {
  std::string name;
  ExpressionPointer default_value;  // null: none
};

// What of its surroundings a macro body names, and so accepts.
struct MacroFeatures {
  bool uses_caller = false;
  bool uses_varargs = false;
  bool uses_kwargs = false;
};

struct Statement {
  StatementKind kind = StatementKind::kText;
  int line = 1;
  std::string text;
  std::string name;
  std::vector<ExpressionPointer> expressions;
  std::vector<std::pair<ExpressionPointer, Block>> branches;
  std::vector<std::pair<ExpressionPointer, ExpressionPointer>> assignments;
  ExpressionPointer target;
  ExpressionPointer value;
  ExpressionPointer iterable;
  ExpressionPointer condition;
  bool recursive = false;
  std::vector<Parameter> parameters;
  MacroFeatures features;
  Block body;
  Block else_body;
};

}  // namespace strata::jinja
