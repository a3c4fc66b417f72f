// The `loop` of a for loop: where it is, and its neighbours.
//
// One object per execution of a loop; the interpreter moves it on. Templates may keep it beyond its
// loop, so it shares the items.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/text/jinja_value.h"

namespace strata::jinja {

class Loop : public Object, public std::enable_shared_from_this<Loop> {
 public:
  // What a loop needs of its interpreter.
  struct Callbacks {
    // Renders the loop's body over other items; empty unless the loop is recursive.
    std::function<absl::StatusOr<Value>(const Value& iterable)> recurse;
    // Keeps the object until the end of the rendering, where its references are released.
    std::function<void(std::shared_ptr<Object>)> retain;
  };

  // `items` is a sequence value; `recursion_depth` counts enclosing calls of the same loop.
  Loop(Value items, int recursion_depth, Callbacks callbacks)
      : items_(std::move(items)),
        recursion_depth_(recursion_depth),
        callbacks_(std::move(callbacks)) {}

  void MoveTo(size_t index) { index_ = index; }

  absl::string_view type_name() const override { return "LoopContext"; }
  void AppendRepr(BoundedText& out) const override;
  bool callable() const override { return true; }
  // loop(items) in a recursive loop.
  absl::StatusOr<Value> Call(const Arguments& arguments, Budget& budget) override;
  std::optional<Value> GetAttribute(absl::string_view name) override;
  int depth() const override { return items_.depth() + 1; }
  void ReleaseReferences() override { last_changed_.reset(); }

  // loop.cycle(a, b, ...): the argument of this turn.
  absl::StatusOr<Value> Cycle(const Arguments& arguments) const;
  // loop.changed(...): whether the arguments differ from those of the last call.
  absl::StatusOr<Value> Changed(const Arguments& arguments, Budget& budget);

 private:
  const std::vector<Value>& items() const { return items_.AsSequence()->items; }

  const Value items_;
  const int recursion_depth_;
  const Callbacks callbacks_;
  size_t index_ = 0;
  std::optional<Value> last_changed_;
};

}  // namespace strata::jinja
