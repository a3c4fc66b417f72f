#include "models/text/jinja_filters.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "kernels/base/status.h"
#include "models/text/jinja_access.h"
#include "models/text/jinja_filter_table.h"
#include "models/text/jinja_operations.h"
#include "models/text/jinja_predicates.h"
#include "models/text/jinja_text.h"

namespace strata::jinja {
namespace {

enum class Letters { kIgnoreCase, kCaseSensitive };

Letters LettersOf(const Value* case_sensitive) {
  return case_sensitive != nullptr && IsTrue(*case_sensitive) ? Letters::kCaseSensitive
                                                              : Letters::kIgnoreCase;
}

// Follows `attribute` ("a.0.b", an int, or null for the item itself) from `item`.
absl::StatusOr<Value> FollowPath(Value item, const Value* attribute, const Value* default_value,
                                 Budget& budget) {
  if (attribute == nullptr || attribute->is_none()) return item;
  if (!attribute->is_string()) return GetItem(item, *attribute, budget);
  for (absl::string_view part : absl::StrSplit(attribute->AsString(), '.')) {
    int64_t index = 0;
    const char* last = part.data() + part.size();
    const auto parsed = std::from_chars(part.data(), last, index);
    const bool is_index = parsed.ec == std::errc() && parsed.ptr == last && part[0] != '-';
    STRATA_ASSIGN_OR_RETURN(
        item,
        GetItem(item, is_index ? Value::Int(index) : Value::String(std::string(part)), budget));
    if (item.is_undefined() && default_value != nullptr && !default_value->is_none()) {
      item = *default_value;
    }
  }
  return item;
}

absl::StatusOr<Value> FoldCase(Value value, Letters letters, Budget& budget) {
  if (letters == Letters::kCaseSensitive || !value.is_string()) return value;
  STRATA_RETURN_IF_ERROR(budget.Step(static_cast<int64_t>(value.AsString().size()) / 32));
  return MakeString(ToLower(value.AsString()), budget);
}

absl::StatusOr<Value> SortKey(const Value& item, const Value* attribute, Letters letters,
                              Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(Value key, FollowPath(item, attribute, nullptr, budget));
  return FoldCase(std::move(key), letters, budget);
}

struct Keyed {
  Value key;
  Value item;
};

enum class Order { kAscending, kDescending };

// A stable sort by key, whose comparisons can fail.
absl::Status SortKeyed(std::vector<Keyed>& keyed, Order order, Budget& budget) {
  absl::Status status;
  std::stable_sort(keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) {
    if (!status.ok()) return false;
    const absl::StatusOr<int> compared = Compare(a.key, b.key, budget);
    if (!compared.ok()) {
      status = compared.status();
      return false;
    }
    return order == Order::kAscending ? *compared < 0 : *compared > 0;
  });
  return status;
}

absl::StatusOr<Value> MakeSorted(std::vector<Keyed> keyed, Order order, Budget& budget) {
  STRATA_RETURN_IF_ERROR(SortKeyed(keyed, order, budget));
  std::vector<Value> items;
  for (Keyed& entry : keyed) items.push_back(std::move(entry.item));
  return MakeSequence(SequenceKind::kList, std::move(items), budget);
}

absl::StatusOr<Value> LengthFilter(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("length", {}, 0, arguments).status());
  STRATA_ASSIGN_OR_RETURN(const int64_t length, Length(input, budget));
  return Value::Int(length);
}

absl::StatusOr<Value> First(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("first", {}, 0, arguments).status());
  const Value none = Value::Undefined("No first item, sequence was empty.");
  if (input.is_sequence()) {
    Sequence& sequence = *input.AsSequence();
    const bool is_generator = sequence.kind == SequenceKind::kGenerator;
    const size_t i = is_generator ? sequence.num_consumed : 0;
    if (i >= sequence.items.size()) return none;
    if (is_generator) ++sequence.num_consumed;
    return sequence.items[i];
  }
  if (input.is_string()) {
    if (input.AsString().empty()) return none;
    return GetItem(input, Value::Int(0), budget);
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(input, budget));
  return items.empty() ? none : items.front();
}

absl::Status RequireReversible(const Value& input) {
  if (!input.is_sequence_of(SequenceKind::kGenerator)) return absl::OkStatus();
  return absl::InvalidArgumentError("'generator' object is not reversible");
}

absl::StatusOr<Value> Last(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("last", {}, 0, arguments).status());
  STRATA_RETURN_IF_ERROR(RequireReversible(input));
  if (input.is_string() && !input.AsString().empty()) {
    return GetItem(input, Value::Int(-1), budget);
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(input, budget));
  if (items.empty()) return Value::Undefined("No last item, sequence was empty.");
  return items.back();
}

absl::StatusOr<Value> ListFilter(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("list", {}, 0, arguments).status());
  STRATA_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(input, budget));
  return MakeSequence(SequenceKind::kList, std::move(items), budget);
}

absl::StatusOr<Value> ItemsFilter(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("items", {}, 0, arguments).status());
  if (input.is_undefined()) return MakeSequence(SequenceKind::kGenerator, {}, budget);
  if (!input.is_dict()) {
    return absl::InvalidArgumentError("can only get item pairs from a mapping");
  }
  return DictItems(*input.AsDict(), SequenceKind::kGenerator, budget);
}

absl::StatusOr<Value> Join(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("join", {"d", "attribute"}, 0, arguments));
  std::string separator;
  if (bound[0] != nullptr) {
    STRATA_ASSIGN_OR_RETURN(separator, ToText(*bound[0], budget));
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(input, budget));
  BoundedText out(budget);
  for (size_t i = 0; i < items.size() && out.ok(); ++i) {
    if (i > 0) out.Append(separator);
    STRATA_ASSIGN_OR_RETURN(const Value item, FollowPath(items[i], bound[1], nullptr, budget));
    AppendPythonText(item, out);
  }
  STRATA_ASSIGN_OR_RETURN(std::string joined, out.Finish());
  return Value::String(std::move(joined));
}

absl::StatusOr<Value> Reverse(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("reverse", {}, 0, arguments).status());
  if (input.is_string()) {
    return GetSlice(input, SliceBounds{.start = {}, .stop = {}, .step = Value::Int(-1)}, budget);
  }
  STRATA_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(input, budget));
  std::reverse(items.begin(), items.end());
  const bool was_generator = input.is_sequence_of(SequenceKind::kGenerator);
  return MakeSequence(was_generator ? SequenceKind::kList : SequenceKind::kGenerator,
                      std::move(items), budget);
}

absl::StatusOr<Value> Sort(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(
      const auto bound,
      BindArguments("sort", {"reverse", "case_sensitive", "attribute"}, 0, arguments));
  const Letters letters = LettersOf(bound[1]);
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(input, budget));
  std::vector<Value> paths;  // the comma separated attributes, compared one after the other
  if (bound[2] != nullptr && bound[2]->is_string()) {
    for (absl::string_view path : absl::StrSplit(bound[2]->AsString(), ',')) {
      paths.push_back(Value::String(std::string(path)));
    }
  } else {
    paths.push_back(bound[2] == nullptr ? Value() : *bound[2]);
  }
  std::vector<Keyed> keyed;
  for (const Value& item : items) {
    std::vector<Value> keys;
    for (const Value& path : paths) {
      STRATA_ASSIGN_OR_RETURN(Value key, SortKey(item, &path, letters, budget));
      keys.push_back(std::move(key));
    }
    STRATA_ASSIGN_OR_RETURN(Value key, MakeSequence(SequenceKind::kList, std::move(keys), budget));
    keyed.push_back({std::move(key), item});
  }
  const bool reversed = bound[0] != nullptr && IsTrue(*bound[0]);
  return MakeSorted(std::move(keyed), reversed ? Order::kDescending : Order::kAscending, budget);
}

absl::StatusOr<Value> DictSort(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(
      const auto bound,
      BindArguments("dictsort", {"case_sensitive", "by", "reverse"}, 0, arguments));
  if (input.is_undefined()) return UndefinedError(input);
  if (!input.is_dict()) return absl::InvalidArgumentError("dictsort: expected a dict");
  bool by_value = false;
  if (bound[1] != nullptr) {
    STRATA_ASSIGN_OR_RETURN(const absl::string_view by, RequireString(*bound[1], "dictsort"));
    if (by != "key" && by != "value") {
      return absl::InvalidArgumentError("you can only sort by either \"key\" or \"value\"");
    }
    by_value = by == "value";
  }
  std::vector<Keyed> keyed;
  for (const Dict::Entry& entry : input.AsDict()->entries()) {
    STRATA_ASSIGN_OR_RETURN(
        Value key, FoldCase(by_value ? entry.value : entry.key, LettersOf(bound[0]), budget));
    STRATA_ASSIGN_OR_RETURN(Value pair,
                            MakeSequence(SequenceKind::kTuple, {entry.key, entry.value}, budget));
    keyed.push_back({std::move(key), std::move(pair)});
  }
  const bool reversed = bound[2] != nullptr && IsTrue(*bound[2]);
  return MakeSorted(std::move(keyed), reversed ? Order::kDescending : Order::kAscending, budget);
}

absl::StatusOr<Value> Unique(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("unique", {"case_sensitive", "attribute"}, 0, arguments));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(input, budget));
  absl::flat_hash_set<std::string> seen;
  std::vector<Value> kept;
  for (const Value& item : items) {
    STRATA_ASSIGN_OR_RETURN(const Value key, SortKey(item, bound[1], LettersOf(bound[0]), budget));
    STRATA_ASSIGN_OR_RETURN(std::string hash_text, HashText(key, budget));
    STRATA_RETURN_IF_ERROR(budget.Charge(64));
    if (seen.insert(std::move(hash_text)).second) kept.push_back(item);
  }
  return MakeSequence(SequenceKind::kGenerator, std::move(kept), budget);
}

enum class Extreme { kLeast, kGreatest };

template <Extreme kExtreme>
absl::StatusOr<Value> MinOrMax(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("min", {"case_sensitive", "attribute"}, 0, arguments));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(input, budget));
  if (items.empty()) return Value::Undefined("No aggregated item, sequence was empty.");
  std::optional<Keyed> best;
  for (const Value& item : items) {
    STRATA_ASSIGN_OR_RETURN(Value key, SortKey(item, bound[1], LettersOf(bound[0]), budget));
    if (best.has_value()) {
      STRATA_ASSIGN_OR_RETURN(const int order, Compare(key, best->key, budget));
      if (kExtreme == Extreme::kLeast ? order >= 0 : order <= 0) continue;
    }
    best = Keyed{std::move(key), item};
  }
  return best->item;
}

absl::StatusOr<Value> Sum(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("sum", {"attribute", "start"}, 0, arguments));
  Value total = bound[1] == nullptr ? Value::Int(0) : *bound[1];
  if (total.is_string()) return absl::InvalidArgumentError("sum() can't sum strings");
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(input, budget));
  for (const Value& item : items) {
    STRATA_ASSIGN_OR_RETURN(const Value addend, FollowPath(item, bound[0], nullptr, budget));
    STRATA_ASSIGN_OR_RETURN(total, Arithmetic(BinaryOperator::kAdd, total, addend, budget));
  }
  return total;
}

// Pads the last list of `batch` or a list of `slice`; charged, because the count is the template's.
absl::Status Fill(std::vector<Value>& items, int64_t count, const Value& fill, Budget& budget) {
  STRATA_RETURN_IF_ERROR(budget.Step(count));
  items.insert(items.end(), static_cast<size_t>(count), fill);
  return absl::OkStatus();
}

absl::StatusOr<Value> Batch(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("batch", {"linecount", "fill_with"}, 1, arguments));
  STRATA_ASSIGN_OR_RETURN(const int64_t size, RequireInt(*bound[0], "batch"));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(input, budget));
  std::vector<Value> batches;
  std::vector<Value> batch;
  for (const Value& item : items) {
    if (static_cast<int64_t>(batch.size()) == size) {
      STRATA_ASSIGN_OR_RETURN(Value full,
                              MakeSequence(SequenceKind::kList, std::move(batch), budget));
      batches.push_back(std::move(full));
      batch.clear();
    }
    batch.push_back(item);
  }
  if (!batch.empty()) {
    const int64_t missing = size - static_cast<int64_t>(batch.size());
    if (bound[1] != nullptr && !bound[1]->is_none() && missing > 0) {
      STRATA_RETURN_IF_ERROR(Fill(batch, missing, *bound[1], budget));
    }
    STRATA_ASSIGN_OR_RETURN(Value rest,
                            MakeSequence(SequenceKind::kList, std::move(batch), budget));
    batches.push_back(std::move(rest));
  }
  return MakeSequence(SequenceKind::kGenerator, std::move(batches), budget);
}

absl::StatusOr<Value> SliceFilter(const Value& input, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("slice", {"slices", "fill_with"}, 1, arguments));
  STRATA_ASSIGN_OR_RETURN(const int64_t num_slices, RequireInt(*bound[0], "slice"));
  if (num_slices < 1) return absl::InvalidArgumentError("slice: expected at least one slice");
  STRATA_RETURN_IF_ERROR(budget.Step(num_slices));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(input, budget));
  const auto length = static_cast<int64_t>(items.size());
  const int64_t num_longer = length % num_slices;
  std::vector<Value> slices;
  auto begin = items.begin();
  for (int64_t i = 0; i < num_slices; ++i) {
    const auto end = begin + length / num_slices + (i < num_longer ? 1 : 0);
    std::vector<Value> slice(begin, end);
    if (bound[1] != nullptr && !bound[1]->is_none() && i >= num_longer) slice.push_back(*bound[1]);
    STRATA_ASSIGN_OR_RETURN(Value made,
                            MakeSequence(SequenceKind::kList, std::move(slice), budget));
    slices.push_back(std::move(made));
    begin = end;
  }
  return MakeSequence(SequenceKind::kGenerator, std::move(slices), budget);
}

// The arguments behind the first `num_skipped` positional ones, for the filter or test they name.
absl::StatusOr<Arguments> ArgumentsFrom(const Arguments& arguments, size_t num_skipped,
                                        Budget& budget) {
  const auto num_copied =
      static_cast<int64_t>(arguments.positional.size() + arguments.keyword.size());
  STRATA_RETURN_IF_ERROR(budget.Step(num_copied));
  STRATA_RETURN_IF_ERROR(budget.Charge(num_copied * static_cast<int64_t>(2 * sizeof(Value))));
  Arguments rest;
  rest.positional.assign(arguments.positional.begin() + static_cast<int64_t>(num_skipped),
                         arguments.positional.end());
  rest.keyword = arguments.keyword;
  return rest;
}

absl::StatusOr<Value> Map(const Value& input, const Arguments& arguments, Budget& budget) {
  std::vector<Value> mapped;
  if (!IsTrue(input)) return MakeSequence(SequenceKind::kGenerator, {}, budget);
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(input, budget));
  const Value* attribute = arguments.FindKeyword("attribute");
  if (arguments.positional.empty() && attribute != nullptr) {
    STRATA_ASSIGN_OR_RETURN(const auto bound,
                            BindArguments("map", {"attribute", "default"}, 1, arguments));
    for (const Value& item : items) {
      STRATA_ASSIGN_OR_RETURN(Value result, FollowPath(item, bound[0], bound[1], budget));
      mapped.push_back(std::move(result));
    }
  } else {
    if (arguments.positional.empty()) {
      return absl::InvalidArgumentError("map requires a filter argument");
    }
    STRATA_ASSIGN_OR_RETURN(const absl::string_view filter,
                            RequireString(arguments.positional[0], "map"));
    STRATA_ASSIGN_OR_RETURN(const Arguments rest, ArgumentsFrom(arguments, 1, budget));
    for (const Value& item : items) {
      STRATA_ASSIGN_OR_RETURN(Value result, ApplyFilter(filter, item, rest, budget));
      mapped.push_back(std::move(result));
    }
  }
  return MakeSequence(SequenceKind::kGenerator, std::move(mapped), budget);
}

enum class Subject { kItem, kAttribute };
enum class Keep { kPassing, kFailing };

template <Subject kSubject, Keep kKeep>
absl::StatusOr<Value> Select(const Value& input, const Arguments& arguments, Budget& budget) {
  if (!IsTrue(input)) return MakeSequence(SequenceKind::kGenerator, {}, budget);
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(input, budget));
  constexpr size_t kTestIndex = kSubject == Subject::kAttribute ? 1 : 0;
  if (arguments.positional.size() < kTestIndex) {
    return absl::InvalidArgumentError("missing parameter for attribute name");
  }
  const Value* attribute = kSubject == Subject::kAttribute ? &arguments.positional[0] : nullptr;
  std::optional<absl::string_view> test;
  Arguments rest;
  if (arguments.positional.size() > kTestIndex) {
    STRATA_ASSIGN_OR_RETURN(test, RequireString(arguments.positional[kTestIndex], "select"));
    STRATA_ASSIGN_OR_RETURN(rest, ArgumentsFrom(arguments, kTestIndex + 1, budget));
  }
  std::vector<Value> kept;
  for (const Value& item : items) {
    STRATA_ASSIGN_OR_RETURN(const Value subject, FollowPath(item, attribute, nullptr, budget));
    bool passes = IsTrue(subject);
    if (test.has_value()) {
      STRATA_ASSIGN_OR_RETURN(passes, ApplyTest(*test, subject, rest, budget));
    }
    if (passes == (kKeep == Keep::kPassing)) kept.push_back(item);
  }
  return MakeSequence(SequenceKind::kGenerator, std::move(kept), budget);
}

absl::StatusOr<Value> NotImplemented(const Value&, const Arguments&, Budget&) {
  return absl::UnimplementedError("this filter is not supported in chat templates");
}

constexpr FilterEntry kFilters[] = {
    {"batch", Batch},
    {"count", LengthFilter},
    {"dictsort", DictSort},
    {"filesizeformat", NotImplemented},
    {"first", First},
    {"groupby", NotImplemented},
    {"items", ItemsFilter},
    {"join", Join},
    {"last", Last},
    {"length", LengthFilter},
    {"list", ListFilter},
    {"map", Map},
    {"max", MinOrMax<Extreme::kGreatest>},
    {"min", MinOrMax<Extreme::kLeast>},
    {"pprint", NotImplemented},
    {"random", NotImplemented},
    {"reject", Select<Subject::kItem, Keep::kFailing>},
    {"rejectattr", Select<Subject::kAttribute, Keep::kFailing>},
    {"reverse", Reverse},
    {"select", Select<Subject::kItem, Keep::kPassing>},
    {"selectattr", Select<Subject::kAttribute, Keep::kPassing>},
    {"slice", SliceFilter},
    {"sort", Sort},
    {"striptags", NotImplemented},
    {"sum", Sum},
    {"unique", Unique},
    {"urlize", NotImplemented},
    {"wordwrap", NotImplemented},
    {"xmlattr", NotImplemented},
};

Filter FindFilter(absl::string_view name) {
  const Filter filter = FindFilterEntry(kFilters, name);
  if (filter != nullptr) return filter;
  const Filter scalar_filter = FindScalarFilter(name);
  return scalar_filter != nullptr ? scalar_filter : FindTextFilter(name);
}

}  // namespace

bool HasFilter(absl::string_view name) { return FindFilter(name) != nullptr; }

absl::StatusOr<Value> ApplyFilter(absl::string_view name, const Value& input,
                                  const Arguments& arguments, Budget& budget) {
  const DepthGuard guard(budget);
  STRATA_RETURN_IF_ERROR(guard.status());
  STRATA_RETURN_IF_ERROR(budget.Step());
  const Filter filter = FindFilter(name);
  if (filter == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("no filter named '", name, "'"));
  }
  return filter(input, arguments, budget);
}

}  // namespace strata::jinja
