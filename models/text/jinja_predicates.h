// Jinja's tests: `value is name(arguments)`, also used by name in select, reject and their sisters.
//
// All of Jinja 3.1's. `string`, `mapping`, `sequence` and `number` mean what Python means: true is
// a number, a dict is a sequence, a generator is not.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/jinja_value.h"

namespace strata::jinja {

// True if there is a test of this name.
bool HasTest(absl::string_view name);

// Whether `value` passes the test. InvalidArgument for an unknown name or bad arguments.
absl::StatusOr<bool> ApplyTest(absl::string_view name, const Value& value,
                               const Arguments& arguments, Budget& budget);

}  // namespace strata::jinja
