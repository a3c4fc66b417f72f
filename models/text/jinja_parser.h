// Template source -> syntax tree.
//
// Jinja's grammar with the tags that Hugging Face's environment knows: the built-in ones, break and
// continue, and generation. What needs other templates (include, import, extends, block) is
// Unimplemented. Recursion is bounded by kMaxSyntaxDepth.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/jinja_ast.h"

namespace strata::jinja {

// Tags, brackets and operators may nest this deep; real templates stay below 30.
inline constexpr int kMaxSyntaxDepth = 160;

// Parses a template. InvalidArgument and Unimplemented name origin and line.
absl::StatusOr<Block> ParseTemplate(absl::string_view source, absl::string_view origin);

}  // namespace strata::jinja
