#include "models/text/jinja_methods.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/jinja_access.h"
#include "models/text/jinja_method_table.h"
#include "models/text/jinja_operations.h"

namespace strata::jinja {
namespace {

// ---- list, tuple ----

absl::StatusOr<Value> CountItems(const Value& receiver, const Arguments& arguments,
                                 Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, BindArguments("count", {"value"}, 1, arguments));
  int64_t count = 0;
  for (const Value& item : receiver.AsSequence()->items) {
    STRATA_ASSIGN_OR_RETURN(const bool equal, Equals(item, *bound[0], budget));
    count += equal ? 1 : 0;
  }
  return Value::Int(count);
}

absl::StatusOr<Value> IndexOfItem(const Value& receiver, const Arguments& arguments,
                                  Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, BindArguments("index", {"value"}, 1, arguments));
  int64_t index = 0;
  for (const Value& item : receiver.AsSequence()->items) {
    STRATA_ASSIGN_OR_RETURN(const bool equal, Equals(item, *bound[0], budget));
    if (equal) return Value::Int(index);
    ++index;
  }
  return absl::InvalidArgumentError("the value is not in the list");
}

absl::StatusOr<Value> Copy(const Value& receiver, const Arguments& arguments, Budget&) {
  STRATA_RETURN_IF_ERROR(BindArguments("copy", {}, 0, arguments).status());
  return receiver;
}

// ---- dict ----

absl::StatusOr<Value> Get(const Value& receiver, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, BindArguments("get", {"key", "default"}, 1, arguments));
  STRATA_ASSIGN_OR_RETURN(const std::string hash_text, HashText(*bound[0], budget));
  const Value* item = receiver.AsDict()->Find(hash_text);
  if (item != nullptr) return *item;
  return bound[1] == nullptr ? Value() : *bound[1];
}

absl::StatusOr<Value> Keys(const Value& receiver, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("keys", {}, 0, arguments).status());
  std::vector<Value> items;
  for (const Dict::Entry& entry : receiver.AsDict()->entries()) items.push_back(entry.key);
  return MakeSequence(SequenceKind::kKeys, std::move(items), budget);
}

absl::StatusOr<Value> Values(const Value& receiver, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("values", {}, 0, arguments).status());
  std::vector<Value> items;
  for (const Dict::Entry& entry : receiver.AsDict()->entries()) items.push_back(entry.value);
  return MakeSequence(SequenceKind::kValues, std::move(items), budget);
}

absl::StatusOr<Value> Items(const Value& receiver, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("items", {}, 0, arguments).status());
  return DictItems(*receiver.AsDict(), SequenceKind::kItems, budget);
}

constexpr MethodEntry kListMethods[] = {
    {"append", nullptr}, {"clear", nullptr},     {"copy", Copy},      {"count", CountItems},
    {"extend", nullptr}, {"index", IndexOfItem}, {"insert", nullptr}, {"pop", nullptr},
    {"remove", nullptr}, {"reverse", nullptr},   {"sort", nullptr},
};

constexpr MethodEntry kTupleMethods[] = {{"count", CountItems}, {"index", IndexOfItem}};

constexpr MethodEntry kDictMethods[] = {
    {"clear", nullptr},  {"copy", Copy},     {"get", Get},         {"items", Items},
    {"keys", Keys},      {"pop", nullptr},   {"popitem", nullptr}, {"setdefault", nullptr},
    {"update", nullptr}, {"values", Values},
};

class BoundMethod : public Object {
 public:
  BoundMethod(Value receiver, const MethodEntry& entry)
      : receiver_(std::move(receiver)), entry_(entry) {}

  absl::string_view type_name() const override { return "builtin_function_or_method"; }
  void AppendRepr(BoundedText& out) const override {
    out.Append(
        absl::StrCat("<built-in method ", entry_.name, " of ", receiver_.type_name(), " object>"));
  }
  bool callable() const override { return true; }
  int depth() const override { return receiver_.depth() + 1; }
  absl::StatusOr<Value> Call(const Arguments& arguments, Budget& budget) override {
    return entry_.method(receiver_, arguments, budget);
  }

 private:
  const Value receiver_;
  const MethodEntry& entry_;  // of the constant tables above
};

const MethodEntry* EntryOf(const Value& receiver, absl::string_view name) {
  if (receiver.is_string()) return FindStringMethod(name);
  if (receiver.is_dict()) return FindMethodEntry(kDictMethods, name);
  if (receiver.is_sequence_of(SequenceKind::kList)) return FindMethodEntry(kListMethods, name);
  if (receiver.is_sequence_of(SequenceKind::kTuple) ||
      receiver.is_sequence_of(SequenceKind::kRange)) {
    return FindMethodEntry(kTupleMethods, name);
  }
  return nullptr;
}

}  // namespace

std::optional<Value> FindMethod(const Value& receiver, absl::string_view name) {
  const MethodEntry* entry = EntryOf(receiver, name);
  if (entry == nullptr) return std::nullopt;
  if (entry->method == nullptr) {
    return Value::Undefined(absl::StrCat("access to attribute '", name, "' of '",
                                         receiver.type_name(), "' object is unsafe."));
  }
  return Value::FromObject(std::make_shared<BoundMethod>(receiver, *entry));
}

}  // namespace strata::jinja
