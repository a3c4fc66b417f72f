#include "models/text/jinja_access.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/jinja_methods.h"
#include "models/text/jinja_operations.h"
#include "models/text/jinja_text.h"

namespace strata::jinja {
namespace {

// The name Jinja gives the object in "... has no attribute ...".
std::string ObjectName(const Value& value) {
  if (value.is_none()) return "'None'";
  return absl::StrCat("'", value.type_name(), " object'");
}

Value NoAttribute(const Value& value, absl::string_view name) {
  return Value::Undefined(absl::StrCat(ObjectName(value), " has no attribute '", name, "'"));
}

absl::StatusOr<Value> NoItem(const Value& value, const Value& key, Budget& budget) {
  if (key.is_string()) return NoAttribute(value, key.AsString());
  BoundedText text(budget);
  AppendPythonRepr(key, text);
  STRATA_ASSIGN_OR_RETURN(const std::string shown, text.Finish());
  return Value::Undefined(absl::StrCat(ObjectName(value), " has no element ", shown));
}

bool IsIndexable(const Value& value) {
  return value.is_sequence_of(SequenceKind::kList) || value.is_sequence_of(SequenceKind::kTuple) ||
         value.is_sequence_of(SequenceKind::kRange);
}

// Index into `length` items with Python's negative counting; nullopt when out of range.
std::optional<int64_t> ResolveIndex(int64_t index, int64_t length) {
  if (index < 0) index += length;
  if (index < 0 || index >= length) return std::nullopt;
  return index;
}

struct SliceRange {
  int64_t start = 0;
  int64_t step = 1;
  int64_t count = 0;
};

absl::StatusOr<std::optional<int64_t>> Bound(const std::optional<Value>& bound) {
  if (!bound.has_value() || bound->is_none()) return std::optional<int64_t>();
  STRATA_ASSIGN_OR_RETURN(const int64_t index, RequireInt(*bound, "slice index"));
  return std::optional<int64_t>(index);
}

// Python's slice.indices.
absl::StatusOr<SliceRange> ResolveSlice(const SliceBounds& bounds, int64_t length) {
  STRATA_ASSIGN_OR_RETURN(const std::optional<int64_t> step_bound, Bound(bounds.step));
  STRATA_ASSIGN_OR_RETURN(const std::optional<int64_t> start_bound, Bound(bounds.start));
  STRATA_ASSIGN_OR_RETURN(const std::optional<int64_t> stop_bound, Bound(bounds.stop));
  const int64_t step = std::max(step_bound.value_or(1), -std::numeric_limits<int64_t>::max());
  if (step == 0) return absl::InvalidArgumentError("slice step cannot be zero");
  const int64_t lower = step < 0 ? -1 : 0;
  const int64_t upper = step < 0 ? length - 1 : length;
  const auto resolve = [&](std::optional<int64_t> bound, int64_t otherwise) {
    if (!bound.has_value()) return otherwise;
    if (*bound < 0) return std::max(*bound + length, lower);
    return std::min(*bound, upper);
  };
  SliceRange range;
  range.step = step;
  range.start = resolve(start_bound, step < 0 ? upper : lower);
  const int64_t stop = resolve(stop_bound, step < 0 ? lower : upper);
  if (step > 0 && range.start < stop) range.count = (stop - range.start - 1) / step + 1;
  if (step < 0 && stop < range.start) range.count = (range.start - stop - 1) / -step + 1;
  return range;
}

absl::StatusOr<Value> SliceString(const std::string& text, const SliceBounds& bounds,
                                  Budget& budget) {
  STRATA_RETURN_IF_ERROR(budget.Scan(2 * static_cast<int64_t>(text.size())));
  STRATA_ASSIGN_OR_RETURN(const SliceRange range, ResolveSlice(bounds, CountCodePoints(text)));
  if (range.step == 1) {
    const size_t begin = OffsetOfCodePoint(text, range.start);
    const absl::string_view tail = absl::string_view(text).substr(begin);
    return MakeString(std::string(tail.substr(0, OffsetOfCodePoint(tail, range.count))), budget);
  }
  STRATA_RETURN_IF_ERROR(budget.Charge(16 * static_cast<int64_t>(text.size())));
  const std::vector<absl::string_view> pieces = SplitCodePoints(text);
  BoundedText out(budget);
  for (int64_t i = 0; i < range.count; ++i) {
    out.Append(pieces[static_cast<size_t>(range.start + i * range.step)]);
  }
  STRATA_ASSIGN_OR_RETURN(std::string sliced, out.Finish());
  return Value::String(std::move(sliced));
}

}  // namespace

absl::StatusOr<int64_t> Length(const Value& value, Budget& budget) {
  if (value.is_undefined()) return 0;
  if (value.is_string()) {
    STRATA_RETURN_IF_ERROR(budget.Scan(static_cast<int64_t>(value.AsString().size())));
    return CountCodePoints(value.AsString());
  }
  if (value.is_dict()) return static_cast<int64_t>(value.AsDict()->entries().size());
  if (value.is_sequence() && !value.is_sequence_of(SequenceKind::kGenerator)) {
    return static_cast<int64_t>(value.AsSequence()->items.size());
  }
  return absl::InvalidArgumentError(
      absl::StrCat("object of type '", value.type_name(), "' has no len()"));
}

bool IsIterable(const Value& value) {
  return value.is_undefined() || value.is_string() || value.is_sequence() || value.is_dict();
}

absl::StatusOr<std::vector<Value>> Iterate(const Value& value, Budget& budget) {
  std::vector<Value> items;
  if (value.is_undefined()) return items;
  if (value.is_string()) {
    const std::string& text = value.AsString();
    STRATA_RETURN_IF_ERROR(budget.Step(static_cast<int64_t>(text.size()) / 8));
    STRATA_RETURN_IF_ERROR(budget.Charge(80 * static_cast<int64_t>(text.size())));
    for (absl::string_view piece : SplitCodePoints(text)) {
      items.push_back(Value::String(std::string(piece)));
    }
    return items;
  }
  if (value.is_sequence()) {
    Sequence& sequence = *value.AsSequence();
    const auto num_items = static_cast<int64_t>(sequence.items.size());
    STRATA_RETURN_IF_ERROR(budget.Step(num_items / 8));
    STRATA_RETURN_IF_ERROR(budget.Charge(num_items * static_cast<int64_t>(sizeof(Value))));
    if (sequence.kind != SequenceKind::kGenerator) return sequence.items;
    items.assign(sequence.items.begin() + static_cast<int64_t>(sequence.num_consumed),
                 sequence.items.end());
    sequence.num_consumed = sequence.items.size();
    return items;
  }
  if (value.is_dict()) {
    const auto& entries = value.AsDict()->entries();
    STRATA_RETURN_IF_ERROR(budget.Step(static_cast<int64_t>(entries.size()) / 8));
    STRATA_RETURN_IF_ERROR(
        budget.Charge(static_cast<int64_t>(entries.size()) * static_cast<int64_t>(sizeof(Value))));
    for (const Dict::Entry& entry : entries) items.push_back(entry.key);
    return items;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", value.type_name(), "' object is not iterable"));
}

absl::StatusOr<Value> DictItems(const Dict& dict, SequenceKind kind, Budget& budget) {
  STRATA_RETURN_IF_ERROR(budget.Step(static_cast<int64_t>(dict.entries().size())));
  std::vector<Value> items;
  for (const Dict::Entry& entry : dict.entries()) {
    STRATA_ASSIGN_OR_RETURN(Value pair,
                            MakeSequence(SequenceKind::kTuple, {entry.key, entry.value}, budget));
    items.push_back(std::move(pair));
  }
  return MakeSequence(kind, std::move(items), budget);
}

absl::StatusOr<bool> Contains(const Value& container, const Value& item, Budget& budget) {
  if (container.is_undefined()) return false;
  if (container.is_string()) {
    if (!item.is_string()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'in <string>' requires string as left operand, not ", item.type_name()));
    }
    STRATA_RETURN_IF_ERROR(budget.Search(static_cast<int64_t>(container.AsString().size()),
                                         static_cast<int64_t>(item.AsString().size())));
    return container.AsString().find(item.AsString()) != std::string::npos;
  }
  if (container.is_dict()) {
    STRATA_ASSIGN_OR_RETURN(const std::string hash_text, HashText(item, budget));
    return container.AsDict()->Find(hash_text) != nullptr;
  }
  if (!container.is_sequence()) {
    return absl::InvalidArgumentError(
        absl::StrCat("argument of type '", container.type_name(), "' is not iterable"));
  }
  Sequence& sequence = *container.AsSequence();
  const bool is_generator = sequence.kind == SequenceKind::kGenerator;
  for (size_t i = is_generator ? sequence.num_consumed : 0; i < sequence.items.size(); ++i) {
    if (is_generator) sequence.num_consumed = i + 1;
    STRATA_ASSIGN_OR_RETURN(const bool equal, Equals(sequence.items[i], item, budget));
    if (equal) return true;
  }
  return false;
}

std::optional<Value> FindAttribute(const Value& value, absl::string_view name) {
  if (value.is_object()) {
    if (!name.empty() && name[0] == '_') return std::nullopt;  // the sandbox hides them
    return value.AsObject()->GetAttribute(name);
  }
  return FindMethod(value, name);
}

absl::StatusOr<Value> GetAttribute(const Value& value, absl::string_view name, Budget& budget) {
  STRATA_RETURN_IF_ERROR(budget.Charge(64));
  if (value.is_undefined()) return UndefinedError(value);
  std::optional<Value> attribute = FindAttribute(value, name);
  if (attribute.has_value()) return *std::move(attribute);
  if (value.is_dict()) {
    const Value* item = value.AsDict()->FindString(name);
    if (item != nullptr) return *item;
  }
  return NoAttribute(value, name);
}

absl::StatusOr<Value> GetItem(const Value& value, const Value& key, Budget& budget) {
  STRATA_RETURN_IF_ERROR(budget.Charge(64));
  if (value.is_undefined()) return UndefinedError(value);
  if (value.is_dict()) {
    const absl::StatusOr<std::string> hash_text = HashText(key, budget);
    if (absl::IsResourceExhausted(hash_text.status())) return hash_text.status();
    const Value* item = hash_text.ok() ? value.AsDict()->Find(*hash_text) : nullptr;
    if (item != nullptr) return *item;
  } else if (key.is_integral() && value.is_string()) {
    const std::string& text = value.AsString();
    STRATA_RETURN_IF_ERROR(budget.Scan(2 * static_cast<int64_t>(text.size())));
    const std::optional<int64_t> index = ResolveIndex(key.AsInt(), CountCodePoints(text));
    if (index.has_value()) {
      const size_t begin = OffsetOfCodePoint(text, *index);
      size_t end = begin;
      DecodeUtf8(text, &end);
      return MakeString(text.substr(begin, end - begin), budget);
    }
  } else if (key.is_integral() && IsIndexable(value)) {
    const std::vector<Value>& items = value.AsSequence()->items;
    const std::optional<int64_t> index =
        ResolveIndex(key.AsInt(), static_cast<int64_t>(items.size()));
    if (index.has_value()) return items[static_cast<size_t>(*index)];
  }
  if (key.is_string()) {
    std::optional<Value> attribute = FindAttribute(value, key.AsString());
    if (attribute.has_value()) return *std::move(attribute);
  }
  return NoItem(value, key, budget);
}

absl::StatusOr<Value> GetSlice(const Value& value, const SliceBounds& bounds, Budget& budget) {
  if (value.is_undefined()) return UndefinedError(value);
  if (value.is_string()) return SliceString(value.AsString(), bounds, budget);
  if (!IsIndexable(value)) {
    return Value::Undefined(absl::StrCat(ObjectName(value), " has no slices"));
  }
  const Sequence& sequence = *value.AsSequence();
  STRATA_ASSIGN_OR_RETURN(const SliceRange range,
                          ResolveSlice(bounds, static_cast<int64_t>(sequence.items.size())));
  STRATA_RETURN_IF_ERROR(budget.Step(range.count / 8));
  std::vector<Value> items;
  for (int64_t i = 0; i < range.count; ++i) {
    items.push_back(sequence.items[static_cast<size_t>(range.start + i * range.step)]);
  }
  return MakeSequence(sequence.kind, std::move(items), budget);
}

}  // namespace strata::jinja
