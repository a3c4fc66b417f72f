#include "models/text/jinja_token_reader.h"

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/jinja_parser.h"

namespace strata::jinja {

const Token& TokenReader::Take() {
  const Token& token = tokens_[next_];
  if (next_ + 1 < tokens_.size()) ++next_;
  return token;
}

bool TokenReader::IsOperator(const Token& token, absl::string_view op) {
  return token.type == TokenType::kOperator && absl::string_view(token.text) == op;
}

bool TokenReader::IsName(const Token& token, absl::string_view name) {
  return token.type == TokenType::kName && absl::string_view(token.text) == name;
}

bool TokenReader::SkipOperator(absl::string_view op) {
  if (!IsOperator(op)) return false;
  Take();
  return true;
}

bool TokenReader::SkipName(absl::string_view name) {
  if (!IsName(name)) return false;
  Take();
  return true;
}

absl::Status TokenReader::Expect(TokenType type) {
  if (!Is(type)) {
    return Error(
        absl::StrCat("expected ", Describe(Token{.type = type}), ", got ", Describe(current())));
  }
  Take();
  return absl::OkStatus();
}

absl::Status TokenReader::ExpectOperator(absl::string_view op) {
  if (SkipOperator(op)) return absl::OkStatus();
  return Error(absl::StrCat("expected '", op, "', got ", Describe(current())));
}

absl::Status TokenReader::ExpectName(absl::string_view name) {
  if (SkipName(name)) return absl::OkStatus();
  return Error(absl::StrCat("expected '", name, "', got ", Describe(current())));
}

absl::StatusOr<std::string> TokenReader::ExpectAnyName() {
  if (!Is(TokenType::kName)) {
    return Error(absl::StrCat("expected a name, got ", Describe(current())));
  }
  return Take().text;
}

absl::Status TokenReader::Error(absl::string_view what, int line) const {
  return absl::InvalidArgumentError(absl::StrCat(origin_, ":", line, ": ", what));
}

absl::Status TokenReader::Unexpected() const {
  return Error(absl::StrCat("unexpected ", Describe(current())));
}

std::string TokenReader::Describe(const Token& token) {
  switch (token.type) {
    case TokenType::kData:
      return "template data";
    case TokenType::kVariableBegin:
      return "'{{'";
    case TokenType::kVariableEnd:
      return "'}}'";
    case TokenType::kBlockBegin:
      return "'{%'";
    case TokenType::kBlockEnd:
      return "'%}'";
    case TokenType::kString:
      return "a string";
    case TokenType::kInt:
    case TokenType::kFloat:
      return "a number";
    case TokenType::kName:
    case TokenType::kOperator:
      return absl::StrCat("'", token.text, "'");
    case TokenType::kEnd:
      return "the end of the template";
  }
  return "a token";
}

absl::Status TokenReader::Nesting::status() const {
  if (reader_.depth_ <= kMaxSyntaxDepth) return absl::OkStatus();
  return reader_.Error(absl::StrCat("nested deeper than ", kMaxSyntaxDepth));
}

}  // namespace strata::jinja
