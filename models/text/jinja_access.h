// Reaching into template values: length, iteration, membership, attributes, items, slices.
//
// As in Jinja, `a.b` asks for an attribute (a method) first and then for the item, `a["b"]` the
// other way round, and what is not there is an undefined value, not an error. Errors are
// InvalidArgument with Python's wording; walks and copies are charged to the budget.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/jinja_value.h"

namespace strata::jinja {

// len(value).
absl::StatusOr<int64_t> Length(const Value& value, Budget& budget);
// True if iter(value) works.
bool IsIterable(const Value& value);
// The items of a sequence, the keys of a dict, the code points of a text, nothing of an undefined
// value. A generator is used up.
absl::StatusOr<std::vector<Value>> Iterate(const Value& value, Budget& budget);

// The (key, value) tuples of a dict, as a sequence of the given kind.
absl::StatusOr<Value> DictItems(const Dict& dict, SequenceKind kind, Budget& budget);

// The attribute of a value that is no item (a method, a field of an object), if there is one.
std::optional<Value> FindAttribute(const Value& value, absl::string_view name);

// `value.name`: a method or attribute first, then the key of a dict; undefined when there is
// neither.
absl::StatusOr<Value> GetAttribute(const Value& value, absl::string_view name, Budget& budget);
// `value[key]`: the item first, then an attribute; undefined when there is neither.
absl::StatusOr<Value> GetItem(const Value& value, const Value& key, Budget& budget);
// `value[start:stop:step]`; bounds are ints, none or (absent) nullopt.
struct SliceBounds {
  std::optional<Value> start;
  std::optional<Value> stop;
  std::optional<Value> step;
};
absl::StatusOr<Value> GetSlice(const Value& value, const SliceBounds& bounds, Budget& budget);

// `item in container`.
absl::StatusOr<bool> Contains(const Value& container, const Value& item, Budget& budget);

}  // namespace strata::jinja
