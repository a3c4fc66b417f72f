#include "tests/structure/tree_rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strata {
namespace {

struct Room {
  std::string_view prefix;
  std::vector<std::string_view> may_include;  // prefixes; its own room is always allowed
};

// Floors from the lowest. Where rooms nest, the inner one is a room of its own only if the outer
// must not include it. Inside models/ and inside offload/ everything may meet.
const std::vector<Room>& Rooms() {
  static const std::vector<Room> rooms = {
      {"kernels/base/", {}},
      {"kernels/device/", {"kernels/base/"}},
      {"kernels/ops/", {"kernels/base/", "kernels/device/"}},
      {"kernels/cpu/", {"kernels/base/", "kernels/device/", "kernels/ops/"}},
      {"kernels/cuda/", {"kernels/base/", "kernels/device/", "kernels/ops/"}},
      {"models/", {"kernels/"}},
      {"offload/", {"kernels/"}},
      {"engine/", {"kernels/", "models/", "offload/"}},
      {"engine/evaluate/", {"kernels/", "models/", "offload/", "engine/"}},
      {"engine/serve/", {"kernels/", "models/", "offload/", "engine/", "engine/evaluate/"}},
      // The program's verb `serve` starts the server, so cli stands on serve.
      {"engine/cli/",
       {"kernels/", "models/", "offload/", "engine/", "engine/evaluate/", "engine/serve/"}},
      {"bench/",
       {"kernels/", "models/", "offload/", "engine/", "engine/evaluate/", "engine/serve/",
        "engine/cli/", "tests/"}},
      {"tests/",
       {"kernels/", "models/", "offload/", "engine/", "engine/evaluate/", "engine/serve/",
        "engine/cli/", "bench/"}},
  };
  return rooms;
}

// The room with the longest prefix of `path`; null for a path of no room (a third-party header).
const Room* RoomOf(std::string_view path) {
  const Room* found = nullptr;
  for (const Room& room : Rooms()) {
    if (path.starts_with(room.prefix) &&
        (found == nullptr || room.prefix.size() > found->prefix.size())) {
      found = &room;
    }
  }
  return found;
}

bool MayInclude(const Room& from, const Room& to) {
  if (from.prefix == to.prefix) return true;
  return std::any_of(
      from.may_include.begin(), from.may_include.end(), [&](std::string_view allowed) {
        // "kernels/" is no room but the whole of floors 0 and 1.
        return allowed == to.prefix || (allowed == "kernels/" && to.prefix.starts_with("kernels/"));
      });
}

std::string FaultAt(std::string_view path, size_t line, std::string_view sentence) {
  return std::string(path) + ":" + std::to_string(line) + ": " + std::string(sentence);
}

bool IsHeader(std::string_view path) { return path.ends_with(".h") || path.ends_with(".cuh"); }

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::string_view StripLeft(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) {
    text.remove_prefix(1);
  }
  return text;
}

// What follows the # of a preprocessor line ("include <a>"); empty for any other line.
std::string_view Directive(std::string_view line) {
  line = StripLeft(line);
  if (!line.starts_with('#')) return {};
  return StripLeft(line.substr(1));
}

struct Include {
  size_t line;
  std::string name;
  char quote;  // '"' or '<'
};

std::vector<Include> Includes(std::string_view text) {
  std::vector<Include> includes;
  const std::string code = CodeOnly(text);
  const std::vector<std::string_view> lines = Lines(code);
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string_view directive = Directive(lines[i]);
    if (!directive.starts_with("include")) continue;
    directive = StripLeft(directive.substr(std::string_view("include").size()));
    if (directive.empty() || (directive.front() != '"' && directive.front() != '<')) continue;
    const char quote = directive.front();
    directive.remove_prefix(1);
    const size_t end = directive.find(quote == '"' ? '"' : '>');
    includes.push_back({i + 1, std::string(directive.substr(0, end)), quote});
  }
  return includes;
}

}  // namespace

std::string CodeOnly(std::string_view text) {
  std::string code(text);
  const auto blank = [&](size_t from, size_t to) {
    for (size_t k = from; k < std::min(to, code.size()); ++k) {
      if (code[k] != '\n') code[k] = ' ';
    }
  };
  bool line_is_blank = true;  // so far, up to i
  bool in_directive = false;
  for (size_t i = 0; i < code.size(); ++i) {
    const std::string_view rest = text.substr(i);
    const bool identifier_before =
        i > 0 && (std::isalnum(static_cast<unsigned char>(text[i - 1])) || text[i - 1] == '_');
    if (rest.starts_with('\n')) {
      in_directive = false;
      line_is_blank = true;
      continue;
    }
    size_t end = std::string_view::npos;  // one past what is to be blanked
    if (rest.starts_with("//")) {
      end = std::min(text.find('\n', i), text.size());
      blank(i, end);
    } else if (rest.starts_with("/*")) {
      const size_t close = text.find("*/", i + 2);
      end = close == std::string_view::npos ? text.size() : close + 2;
      blank(i, end);
    } else if (in_directive) {
      continue;
    } else if (line_is_blank && rest.starts_with('#')) {
      in_directive = true;
      continue;
    } else if (rest.starts_with("R\"")) {
      const size_t open = text.find('(', i);
      if (open == std::string_view::npos) continue;
      const std::string closing = ")" + std::string(text.substr(i + 2, open - i - 2)) + "\"";
      const size_t close = text.find(closing, open);
      end = close == std::string_view::npos ? text.size() : close + closing.size();
      blank(i, end);
    } else if (rest.front() == '"' || (rest.front() == '\'' && !identifier_before)) {
      size_t close = i + 1;  // an apostrophe after an identifier separates digits
      while (close < text.size() && text[close] != rest.front() && text[close] != '\n') {
        close += text[close] == '\\' ? 2 : 1;
      }
      end = std::min(close + 1, text.size());
      blank(i + 1, close);
    }
    if (!std::isspace(static_cast<unsigned char>(rest.front()))) line_is_blank = false;
    if (end != std::string_view::npos) i = end - 1;
  }
  return code;
}

Faults CheckIncludeDirection(std::string_view path, std::string_view text) {
  Faults faults;
  const Room* from = RoomOf(path);
  if (from == nullptr) return {FaultAt(path, 1, "belongs to no room of the plan")};
  for (const Include& include : Includes(text)) {
    if (include.name.find("..") != std::string::npos ||
        (include.quote == '"' && include.name.find('/') == std::string::npos)) {
      faults.push_back(
          FaultAt(path, include.line, "includes '" + include.name + "': write it from the root"));
      continue;
    }
    const Room* to = RoomOf(include.name);
    if (to != nullptr && !MayInclude(*from, *to)) {
      faults.push_back(FaultAt(path, include.line,
                               std::string(from->prefix) + " must not include '" + include.name +
                                   "': it lies above or beside"));
    }
  }
  return faults;
}

Faults CheckHeader(std::string_view path, std::string_view text) {
  static constexpr std::array<std::string_view, 10> kSourceOnly = {
      "Eigen/", "nlohmann/json.hpp", "pcre2",  "sentencepiece", "utf8proc", "liburing",
      "cublas", "cuda_runtime",      "cuda.h", "CLI/"};
  Faults faults;
  if (!IsHeader(path)) return faults;
  if (!text.starts_with("//")) {
    faults.push_back(FaultAt(path, 1, "begins without a comment that says what it is"));
  }
  const std::string code = CodeOnly(text);
  const std::vector<std::string_view> lines = Lines(code);
  if (std::none_of(lines.begin(), lines.end(), [](std::string_view line) {
        return Directive(line).starts_with("pragma once");
      })) {
    faults.push_back(FaultAt(path, 1, "lacks #pragma once"));
  }
  for (const Include& include : Includes(text)) {
    for (const std::string_view heavy : kSourceOnly) {
      if (std::string_view(include.name).starts_with(heavy)) {
        faults.push_back(
            FaultAt(path, include.line, "'" + include.name + "' belongs into .cc files only"));
      }
    }
  }
  return faults;
}

Faults CheckOwnHeaderFirst(std::string_view path, std::string_view text, bool has_header) {
  if (!has_header || !path.ends_with(".cc")) return {};
  const std::string own = std::string(path.substr(0, path.size() - 2)) + "h";
  const std::vector<Include> includes = Includes(text);
  if (!includes.empty() && includes.front().name == own) return {};
  return {FaultAt(path, includes.empty() ? 1 : includes.front().line,
                  "does not include '" + own + "' first")};
}

Faults CheckNoConditionalCompilation(std::string_view path, std::string_view text) {
  Faults faults;
  if (!path.starts_with("engine/") && !path.starts_with("models/") &&
      !path.starts_with("offload/")) {
    return faults;
  }
  const std::string code = CodeOnly(text);
  const std::vector<std::string_view> lines = Lines(code);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (Directive(lines[i]).starts_with("if")) {  // #if, #ifdef, #ifndef
      faults.push_back(FaultAt(path, i + 1, "compiles conditionally: choose at link time"));
    }
  }
  return faults;
}

Faults CheckNoEnvironment(std::string_view path, std::string_view text) {
  Faults faults;
  const bool library = path.starts_with("kernels/") || path.starts_with("models/") ||
                       path.starts_with("offload/") || path.starts_with("engine/");
  if (!library || path.starts_with("engine/cli/")) return faults;
  const std::string code = CodeOnly(text);
  const std::vector<std::string_view> lines = Lines(code);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find("getenv") != std::string_view::npos) {
      faults.push_back(FaultAt(path, i + 1, "reads the environment: only engine/cli may"));
    }
  }
  return faults;
}

Faults CheckLength(std::string_view path, std::string_view text) {
  static constexpr size_t kMaxLines = 600;
  const size_t lines = Lines(text).size();
  if (lines <= kMaxLines) return {};
  return {FaultAt(path, kMaxLines + 1, "has " + std::to_string(lines) + " lines: split it")};
}

}  // namespace strata
