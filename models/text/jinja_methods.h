// The methods of Python's str, list, tuple and dict that a template may call.
//
// A method is a value of its own (`message.items` is defined), so lookups yield an Object bound to
// its receiver. What would change a list or dict is refused when called, as in Hugging Face's
// immutable sandbox.
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "models/text/jinja_value.h"

namespace strata::jinja {

// The method `name` of `receiver`, bound to it; nullopt if its type has none of that name. A method
// that changes its receiver yields an undefined value whose use is an error.
std::optional<Value> FindMethod(const Value& receiver, absl::string_view name);

}  // namespace strata::jinja
