// A cursor over the tokens of one template, shared by the expression and the statement parser.
//
// It also counts how deep both are nested, because they call each other.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/text/jinja_lexer.h"

namespace strata::jinja {

class TokenReader {
 public:
  // `tokens` ends with kEnd; `origin` outlives the reader.
  TokenReader(std::vector<Token> tokens, absl::string_view origin)
      : tokens_(std::move(tokens)), origin_(origin) {}

  const Token& current() const { return tokens_[next_]; }
  const Token& ahead() const { return tokens_[std::min(next_ + 1, tokens_.size() - 1)]; }
  // Moves on and returns the token left behind; stays at the end.
  const Token& Take();

  bool Is(TokenType type) const { return current().type == type; }
  bool IsOperator(absl::string_view op) const { return IsOperator(current(), op); }
  bool IsName(absl::string_view name) const { return IsName(current(), name); }
  static bool IsOperator(const Token& token, absl::string_view op);
  static bool IsName(const Token& token, absl::string_view name);
  // Moves on if the current token is the operator or name.
  bool SkipOperator(absl::string_view op);
  bool SkipName(absl::string_view name);

  // Moves past the token or fails.
  absl::Status Expect(TokenType type);
  absl::Status ExpectOperator(absl::string_view op);
  absl::Status ExpectName(absl::string_view name);
  absl::StatusOr<std::string> ExpectAnyName();

  // InvalidArgument naming origin and line.
  absl::Status Error(absl::string_view what, int line) const;
  absl::Status Error(absl::string_view what) const { return Error(what, current().line); }
  // The error for a token that fits nowhere.
  absl::Status Unexpected() const;
  static std::string Describe(const Token& token);

  absl::string_view origin() const { return origin_; }

  // One level of nesting, for its lifetime.
  class Nesting {
   public:
    explicit Nesting(TokenReader& reader) : reader_(reader) { ++reader_.depth_; }
    ~Nesting() { --reader_.depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    absl::Status status() const;

   private:
    TokenReader& reader_;
  };

 private:
  std::vector<Token> tokens_;
  const absl::string_view origin_;
  size_t next_ = 0;
  int depth_ = 0;
};

}  // namespace strata::jinja
