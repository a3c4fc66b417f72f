// JSON in and out of template values, keeping the order of keys.
//
// Chat templates print tool schemas with `tojson`, and models were trained on keys in the order in
// which they were written, so the text is read straight into ordered Dicts. Reading is total and
// refuses what ParseJson refuses: duplicate keys, deep nesting, bytes that are no UTF-8, and
// numbers that Python would keep and 64 bits cannot.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/jinja_value.h"

namespace strata::jinja {

// Parses one JSON document. InvalidArgument naming `origin` and the position.
absl::StatusOr<Value> ParseJsonValue(absl::string_view text, absl::string_view origin,
                                     Budget& budget);

// json.dumps with the options that Hugging Face's `tojson` passes on.
struct JsonStyle {
  bool ensure_ascii = false;
  std::optional<std::string> indent;          // of one level; absent: everything on one line
  std::optional<std::string> item_separator;  // default ", ", or "," with an indent
  std::optional<std::string> key_separator;   // default ": "
  bool sort_keys = false;
};
absl::StatusOr<std::string> ToJson(const Value& value, const JsonStyle& style, Budget& budget);

}  // namespace strata::jinja
