// Python's two ways to format text: `'%s is %d' % (a, b)` and `'{} is {x:>8}'.format(a, x=b)`.
//
// Both know the conversions of text, integers and floats with flags, width and precision; anything
// else is InvalidArgument. Widths are charged to the budget before they are filled.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/jinja_value.h"

namespace strata::jinja {

// `format % values`: a tuple gives one value per conversion, a dict the %(name)s, anything else is
// the one value.
absl::StatusOr<std::string> FormatPercent(absl::string_view format, const Value& values,
                                          Budget& budget);

// `format.format(...)`.
absl::StatusOr<std::string> FormatBraces(absl::string_view format, const Arguments& arguments,
                                         Budget& budget);

}  // namespace strata::jinja
