#include "models/text/jinja_loop.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/jinja_operations.h"

namespace strata::jinja {
namespace {

// loop.cycle and loop.changed.
class LoopMethod : public Object {
 public:
  enum class Which { kCycle, kChanged };
  LoopMethod(std::shared_ptr<Loop> loop, Which which) : loop_(std::move(loop)), which_(which) {}

  absl::string_view type_name() const override { return "method"; }
  void AppendRepr(BoundedText& out) const override { out.Append("<bound method of LoopContext>"); }
  bool callable() const override { return true; }
  int depth() const override { return loop_->depth() + 1; }
  absl::StatusOr<Value> Call(const Arguments& arguments, Budget& budget) override {
    return which_ == Which::kCycle ? loop_->Cycle(arguments) : loop_->Changed(arguments, budget);
  }

 private:
  const std::shared_ptr<Loop> loop_;
  const Which which_;
};

}  // namespace

void Loop::AppendRepr(BoundedText& out) const {
  out.Append(absl::StrCat("<LoopContext ", index_ + 1, "/", items().size(), ">"));
}

absl::StatusOr<Value> Loop::Call(const Arguments& arguments, Budget&) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, BindArguments("loop", {"iterable"}, 1, arguments));
  if (!callbacks_.recurse) {
    return absl::InvalidArgumentError(
        "the loop must have the 'recursive' marker to be called recursively");
  }
  return callbacks_.recurse(*bound[0]);
}

std::optional<Value> Loop::GetAttribute(absl::string_view name) {
  const auto index = static_cast<int64_t>(index_);
  const auto length = static_cast<int64_t>(items().size());
  if (name == "index") return Value::Int(index + 1);
  if (name == "index0") return Value::Int(index);
  if (name == "revindex") return Value::Int(length - index);
  if (name == "revindex0") return Value::Int(length - index - 1);
  if (name == "first") return Value::Bool(index == 0);
  if (name == "last") return Value::Bool(index + 1 == length);
  if (name == "length") return Value::Int(length);
  if (name == "depth") return Value::Int(recursion_depth_ + 1);
  if (name == "depth0") return Value::Int(recursion_depth_);
  if (name == "previtem") {
    return index_ > 0 ? items()[index_ - 1] : Value::Undefined("there is no previous item");
  }
  if (name == "nextitem") {
    return index_ + 1 < items().size() ? items()[index_ + 1]
                                       : Value::Undefined("there is no next item");
  }
  if (name == "cycle" || name == "changed") {
    return Value::FromObject(std::make_shared<LoopMethod>(
        shared_from_this(),
        name == "cycle" ? LoopMethod::Which::kCycle : LoopMethod::Which::kChanged));
  }
  return std::nullopt;
}

absl::StatusOr<Value> Loop::Cycle(const Arguments& arguments) const {
  if (arguments.positional.empty()) {
    return absl::InvalidArgumentError("no items for cycling given");
  }
  return arguments.positional[index_ % arguments.positional.size()];
}

absl::StatusOr<Value> Loop::Changed(const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(Value values,
                          MakeSequence(SequenceKind::kTuple, arguments.positional, budget));
  if (last_changed_.has_value()) {
    STRATA_ASSIGN_OR_RETURN(const bool equal, Equals(*last_changed_, values, budget));
    if (equal) return Value::Bool(false);
  } else {
    callbacks_.retain(shared_from_this());
  }
  last_changed_ = std::move(values);
  return Value::Bool(true);
}

}  // namespace strata::jinja
