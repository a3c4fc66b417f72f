// Tables of templates and the texts they render to, all with the same variables.
//
// The expected texts are Python Jinja2's own; a table is the quickest way to read what a feature
// does.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "models/text/chat_template.h"

namespace strata {

// The expected "text" of a template that must be refused.
inline constexpr char kRefused[] = "<refused>";

// The variables of every case.
inline constexpr char kCaseVariables[] = R"json({
 "messages": [{"role": "system", "content": "Be <b>."}, {"role": "user", "content": "Hi é中😀"}, {"role": "assistant", "content": "yo", "tool_calls": [{"function": {"name": "f", "arguments": {"b": 1, "a": [1, 2.5, null, true]}}}]}],
 "s": "Hello World",
 "n": 5,
 "f": 2.5,
 "neg": -7,
 "t": true,
 "z": null,
 "e": "",
 "l": [3, 1, 2],
 "w": ["b", "A", "c", "a"],
 "d": {"z": 1, "a": 2, "items": 3},
 "u": "Straße Été 中文",
 "nested": {"k": [{"x": 1}, {"x": 2}]},
 "multi": "a\nb\n\nc",
 "people": [{"n": "bob", "age": 3, "a": {"b": 2}}, {"n": "Al", "age": 1, "a": {"b": 5}}, {"n": "cy", "a": {"b": 1}}]
})json";

struct RenderingCase {
  const char* source;
  const char* expected;
};

// The rendered text, or kRefused.
inline std::string RenderCase(const char* source) {
  const auto parsed = ChatTemplate::Parse(source, "case");
  if (!parsed.ok()) return kRefused;
  const auto rendered =
      parsed->RenderVariables(kCaseVariables, absl::CivilSecond(2025, 7, 10, 12, 0, 0));
  return rendered.ok() ? *rendered : kRefused;
}

inline void ExpectRenderings(const std::vector<RenderingCase>& cases) {
  for (const RenderingCase& test_case : cases) {
    EXPECT_EQ(RenderCase(test_case.source), test_case.expected) << "template: " << test_case.source;
  }
}

}  // namespace strata
