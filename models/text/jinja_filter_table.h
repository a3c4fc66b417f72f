// How filters are listed: constant tables, sorted by name, from names to functions.
//
// Internal to the filter files: jinja_filters.cc has the filters of sequences and numbers,
// jinja_text_filters.cc those of text.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/jinja_value.h"

namespace strata::jinja {

using Filter = absl::StatusOr<Value> (*)(const Value& input, const Arguments& arguments,
                                         Budget& budget);

struct FilterEntry {
  absl::string_view name;
  Filter filter;
};

// The filter of text `name`; null if there is none.
Filter FindTextFilter(absl::string_view name);

}  // namespace strata::jinja
