#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/jinja_access.h"
#include "models/text/jinja_format.h"
#include "models/text/jinja_method_table.h"
#include "models/text/jinja_operations.h"
#include "models/text/jinja_text.h"

namespace strata::jinja {
namespace {

absl::Status ScanReceiver(const Value& receiver, Budget& budget) {
  return budget.Step(static_cast<int64_t>(receiver.AsString().size()) / 32);
}

absl::StatusOr<Value> MakePieces(SequenceKind kind, const std::vector<absl::string_view>& pieces,
                                 Budget& budget) {
  STRATA_RETURN_IF_ERROR(budget.Step(static_cast<int64_t>(pieces.size())));
  std::vector<Value> items;
  for (absl::string_view piece : pieces) {
    STRATA_ASSIGN_OR_RETURN(Value item, MakeString(std::string(piece), budget));
    items.push_back(std::move(item));
  }
  return MakeSequence(kind, std::move(items), budget);
}

// An int argument, or `otherwise` when it is absent or none.
absl::StatusOr<int64_t> IntOr(const Value* argument, int64_t otherwise, absl::string_view what) {
  if (argument == nullptr || argument->is_none()) return otherwise;
  return RequireInt(*argument, what);
}

// ---- case, classes ----

template <std::string (*kChange)(absl::string_view)>
absl::StatusOr<Value> ChangeCase(const Value& receiver, const Arguments& arguments,
                                 Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("str method", {}, 0, arguments).status());
  STRATA_RETURN_IF_ERROR(ScanReceiver(receiver, budget));
  return MakeString(kChange(receiver.AsString()), budget);
}

bool IsNumeric(char32_t c) { return IsAlnum(c) && !IsAlpha(c); }
bool IsAscii(char32_t c) { return c < 0x80; }

enum class OfEmpty { kFalse, kTrue };

template <bool (*kPredicate)(char32_t), OfEmpty kOfEmpty = OfEmpty::kFalse>
absl::StatusOr<Value> All(const Value& receiver, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("str method", {}, 0, arguments).status());
  STRATA_RETURN_IF_ERROR(ScanReceiver(receiver, budget));
  const std::string& text = receiver.AsString();
  if (text.empty()) return Value::Bool(kOfEmpty == OfEmpty::kTrue);
  for (size_t i = 0; i < text.size();) {
    if (!kPredicate(DecodeUtf8(text, &i))) return Value::Bool(false);
  }
  return Value::Bool(true);
}

// islower / isupper: at least one cased code point, and none of the other case.
template <bool (*kWanted)(char32_t), bool (*kOther)(char32_t)>
absl::StatusOr<Value> AllCased(const Value& receiver, const Arguments& arguments, Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("str method", {}, 0, arguments).status());
  STRATA_RETURN_IF_ERROR(ScanReceiver(receiver, budget));
  const std::string& text = receiver.AsString();
  bool any = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = DecodeUtf8(text, &i);
    if (kOther(c) || IsTitle(c)) return Value::Bool(false);
    any = any || kWanted(c);
  }
  return Value::Bool(any);
}

absl::StatusOr<Value> IsTitleText(const Value& receiver, const Arguments& arguments,
                                  Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("istitle", {}, 0, arguments).status());
  STRATA_RETURN_IF_ERROR(ScanReceiver(receiver, budget));
  const std::string& text = receiver.AsString();
  bool any = false;
  bool inside_word = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = DecodeUtf8(text, &i);
    const bool upper = IsUpper(c) || IsTitle(c);
    if (upper ? inside_word : (IsLower(c) && !inside_word)) return Value::Bool(false);
    inside_word = upper || IsLower(c);
    any = any || inside_word;
  }
  return Value::Bool(any);
}

absl::StatusOr<Value> IsIdentifierText(const Value& receiver, const Arguments& arguments,
                                       Budget& budget) {
  STRATA_RETURN_IF_ERROR(BindArguments("isidentifier", {}, 0, arguments).status());
  STRATA_RETURN_IF_ERROR(ScanReceiver(receiver, budget));
  const std::string& text = receiver.AsString();
  if (text.empty()) return Value::Bool(false);
  size_t i = 0;
  if (!IsIdentifierStart(DecodeUtf8(text, &i))) return Value::Bool(false);
  while (i < text.size()) {
    if (!IsIdentifierPart(DecodeUtf8(text, &i))) return Value::Bool(false);
  }
  return Value::Bool(true);
}

// ---- stripping, padding ----

template <StripSide kSide>
absl::StatusOr<Value> StripText(const Value& receiver, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, BindArguments("strip", {"chars"}, 0, arguments));
  STRATA_RETURN_IF_ERROR(ScanReceiver(receiver, budget));
  const std::string& text = receiver.AsString();
  if (bound[0] == nullptr || bound[0]->is_none()) {
    return MakeString(std::string(Strip(text, kSide)), budget);
  }
  STRATA_ASSIGN_OR_RETURN(const absl::string_view chars, RequireString(*bound[0], "strip"));
  STRATA_RETURN_IF_ERROR(
      budget.Search(static_cast<int64_t>(text.size()), static_cast<int64_t>(chars.size())));
  return MakeString(std::string(StripCharacters(text, chars, kSide)), budget);
}

enum class Side { kLeft, kRight, kBoth };

absl::StatusOr<Value> Pad(const Value& receiver, const Arguments& arguments, Side text_side,
                          Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("justify", {"width", "fillchar"}, 1, arguments));
  STRATA_ASSIGN_OR_RETURN(const int64_t width, RequireInt(*bound[0], "width"));
  absl::string_view fill = " ";
  if (bound[1] != nullptr) {
    STRATA_ASSIGN_OR_RETURN(fill, RequireString(*bound[1], "fillchar"));
    if (CountCodePoints(fill) != 1) {
      return absl::InvalidArgumentError("the fill character must be exactly one character long");
    }
  }
  const int64_t length = CountCodePoints(receiver.AsString());
  if (width <= length) return receiver;
  const int64_t missing = width - length;
  int64_t left = 0;
  if (text_side == Side::kRight) left = missing;
  if (text_side == Side::kBoth) left = missing / 2 + (missing & width & 1);  // as CPython rounds
  BoundedText out(budget);
  out.AppendRepeated(fill, left);
  out.Append(receiver.AsString());
  out.AppendRepeated(fill, missing - left);
  STRATA_ASSIGN_OR_RETURN(std::string text, out.Finish());
  return Value::String(std::move(text));
}

absl::StatusOr<Value> Center(const Value& receiver, const Arguments& arguments, Budget& budget) {
  return Pad(receiver, arguments, Side::kBoth, budget);
}
absl::StatusOr<Value> LeftJustify(const Value& receiver, const Arguments& arguments,
                                  Budget& budget) {
  return Pad(receiver, arguments, Side::kLeft, budget);
}
absl::StatusOr<Value> RightJustify(const Value& receiver, const Arguments& arguments,
                                   Budget& budget) {
  return Pad(receiver, arguments, Side::kRight, budget);
}

absl::StatusOr<Value> ZeroFill(const Value& receiver, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, BindArguments("zfill", {"width"}, 1, arguments));
  STRATA_ASSIGN_OR_RETURN(const int64_t width, RequireInt(*bound[0], "zfill"));
  const absl::string_view text = receiver.AsString();
  const size_t sign = !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0;
  BoundedText out(budget);
  out.Append(text.substr(0, sign));
  if (width > CountCodePoints(text)) out.AppendRepeated("0", width - CountCodePoints(text));
  out.Append(text.substr(sign));
  STRATA_ASSIGN_OR_RETURN(std::string filled, out.Finish());
  return Value::String(std::move(filled));
}

absl::StatusOr<Value> RemovePrefix(const Value& receiver, const Arguments& arguments,
                                   Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("removeprefix", {"prefix"}, 1, arguments));
  STRATA_ASSIGN_OR_RETURN(const absl::string_view prefix, RequireString(*bound[0], "removeprefix"));
  absl::string_view text = receiver.AsString();
  if (text.substr(0, prefix.size()) == prefix) text.remove_prefix(prefix.size());
  return MakeString(std::string(text), budget);
}

absl::StatusOr<Value> RemoveSuffix(const Value& receiver, const Arguments& arguments,
                                   Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("removesuffix", {"suffix"}, 1, arguments));
  STRATA_ASSIGN_OR_RETURN(const absl::string_view suffix, RequireString(*bound[0], "removesuffix"));
  absl::string_view text = receiver.AsString();
  if (text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix) {
    text.remove_suffix(suffix.size());
  }
  return MakeString(std::string(text), budget);
}

absl::StatusOr<Value> ExpandTabs(const Value& receiver, const Arguments& arguments,
                                 Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, BindArguments("expandtabs", {"tabsize"}, 0, arguments));
  STRATA_ASSIGN_OR_RETURN(const int64_t tab_size, IntOr(bound[0], 8, "expandtabs"));
  STRATA_RETURN_IF_ERROR(ScanReceiver(receiver, budget));
  BoundedText out(budget);
  int64_t column = 0;
  const std::string& text = receiver.AsString();
  for (size_t i = 0; i < text.size() && out.ok();) {
    const char32_t c = DecodeUtf8(text, &i);
    if (c == '\t') {
      const int64_t spaces = tab_size > 0 ? tab_size - column % tab_size : 0;
      out.AppendRepeated(" ", spaces);
      column += spaces;
    } else {
      out.AppendCodePoint(c);
      column = c == '\n' || c == '\r' ? 0 : column + 1;
    }
  }
  STRATA_ASSIGN_OR_RETURN(std::string expanded, out.Finish());
  return Value::String(std::move(expanded));
}

// ---- searching ----

// The part of a text that `start` and `end` select, and where it begins.
struct Window {
  absl::string_view text;
  int64_t start = 0;  // in code points
  bool valid = true;  // false when start lies behind end: nothing is found, not even ""
};

absl::StatusOr<Window> WindowOf(const Value& receiver, const Value* start, const Value* end,
                                Budget& budget) {
  const absl::string_view text = receiver.AsString();
  STRATA_RETURN_IF_ERROR(ScanReceiver(receiver, budget));
  Window window{.text = text};
  if (start == nullptr && end == nullptr) return window;
  const int64_t length = CountCodePoints(text);
  STRATA_ASSIGN_OR_RETURN(int64_t first, IntOr(start, 0, "start"));
  STRATA_ASSIGN_OR_RETURN(int64_t last, IntOr(end, length, "end"));
  if (first < 0) first = std::max<int64_t>(0, first + length);
  if (last < 0) last = std::max<int64_t>(0, last + length);
  last = std::min(last, length);
  window.start = first;
  window.valid = first <= last;
  if (!window.valid) return window;
  window.text.remove_prefix(OffsetOfCodePoint(text, first));
  window.text = window.text.substr(0, OffsetOfCodePoint(window.text, last - first));
  return window;
}

enum class Affix { kPrefix, kSuffix };

bool HasAffix(absl::string_view text, absl::string_view affix, Affix where) {
  if (text.size() < affix.size()) return false;
  return where == Affix::kPrefix ? text.substr(0, affix.size()) == affix
                                 : text.substr(text.size() - affix.size()) == affix;
}

template <Affix kWhere>
absl::StatusOr<Value> TestAffix(const Value& receiver, const Arguments& arguments, Budget& budget) {
  const absl::string_view name = kWhere == Affix::kPrefix ? "startswith" : "endswith";
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments(name, {"affix", "start", "end"}, 1, arguments));
  STRATA_ASSIGN_OR_RETURN(const Window window, WindowOf(receiver, bound[1], bound[2], budget));
  std::vector<Value> affixes = {*bound[0]};
  if (bound[0]->is_sequence_of(SequenceKind::kTuple)) affixes = bound[0]->AsSequence()->items;
  for (const Value& affix : affixes) {
    STRATA_RETURN_IF_ERROR(budget.Step());
    STRATA_ASSIGN_OR_RETURN(const absl::string_view text, RequireString(affix, name));
    if (window.valid && HasAffix(window.text, text, kWhere)) return Value::Bool(true);
  }
  return Value::Bool(false);
}

enum class Direction { kForward, kBackward };
enum class IfMissing { kMinusOne, kError };

template <Direction kDirection, IfMissing kIfMissing>
absl::StatusOr<Value> Find(const Value& receiver, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("find", {"sub", "start", "end"}, 1, arguments));
  STRATA_ASSIGN_OR_RETURN(const absl::string_view needle, RequireString(*bound[0], "find"));
  STRATA_ASSIGN_OR_RETURN(const Window window, WindowOf(receiver, bound[1], bound[2], budget));
  STRATA_RETURN_IF_ERROR(
      budget.Search(static_cast<int64_t>(window.text.size()), static_cast<int64_t>(needle.size())));
  size_t at = absl::string_view::npos;
  if (window.valid) {
    at = kDirection == Direction::kForward ? window.text.find(needle) : window.text.rfind(needle);
  }
  if (at == absl::string_view::npos) {
    if (kIfMissing == IfMissing::kError) {
      return absl::InvalidArgumentError("substring not found");
    }
    return Value::Int(-1);
  }
  return Value::Int(window.start + CountCodePoints(window.text.substr(0, at)));
}

absl::StatusOr<Value> CountText(const Value& receiver, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("count", {"sub", "start", "end"}, 1, arguments));
  STRATA_ASSIGN_OR_RETURN(const absl::string_view needle, RequireString(*bound[0], "count"));
  STRATA_ASSIGN_OR_RETURN(const Window window, WindowOf(receiver, bound[1], bound[2], budget));
  STRATA_RETURN_IF_ERROR(
      budget.Search(static_cast<int64_t>(window.text.size()), static_cast<int64_t>(needle.size())));
  if (!window.valid) return Value::Int(0);
  if (needle.empty()) return Value::Int(CountCodePoints(window.text) + 1);
  int64_t count = 0;
  for (size_t at = window.text.find(needle); at != absl::string_view::npos;
       at = window.text.find(needle, at + needle.size())) {
    ++count;
  }
  return Value::Int(count);
}

// ---- splitting, joining, replacing ----

std::vector<absl::string_view> SplitAt(absl::string_view text, absl::string_view separator,
                                       int64_t max_splits, Direction direction) {
  std::vector<absl::string_view> pieces;
  while (max_splits < 0 || static_cast<int64_t>(pieces.size()) < max_splits) {
    const bool forward = direction == Direction::kForward;
    const size_t at = forward ? text.find(separator) : text.rfind(separator);
    if (at == absl::string_view::npos) break;
    if (forward) {
      pieces.push_back(text.substr(0, at));
      text.remove_prefix(at + separator.size());
    } else {
      pieces.push_back(text.substr(at + separator.size()));
      text = text.substr(0, at);
    }
  }
  pieces.push_back(text);
  if (direction == Direction::kBackward) std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

template <Direction kDirection>
absl::StatusOr<Value> Split(const Value& receiver, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("split", {"sep", "maxsplit"}, 0, arguments));
  STRATA_ASSIGN_OR_RETURN(const int64_t max_splits, IntOr(bound[1], -1, "maxsplit"));
  const absl::string_view text = receiver.AsString();
  STRATA_RETURN_IF_ERROR(ScanReceiver(receiver, budget));
  if (bound[0] == nullptr || bound[0]->is_none()) {
    return MakePieces(SequenceKind::kList,
                      kDirection == Direction::kForward ? SplitWords(text, max_splits)
                                                        : SplitWordsFromRight(text, max_splits),
                      budget);
  }
  STRATA_ASSIGN_OR_RETURN(const absl::string_view separator, RequireString(*bound[0], "split"));
  if (separator.empty()) return absl::InvalidArgumentError("empty separator");
  STRATA_RETURN_IF_ERROR(
      budget.Search(static_cast<int64_t>(text.size()), static_cast<int64_t>(separator.size())));
  return MakePieces(SequenceKind::kList, SplitAt(text, separator, max_splits, kDirection), budget);
}

template <Direction kDirection>
absl::StatusOr<Value> Partition(const Value& receiver, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, BindArguments("partition", {"sep"}, 1, arguments));
  STRATA_ASSIGN_OR_RETURN(const absl::string_view separator, RequireString(*bound[0], "partition"));
  if (separator.empty()) return absl::InvalidArgumentError("empty separator");
  const absl::string_view text = receiver.AsString();
  STRATA_RETURN_IF_ERROR(
      budget.Search(static_cast<int64_t>(text.size()), static_cast<int64_t>(separator.size())));
  const size_t at =
      kDirection == Direction::kForward ? text.find(separator) : text.rfind(separator);
  std::vector<absl::string_view> pieces;
  if (at != absl::string_view::npos) {
    pieces = {text.substr(0, at), separator, text.substr(at + separator.size())};
  } else if (kDirection == Direction::kForward) {
    pieces = {text, "", ""};
  } else {
    pieces = {"", "", text};
  }
  return MakePieces(SequenceKind::kTuple, pieces, budget);
}

absl::StatusOr<Value> SplitLinesMethod(const Value& receiver, const Arguments& arguments,
                                       Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("splitlines", {"keepends"}, 0, arguments));
  STRATA_RETURN_IF_ERROR(ScanReceiver(receiver, budget));
  const bool keep = bound[0] != nullptr && IsTrue(*bound[0]);
  return MakePieces(SequenceKind::kList,
                    SplitLines(receiver.AsString(), keep ? LineEnds::kKeep : LineEnds::kDrop),
                    budget);
}

absl::StatusOr<Value> JoinMethod(const Value& receiver, const Arguments& arguments,
                                 Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, BindArguments("join", {"iterable"}, 1, arguments));
  STRATA_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(*bound[0], budget));
  BoundedText out(budget);
  for (size_t i = 0; i < items.size() && out.ok(); ++i) {
    if (i > 0) out.Append(receiver.AsString());
    if (!items[i].is_string()) {
      return absl::InvalidArgumentError(
          absl::StrCat("sequence item ", i, ": expected str, ", items[i].type_name(), " found"));
    }
    out.Append(items[i].AsString());
  }
  STRATA_ASSIGN_OR_RETURN(std::string joined, out.Finish());
  return Value::String(std::move(joined));
}

absl::StatusOr<Value> Replace(const Value& receiver, const Arguments& arguments, Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          BindArguments("replace", {"old", "new", "count"}, 2, arguments));
  STRATA_ASSIGN_OR_RETURN(const absl::string_view from, RequireString(*bound[0], "replace"));
  STRATA_ASSIGN_OR_RETURN(const absl::string_view to, RequireString(*bound[1], "replace"));
  STRATA_ASSIGN_OR_RETURN(const int64_t count, IntOr(bound[2], -1, "count"));
  absl::string_view text = receiver.AsString();
  STRATA_RETURN_IF_ERROR(
      budget.Search(static_cast<int64_t>(text.size()), static_cast<int64_t>(from.size())));
  BoundedText out(budget);
  int64_t num_replaced = 0;
  const auto may_replace = [&] { return (count < 0 || num_replaced < count) && out.ok(); };
  if (from.empty()) {  // before every code point and at the end
    STRATA_RETURN_IF_ERROR(budget.Step(static_cast<int64_t>(text.size())));
    size_t position = 0;
    while (may_replace()) {
      out.Append(to);
      ++num_replaced;
      if (position >= text.size()) break;
      const size_t start = position;
      DecodeUtf8(text, &position);
      out.Append(text.substr(start, position - start));
    }
    out.Append(text.substr(position));
  } else {
    while (may_replace()) {
      const size_t at = text.find(from);
      if (at == absl::string_view::npos) break;
      out.Append(text.substr(0, at));
      out.Append(to);
      text.remove_prefix(at + from.size());
      ++num_replaced;
    }
    out.Append(text);
  }
  STRATA_ASSIGN_OR_RETURN(std::string replaced, out.Finish());
  return Value::String(std::move(replaced));
}

absl::StatusOr<Value> FormatMethod(const Value& receiver, const Arguments& arguments,
                                   Budget& budget) {
  STRATA_ASSIGN_OR_RETURN(std::string text, FormatBraces(receiver.AsString(), arguments, budget));
  return Value::String(std::move(text));
}

absl::StatusOr<Value> NotImplemented(const Value&, const Arguments&, Budget&) {
  return absl::UnimplementedError("this str method is not supported in templates");
}

constexpr MethodEntry kStringMethods[] = {
    {"capitalize", ChangeCase<Capitalize>},
    {"casefold", ChangeCase<ToLower>},
    {"center", Center},
    {"count", CountText},
    {"encode", NotImplemented},
    {"endswith", TestAffix<Affix::kSuffix>},
    {"expandtabs", ExpandTabs},
    {"find", Find<Direction::kForward, IfMissing::kMinusOne>},
    {"format", FormatMethod},
    {"format_map", NotImplemented},
    {"index", Find<Direction::kForward, IfMissing::kError>},
    {"isalnum", All<IsAlnum>},
    {"isalpha", All<IsAlpha>},
    {"isascii", All<IsAscii, OfEmpty::kTrue>},
    {"isdecimal", All<IsDecimal>},
    {"isdigit", All<IsDecimal>},
    {"isidentifier", IsIdentifierText},
    {"islower", AllCased<IsLower, IsUpper>},
    {"isnumeric", All<IsNumeric>},
    {"isprintable", All<IsPrintable, OfEmpty::kTrue>},
    {"isspace", All<IsSpace>},
    {"istitle", IsTitleText},
    {"isupper", AllCased<IsUpper, IsLower>},
    {"join", JoinMethod},
    {"ljust", LeftJustify},
    {"lower", ChangeCase<ToLower>},
    {"lstrip", StripText<StripSide::kLeft>},
    {"maketrans", NotImplemented},
    {"partition", Partition<Direction::kForward>},
    {"removeprefix", RemovePrefix},
    {"removesuffix", RemoveSuffix},
    {"replace", Replace},
    {"rfind", Find<Direction::kBackward, IfMissing::kMinusOne>},
    {"rindex", Find<Direction::kBackward, IfMissing::kError>},
    {"rjust", RightJustify},
    {"rpartition", Partition<Direction::kBackward>},
    {"rsplit", Split<Direction::kBackward>},
    {"rstrip", StripText<StripSide::kRight>},
    {"split", Split<Direction::kForward>},
    {"splitlines", SplitLinesMethod},
    {"startswith", TestAffix<Affix::kPrefix>},
    {"strip", StripText<StripSide::kBoth>},
    {"swapcase", ChangeCase<SwapCase>},
    {"title", ChangeCase<TitleCase>},
    {"translate", NotImplemented},
    {"upper", ChangeCase<ToUpper>},
    {"zfill", ZeroFill},
};

}  // namespace

const MethodEntry* FindStringMethod(absl::string_view name) {
  return FindMethodEntry(kStringMethods, name);
}

}  // namespace strata::jinja
