// The rules that keep the house in order, as pure functions from a file's path and text to faults.
//
// A path is relative to the repository root ("models/decoder.h"); its longest known prefix is its
// room, and a table says which rooms each room may include: floors go strictly down, siblings never
// see each other (docs/architecture.md, section 1). The functions read text, not a preprocessor's
// output, so they see code that this build leaves out, too. tree_rules_test.cc shows each rule a
// violation; include_direction_test.cc applies them to the tree.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strata {

// A broken rule: "path:line: sentence". Empty lists mean that all is well.
using Faults = std::vector<std::string>;

// Includes that go up or sideways, that name bench/ or tests/ from below, or that are not written
// from the repository root.
Faults CheckIncludeDirection(std::string_view path, std::string_view text);

// In headers: a missing `#pragma once`, a missing opening comment, a third-party header that
// belongs in .cc files only (JSON's full type, Eigen, PCRE2, SentencePiece, liburing, CUDA).
Faults CheckHeader(std::string_view path, std::string_view text);

// A .cc file beside a header of the same name includes that header first, which proves that it
// compiles alone. `has_header` says whether there is one.
Faults CheckOwnHeaderFirst(std::string_view path, std::string_view text, bool has_header);

// #if, #ifdef and their kind in engine, models and offload: variants are chosen at link time.
Faults CheckNoConditionalCompilation(std::string_view path, std::string_view text);

// Reads of the environment outside engine/cli.
Faults CheckNoEnvironment(std::string_view path, std::string_view text);

// More than 600 lines.
Faults CheckLength(std::string_view path, std::string_view text);

// `text` with comments and the contents of literals blanked; lines stay, preprocessor lines keep
// their literals.
std::string CodeOnly(std::string_view text);

}  // namespace strata
