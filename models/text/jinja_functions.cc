#include "models/text/jinja_functions.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/jinja_access.h"
#include "models/text/jinja_date.h"
#include "models/text/jinja_operations.h"

namespace strata::jinja {
namespace {

constexpr int64_t kMaxRange = 100'000;  // as in Jinja's sandbox

using Body = std::function<absl::StatusOr<Value>(const Arguments& arguments, Budget& budget)>;

class Function : public Object {
 public:
  Function(std::string name, Body body) : name_(std::move(name)), body_(std::move(body)) {}

  absl::string_view type_name() const override { return "function"; }
  void AppendRepr(BoundedText& out) const override {
    out.Append(absl::StrCat("<function ", name_, ">"));
  }
  bool callable() const override { return true; }
  absl::StatusOr<Value> Call(const Arguments& arguments, Budget& budget) override {
    return body_(arguments, budget);
  }

 private:
  const std::string name_;
  const Body body_;
};

absl::StatusOr<Value> Range(const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("range", {"start", "stop", "step"}, 1, arguments));
  int64_t numbers[3] = {0, 0, 1};
  for (size_t i = 0; i < 3; ++i) {
    if (bound[i] == nullptr) continue;
    STRATA_ASSIGN_OR_RETURN(numbers[i], RequireInt(*bound[i], "range"));
  }
  if (bound[1] == nullptr) std::swap(numbers[0], numbers[1]);
  const auto [start, stop, step] = numbers;
  if (step == 0) return absl::InvalidArgumentError("range() arg 3 must not be zero");
  // In double, because the difference of two 64-bit integers may not fit.
  const double span = static_cast<double>(stop) - static_cast<double>(start);
  if (span / static_cast<double>(step) > static_cast<double>(kMaxRange)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("range too big: more than ", kMaxRange, " items"));
  }
  std::vector<Value> items;
  int64_t number = start;
  while (step > 0 ? number < stop : number > stop) {
    if (static_cast<int64_t>(items.size()) == kMaxRange) {
      return absl::ResourceExhaustedError(
          absl::StrCat("range too big: more than ", kMaxRange, " items"));
    }
    items.push_back(Value::Int(number));
    if (__builtin_add_overflow(number, step, &number)) break;
  }
  return MakeSequence(SequenceKind::kRange, std::move(items), budget);
}

// dict(mapping or pairs, **keywords), also the arguments of namespace().
absl::StatusOr<Dict> BuildDict(absl::string_view function, const Arguments& arguments,
                               Budget& budget) {
  if (arguments.positional.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(function, " expected at most 1 argument, got ", arguments.positional.size()));
  }
  Dict dict;
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    Value pairs = source;
    if (source.is_dict()) {
      STRATA_ASSIGN_OR_RETURN(pairs, DictItems(*source.AsDict(), SequenceKind::kItems, budget));
    }
    STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(pairs, budget));
    for (const Value& item : items) {
      STRATA_ASSIGN_OR_RETURN(std::vector<Value> pair, Iterate(item, budget));
      if (pair.size() != 2) {
        return absl::InvalidArgumentError(
            absl::StrCat(function, ": an element has length ", pair.size(), "; 2 is required"));
      }
      STRATA_ASSIGN_OR_RETURN(std::string hash_text, HashText(pair[0], budget));
      dict.Set(std::move(hash_text), std::move(pair[0]), std::move(pair[1]));
    }
  }
  for (const auto& [name, value] : arguments.keyword) dict.SetString(name, value);
  return dict;
}

absl::StatusOr<Value> MakeDictFunction(const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(Dict dict, BuildDict("dict", arguments, budget));
  return MakeDict(std::move(dict), budget);
}

absl::StatusOr<Value> RaiseException(const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("raise_exception", {"message"}, 1, arguments));
  STRATA_ASSIGN_OR_RETURN(const std::string message, ToText(*bound[0], budget));
  return absl::InvalidArgumentError(message);
}

}  // namespace

Dict MakeGlobalFunctions(const FunctionContext& context) {
  Dict functions;
  const auto add = [&functions](const std::string& name, Body body) {
    functions.SetString(name, Value::FromObject(std::make_shared<Function>(name, std::move(body))));
  };
  add("range", Range);
  add("dict", MakeDictFunction);
  add("raise_exception", RaiseException);
  add("namespace",
      [retain = context.retain](const Arguments& arguments,
                                Budget& budget) -> absl::StatusOr<Value> {
        STRATA_RETURN_IF_ERROR(budget.Charge(256));
        STRATA_ASSIGN_OR_RETURN(const Dict attributes, BuildDict("namespace", arguments, budget));
        auto made = std::make_shared<Namespace>();
        for (const Dict::Entry& entry : attributes.entries()) {
          if (entry.key.is_string()) made->Set(entry.key.AsString(), entry.value);
        }
        retain(made);
        return Value::FromObject(std::move(made));
      });
  add("strftime_now",
      [now = context.now](const Arguments& arguments, Budget& budget) -> absl::StatusOr<Value> {
        STRATA_ASSIGN_OR_RETURN(const auto bound,
                                BindArguments("strftime_now", {"format"}, 1, arguments));
        STRATA_ASSIGN_OR_RETURN(const absl::string_view format,
                                RequireString(*bound[0], "strftime_now"));
        if (!now.has_value()) {
          return absl::FailedPreconditionError(
              "the template asks for the current time, and none was given");
        }
        STRATA_RETURN_IF_ERROR(budget.Charge(32 * static_cast<int64_t>(format.size())));
        STRATA_ASSIGN_OR_RETURN(std::string text, FormatTime(format, *now));
        return MakeString(std::move(text), budget);
      });
  return functions;
}

}  // namespace strata::jinja
