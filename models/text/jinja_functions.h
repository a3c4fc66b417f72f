// The functions every template can call by name: range, dict, namespace, raise_exception,
// strftime_now.
//
// Each rendering makes its own, because namespaces are retained by it and the time is its input.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "absl/time/civil_time.h"
#include "models/text/jinja_value.h"

namespace strata::jinja {

// What the functions need of the rendering they belong to.
struct FunctionContext {
  std::optional<absl::CivilSecond>
      now;  // what strftime_now formats; absent: calling it is an error
  // Keeps the object until the end of the rendering, where its references are released.
  std::function<void(std::shared_ptr<Object>)> retain;
};

// The functions as a dict from name to callable.
Dict MakeGlobalFunctions(const FunctionContext& context);

}  // namespace strata::jinja
