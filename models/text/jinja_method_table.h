// How methods of one type are listed: a constant table, sorted by name, from names to functions.
//
// Internal to the method files: jinja_methods.cc has the tables of lists, tuples and dicts,
// jinja_string_methods.cc that of str.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/jinja_value.h"

namespace strata::jinja {

using Method = absl::StatusOr<Value> (*)(const Value& receiver, const Arguments& arguments,
                                         Budget& budget);

struct MethodEntry {
  absl::string_view name;
  Method method;  // null: it would change the receiver
};

// The entry of `name` in a table sorted by name; null if there is none.
template <size_t kSize>
const MethodEntry* FindMethodEntry(const MethodEntry (&table)[kSize], absl::string_view name) {
  const auto* entry = std::lower_bound(
      std::begin(table), std::end(table), name,
      [](const MethodEntry& candidate, absl::string_view key) { return candidate.name < key; });
  return entry != std::end(table) && entry->name == name ? entry : nullptr;
}

// The method `name` of str; null if there is none.
const MethodEntry* FindStringMethod(absl::string_view name);

}  // namespace strata::jinja
