// Template source -> tokens, with Jinja's white space rules applied.
//
// As Hugging Face sets up Jinja: trim_blocks (the newline behind a block tag goes) and
// lstrip_blocks (white space before a block tag that starts its line goes); `-` and `+` inside a
// tag override them. Line breaks become \n and one at the very end of the source is dropped.
// Comments leave no token.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace strata::jinja {

enum class TokenType {
  kData,           // text outside of tags
  kVariableBegin,  // {{
  kVariableEnd,
  kBlockBegin,  // {%
  kBlockEnd,
  kName,
  kString,
  kInt,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenType type = TokenType::kEnd;
  int line = 1;
  std::string text;  // data, name, decoded string, operator
  int64_t int_value = 0;
  double float_value = 0;
};

// The tokens of `source`, the last of type kEnd. InvalidArgument naming origin and line.
absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view source, absl::string_view origin);

}  // namespace strata::jinja
