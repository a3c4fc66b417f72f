#include "models/text/jinja_parser.h"

#include <initializer_list>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/jinja_expression_parser.h"
#include "models/text/jinja_lexer.h"
#include "models/text/jinja_token_reader.h"

namespace strata::jinja {
namespace {

using Element = ExpressionParser::Element;
using FilterStart = ExpressionParser::FilterStart;

// The statement half of the parser.
class StatementParser {
 public:
  explicit StatementParser(TokenReader& reader) : reader_(reader), expressions_(reader) {}

  absl::StatusOr<Block> ParseAll() { return ParseUntil({}); }

 private:
  using EndNames = std::initializer_list<absl::string_view>;

  bool AtEndName(EndNames end_names) const {
    for (absl::string_view name : end_names) {
      if (reader_.IsName(name)) return true;
    }
    return false;
  }

  // Statements up to a tag named in `end_names` (left as the current token), or to the end of the
  // template when there are none.
  absl::StatusOr<Block> ParseUntil(EndNames end_names) {
    const TokenReader::Nesting nesting(reader_);
    STRATA_RETURN_IF_ERROR(nesting.status());
    Block block;
    while (!reader_.Is(TokenType::kEnd)) {
      const int line = reader_.current().line;
      if (reader_.Is(TokenType::kData)) {
        Statement statement{.kind = StatementKind::kText, .line = line};
        statement.text = reader_.Take().text;
        block.push_back(std::move(statement));
      } else if (reader_.Is(TokenType::kVariableBegin)) {
        reader_.Take();
        Statement statement{.kind = StatementKind::kOutput, .line = line};
        STRATA_ASSIGN_OR_RETURN(ExpressionPointer value,
                                expressions_.ParseTuple(Element::kExpression, ""));
        statement.expressions.push_back(std::move(value));
        STRATA_RETURN_IF_ERROR(reader_.Expect(TokenType::kVariableEnd));
        block.push_back(std::move(statement));
      } else {
        STRATA_RETURN_IF_ERROR(reader_.Expect(TokenType::kBlockBegin));
        if (AtEndName(end_names)) return block;
        STRATA_ASSIGN_OR_RETURN(Statement statement, ParseStatement());
        statement.line = line;
        block.push_back(std::move(statement));
        STRATA_RETURN_IF_ERROR(reader_.Expect(TokenType::kBlockEnd));
      }
    }
    if (end_names.size() == 0) return block;
    return reader_.Error(
        absl::StrCat("unexpected end of template: '", *(end_names.end() - 1), "' is missing"));
  }

  // The body of a tag: behind its `%}` up to one of `end_names`.
  absl::StatusOr<Block> ParseBody(EndNames end_names) {
    reader_.SkipOperator(":");
    STRATA_RETURN_IF_ERROR(reader_.Expect(TokenType::kBlockEnd));
    return ParseUntil(end_names);
  }

  // The same, and past the one end name.
  absl::StatusOr<Block> ParseWholeBody(absl::string_view end_name) {
    STRATA_ASSIGN_OR_RETURN(Block body, ParseBody({end_name}));
    reader_.Take();
    return body;
  }

  absl::StatusOr<Statement> ParseStatement() {
    if (!reader_.Is(TokenType::kName)) return reader_.Error("tag name expected");
    const Token token = reader_.Take();
    const std::string& tag = token.text;
    if (tag == "if") return ParseIf();
    if (tag == "for") return ParseFor();
    if (tag == "set") return ParseSet();
    if (tag == "macro") return ParseMacro();
    if (tag == "call") return ParseCallBlock();
    if (tag == "filter") return ParseFilterBlock();
    if (tag == "with") return ParseWith();
    if (tag == "print") return ParsePrint();
    if (tag == "generation") {
      Statement statement{.kind = StatementKind::kScope};
      const int enclosing_loops = std::exchange(num_loops_, 0);
      STRATA_ASSIGN_OR_RETURN(statement.body, ParseWholeBody("endgeneration"));
      num_loops_ = enclosing_loops;
      return statement;
    }
    if (tag == "break" || tag == "continue") {
      if (num_loops_ == 0) {
        return reader_.Error(absl::StrCat("'", tag, "' outside loop"), token.line);
      }
      return Statement{.kind = tag == "break" ? StatementKind::kBreak : StatementKind::kContinue};
    }
    for (absl::string_view unsupported :
         {"include", "import", "from", "extends", "block", "autoescape"}) {
      if (absl::string_view(tag) == unsupported) {
        return absl::UnimplementedError(absl::StrCat(reader_.origin(), ":", token.line, ": tag '",
                                                     tag, "' is not supported in chat templates"));
      }
    }
    return reader_.Error(absl::StrCat("encountered unknown tag '", tag, "'"), token.line);
  }

  absl::StatusOr<Statement> ParseIf() {
    Statement statement{.kind = StatementKind::kIf};
    while (true) {
      STRATA_ASSIGN_OR_RETURN(ExpressionPointer condition,
                              expressions_.ParseTuple(Element::kWithoutConditional, ""));
      STRATA_ASSIGN_OR_RETURN(Block body, ParseBody({"elif", "else", "endif"}));
      statement.branches.emplace_back(std::move(condition), std::move(body));
      if (reader_.SkipName("elif")) continue;
      if (reader_.SkipName("else")) {
        STRATA_ASSIGN_OR_RETURN(statement.else_body, ParseWholeBody("endif"));
      } else {
        reader_.Take();
      }
      return statement;
    }
  }

  absl::StatusOr<Statement> ParseFor() {
    Statement statement{.kind = StatementKind::kFor};
    STRATA_ASSIGN_OR_RETURN(statement.target, expressions_.ParseTarget(Element::kTarget, "in"));
    STRATA_RETURN_IF_ERROR(reader_.ExpectName("in"));
    STRATA_ASSIGN_OR_RETURN(statement.iterable,
                            expressions_.ParseTuple(Element::kWithoutConditional, "recursive"));
    if (reader_.SkipName("if")) {
      STRATA_ASSIGN_OR_RETURN(statement.condition, expressions_.ParseExpression());
    }
    statement.recursive = reader_.SkipName("recursive");
    ++num_loops_;
    STRATA_ASSIGN_OR_RETURN(statement.body, ParseBody({"else", "endfor"}));
    --num_loops_;
    if (reader_.SkipName("else")) {
      STRATA_ASSIGN_OR_RETURN(statement.else_body, ParseWholeBody("endfor"));
    } else {
      reader_.Take();
    }
    return statement;
  }

  absl::StatusOr<Statement> ParseSet() {
    Statement statement{.kind = StatementKind::kSet};
    STRATA_ASSIGN_OR_RETURN(statement.target,
                            expressions_.ParseTarget(Element::kNamespaceTarget, ""));
    if (reader_.SkipOperator("=")) {
      STRATA_ASSIGN_OR_RETURN(statement.value, expressions_.ParseTuple(Element::kExpression, ""));
      return statement;
    }
    statement.kind = StatementKind::kSetBlock;
    STRATA_ASSIGN_OR_RETURN(statement.value,
                            expressions_.ParseFilters(nullptr, FilterStart::kAtPipe));
    STRATA_ASSIGN_OR_RETURN(statement.body, ParseWholeBody("endset"));
    return statement;
  }

  absl::Status ParseParameters(Statement& statement) {
    STRATA_RETURN_IF_ERROR(reader_.ExpectOperator("("));
    while (!reader_.IsOperator(")")) {
      if (!statement.parameters.empty()) STRATA_RETURN_IF_ERROR(reader_.ExpectOperator(","));
      Parameter parameter;
      STRATA_ASSIGN_OR_RETURN(parameter.name, reader_.ExpectAnyName());
      if (reader_.SkipOperator("=")) {
        STRATA_ASSIGN_OR_RETURN(parameter.default_value, expressions_.ParseExpression());
      } else if (!statement.parameters.empty() &&
                 statement.parameters.back().default_value != nullptr) {
        return reader_.Error("non-default argument follows default argument");
      }
      statement.parameters.push_back(std::move(parameter));
    }
    reader_.Take();
    return absl::OkStatus();
  }

  // The body of a macro or call block: loops outside cannot be left from it, and the names that
  // decide which arguments it accepts are gathered.
  absl::Status ParseMacroBody(absl::string_view end_name, Statement& statement) {
    const int enclosing_loops = std::exchange(num_loops_, 0);
    const MacroFeatures enclosing = std::exchange(expressions_.features(), MacroFeatures());
    STRATA_ASSIGN_OR_RETURN(statement.body, ParseWholeBody(end_name));
    statement.features = expressions_.features();
    expressions_.features().uses_caller |= enclosing.uses_caller;
    expressions_.features().uses_varargs |= enclosing.uses_varargs;
    expressions_.features().uses_kwargs |= enclosing.uses_kwargs;
    num_loops_ = enclosing_loops;
    return absl::OkStatus();
  }

  absl::StatusOr<Statement> ParseMacro() {
    Statement statement{.kind = StatementKind::kMacro};
    STRATA_ASSIGN_OR_RETURN(statement.name, reader_.ExpectAnyName());
    STRATA_RETURN_IF_ERROR(ParseParameters(statement));
    STRATA_RETURN_IF_ERROR(ParseMacroBody("endmacro", statement));
    return statement;
  }

  absl::StatusOr<Statement> ParseCallBlock() {
    Statement statement{.kind = StatementKind::kCallBlock};
    if (reader_.IsOperator("(")) STRATA_RETURN_IF_ERROR(ParseParameters(statement));
    STRATA_ASSIGN_OR_RETURN(statement.value, expressions_.ParseExpression());
    if (statement.value->kind != ExpressionKind::kCall) return reader_.Error("expected call");
    STRATA_RETURN_IF_ERROR(ParseMacroBody("endcall", statement));
    return statement;
  }

  absl::StatusOr<Statement> ParseFilterBlock() {
    Statement statement{.kind = StatementKind::kFilterBlock};
    STRATA_ASSIGN_OR_RETURN(statement.value,
                            expressions_.ParseFilters(nullptr, FilterStart::kInline));
    STRATA_ASSIGN_OR_RETURN(statement.body, ParseWholeBody("endfilter"));
    return statement;
  }

  absl::StatusOr<Statement> ParseWith() {
    Statement statement{.kind = StatementKind::kWith};
    while (!reader_.Is(TokenType::kBlockEnd)) {
      if (!statement.assignments.empty()) STRATA_RETURN_IF_ERROR(reader_.ExpectOperator(","));
      STRATA_ASSIGN_OR_RETURN(ExpressionPointer target,
                              expressions_.ParseTarget(Element::kTarget, ""));
      STRATA_RETURN_IF_ERROR(reader_.ExpectOperator("="));
      STRATA_ASSIGN_OR_RETURN(ExpressionPointer value, expressions_.ParseExpression());
      statement.assignments.emplace_back(std::move(target), std::move(value));
    }
    STRATA_ASSIGN_OR_RETURN(statement.body, ParseWholeBody("endwith"));
    return statement;
  }

  absl::StatusOr<Statement> ParsePrint() {
    Statement statement{.kind = StatementKind::kOutput};
    while (!reader_.Is(TokenType::kBlockEnd)) {
      if (!statement.expressions.empty()) STRATA_RETURN_IF_ERROR(reader_.ExpectOperator(","));
      STRATA_ASSIGN_OR_RETURN(ExpressionPointer value, expressions_.ParseExpression());
      statement.expressions.push_back(std::move(value));
    }
    return statement;
  }

  TokenReader& reader_;
  ExpressionParser expressions_;
  int num_loops_ = 0;  // loops that break and continue can act on here
};

}  // namespace

absl::StatusOr<Block> ParseTemplate(absl::string_view source, absl::string_view origin) {
  STRATA_ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(source, origin));
  TokenReader reader(std::move(tokens), origin);
  return StatementParser(reader).ParseAll();
}

}  // namespace strata::jinja
