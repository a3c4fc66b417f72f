#include "models/text/jinja_value.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/jinja_operations.h"
#include "models/text/jinja_text.h"

namespace strata::jinja {
namespace {

constexpr size_t kLinearSearchEntries = 8;  // dicts up to here are searched without an index

absl::string_view SequenceTypeName(SequenceKind kind) {
  switch (kind) {
    case SequenceKind::kList:
      return "list";
    case SequenceKind::kTuple:
      return "tuple";
    case SequenceKind::kRange:
      return "range";
    case SequenceKind::kKeys:
      return "dict_keys";
    case SequenceKind::kValues:
      return "dict_values";
    case SequenceKind::kItems:
      return "dict_items";
    case SequenceKind::kGenerator:
      return "generator";
  }
  return "object";
}

std::string StringHashText(absl::string_view key) { return absl::StrCat("s", key); }

}  // namespace

bool Value::is_sequence_of(SequenceKind kind) const {
  return is_sequence() && AsSequence()->kind == kind;
}

absl::string_view Value::type_name() const {
  switch (kind()) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return "str";
    case Kind::kSequence:
      return SequenceTypeName(AsSequence()->kind);
    case Kind::kDict:
      return "dict";
    case Kind::kObject:
      return AsObject()->type_name();
  }
  return "object";
}

int Value::depth() const {
  if (is_sequence()) return AsSequence()->depth;
  if (is_dict()) return AsDict()->depth();
  if (is_object()) return AsObject()->depth();
  return 0;
}

bool Value::IsSame(const Value& other) const {
  if (kind() != other.kind()) return false;
  switch (kind()) {
    case Kind::kUndefined:
      return false;
    case Kind::kNone:
      return true;
    case Kind::kBool:
      return AsBool() == other.AsBool();
    case Kind::kInt:
      return AsInt() == other.AsInt();
    case Kind::kFloat:
      return AsDouble() == other.AsDouble();
    case Kind::kString:
      return AsString() == other.AsString();
    case Kind::kSequence:
      return AsSequence() == other.AsSequence();
    case Kind::kDict:
      return AsDict() == other.AsDict();
    case Kind::kObject:
      return AsObject() == other.AsObject();
  }
  return false;
}

int Dict::IndexOf(absl::string_view hash_text) const {
  if (entries_.size() <= kLinearSearchEntries) {
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (absl::string_view(entries_[i].hash_text) == hash_text) return static_cast<int>(i);
    }
    return -1;
  }
  const auto it = index_.find(hash_text);
  return it == index_.end() ? -1 : it->second;
}

const Value* Dict::Find(absl::string_view hash_text) const {
  const int i = IndexOf(hash_text);
  return i < 0 ? nullptr : &entries_[static_cast<size_t>(i)].value;
}

const Value* Dict::FindString(absl::string_view key) const { return Find(StringHashText(key)); }

void Dict::Set(std::string hash_text, Value key, Value value) {
  depth_ = std::max(depth_, 1 + std::max(key.depth(), value.depth()));
  const int i = IndexOf(hash_text);
  if (i >= 0) {
    entries_[static_cast<size_t>(i)].value = std::move(value);
    return;
  }
  entries_.push_back({std::move(hash_text), std::move(key), std::move(value)});
  if (entries_.size() <= kLinearSearchEntries) return;
  if (index_.empty()) {
    for (size_t j = 0; j + 1 < entries_.size(); ++j) {
      index_[entries_[j].hash_text] = static_cast<int>(j);
    }
  }
  index_[entries_.back().hash_text] = static_cast<int>(entries_.size()) - 1;
}

void Dict::SetString(absl::string_view key, Value value) {
  Set(StringHashText(key), Value::String(std::string(key)), std::move(value));
}

const Value* Arguments::FindKeyword(absl::string_view name) const {
  for (const auto& [key, value] : keyword) {
    if (absl::string_view(key) == name) return &value;
  }
  return nullptr;
}

absl::StatusOr<std::vector<const Value*>> BindArguments(
    absl::string_view function, std::initializer_list<absl::string_view> names, size_t required,
    const Arguments& arguments) {
  std::vector<const Value*> bound(names.size(), nullptr);
  if (arguments.positional.size() > names.size()) {
    return absl::InvalidArgumentError(absl::StrCat(function, "() takes at most ", names.size(),
                                                   " arguments, got ",
                                                   arguments.positional.size()));
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) bound[i] = &arguments.positional[i];
  for (const auto& [key, value] : arguments.keyword) {
    size_t i = 0;
    for (absl::string_view name : names) {
      if (name == absl::string_view(key)) break;
      ++i;
    }
    if (i == names.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(function, "() got an unexpected keyword argument '", key, "'"));
    }
    if (bound[i] != nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(function, "() got multiple values for argument '", key, "'"));
    }
    bound[i] = &value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (bound[i] == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          function, "() is missing the required argument '", *(names.begin() + i), "'"));
    }
  }
  return bound;
}

absl::StatusOr<Value> Object::Call(const Arguments&, Budget&) {
  return absl::InvalidArgumentError(absl::StrCat("'", type_name(), "' object is not callable"));
}

std::optional<Value> Object::GetAttribute(absl::string_view) { return std::nullopt; }

void Namespace::AppendRepr(BoundedText& out) const {
  out.Append("<Namespace {");
  bool first = true;
  for (const Dict::Entry& entry : attributes_.entries()) {
    if (!first) out.Append(", ");
    first = false;
    if (!AppendPythonRepr(entry.key, out)) return;
    out.Append(": ");
    if (!AppendPythonRepr(entry.value, out)) return;
  }
  out.Append("}>");
}

std::optional<Value> Namespace::GetAttribute(absl::string_view name) {
  const Value* value = attributes_.FindString(name);
  if (value == nullptr) return std::nullopt;
  return *value;
}

absl::StatusOr<Value> MakeString(std::string text, Budget& budget) {
  STRATA_RETURN_IF_ERROR(budget.Charge(static_cast<int64_t>(text.size()) + 32));
  return Value::String(std::move(text));
}

absl::StatusOr<Value> MakeSequence(SequenceKind kind, std::vector<Value> items, Budget& budget) {
  auto sequence = std::make_shared<Sequence>();
  sequence->kind = kind;
  for (const Value& item : items) sequence->depth = std::max(sequence->depth, 1 + item.depth());
  if (sequence->depth > kMaxValueDepth) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a value nests lists and dicts more than ", kMaxValueDepth, " deep"));
  }
  const auto num_items = static_cast<int64_t>(items.size());
  STRATA_RETURN_IF_ERROR(budget.Step(num_items / 8));
  STRATA_RETURN_IF_ERROR(budget.Charge(64 + num_items * static_cast<int64_t>(sizeof(Value))));
  sequence->items = std::move(items);
  return Value(Value::Data(std::move(sequence)));
}

absl::StatusOr<Value> MakeDict(Dict dict, Budget& budget) {
  if (dict.depth() > kMaxValueDepth) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a value nests lists and dicts more than ", kMaxValueDepth, " deep"));
  }
  const auto num_entries = static_cast<int64_t>(dict.entries().size());
  STRATA_RETURN_IF_ERROR(budget.Step(num_entries / 8));
  STRATA_RETURN_IF_ERROR(
      budget.Charge(64 + 2 * num_entries * static_cast<int64_t>(sizeof(Dict::Entry))));
  return Value(Value::Data(std::make_shared<const Dict>(std::move(dict))));
}

absl::StatusOr<std::string> HashText(const Value& key, Budget& budget) {
  switch (key.kind()) {
    case Kind::kUndefined:
      return std::string("u");
    case Kind::kNone:
      return std::string("N");
    case Kind::kBool:
    case Kind::kInt:
      return absl::StrCat("n", key.AsInt());
    case Kind::kFloat: {
      const double number = key.AsDouble();
      if (number == std::floor(number) && std::fabs(number) < 9.2e18) {
        return absl::StrCat("n", static_cast<int64_t>(number));
      }
      return absl::StrCat("f", FloatRepr(number));
    }
    case Kind::kString:
      STRATA_RETURN_IF_ERROR(budget.Charge(static_cast<int64_t>(key.AsString().size())));
      return StringHashText(key.AsString());
    case Kind::kObject:
      return absl::StrCat("o", reinterpret_cast<uintptr_t>(key.AsObject().get()));
    case Kind::kSequence: {
      if (!key.is_sequence_of(SequenceKind::kTuple)) break;
      std::string text = "(";
      for (const Value& item : key.AsSequence()->items) {
        STRATA_RETURN_IF_ERROR(budget.Step());
        STRATA_ASSIGN_OR_RETURN(const std::string part, HashText(item, budget));
        STRATA_RETURN_IF_ERROR(budget.Charge(static_cast<int64_t>(part.size()) + 8));
        absl::StrAppend(&text, part.size(), ":", part);
      }
      return text;
    }
    case Kind::kDict:
      break;
  }
  return absl::InvalidArgumentError(absl::StrCat("unhashable type: '", key.type_name(), "'"));
}

}  // namespace strata::jinja
