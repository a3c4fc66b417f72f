// How filters are listed: constant tables, sorted by name, from names to functions.
//
// Internal to the filter files: jinja_filters.cc has the filters of sequences,
// jinja_text_filters.cc those of text, jinja_scalar_filters.cc those of numbers and single values.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>

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

// The filter `name` of a table sorted by name; null if there is none.
template <size_t kSize>
Filter FindFilterEntry(const FilterEntry (&table)[kSize], absl::string_view name) {
  const auto* entry = std::lower_bound(
      std::begin(table), std::end(table), name,
      [](const FilterEntry& candidate, absl::string_view key) { return candidate.name < key; });
  return entry != std::end(table) && entry->name == name ? entry->filter : nullptr;
}

// The filter `name` of text, or of single values; null if there is none.
Filter FindTextFilter(absl::string_view name);
Filter FindScalarFilter(absl::string_view name);

}  // namespace strata::jinja
