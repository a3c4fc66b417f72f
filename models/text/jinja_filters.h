// Jinja's filters: `value | name(arguments)`.
//
// The semantics are Jinja 3.1's without autoescape, with Hugging Face's `tojson`. What only makes
// sense in web pages or is random (filesizeformat, groupby, pprint, random, striptags, urlize,
// wordwrap, xmlattr) is Unimplemented.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/jinja_value.h"

namespace strata::jinja {

// True if there is a filter of this name.
bool HasFilter(absl::string_view name);

// Applies a filter. InvalidArgument for an unknown name or bad arguments.
absl::StatusOr<Value> ApplyFilter(absl::string_view name, const Value& input,
                                  const Arguments& arguments, Budget& budget);

}  // namespace strata::jinja
