// The values a template computes with: Python's, as far as Jinja shows them.
//
// A Value is a small copyable handle. Text, sequences and dicts are shared and immutable once they
// are in a Value (the sandbox of Hugging Face forbids templates to change them); only namespaces
// and generators have state. Sequences and dicts know how deep they nest, so recursion over a value
// is bounded. Values belong to one rendering and one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/text/jinja_budget.h"

namespace strata::jinja {

class Dict;
class Object;
struct Sequence;

enum class Kind { kUndefined, kNone, kBool, kInt, kFloat, kString, kSequence, kDict, kObject };

// What Python would call the sequence. Views are what dict.keys() and its sisters return; a
// generator can be walked once, is always true and has no length.
enum class SequenceKind { kList, kTuple, kRange, kKeys, kValues, kItems, kGenerator };

// A value of a template.
class Value {
 public:
  Value() : data_(None{}) {}
  static Value Bool(bool value) { return Value(Data(value)); }
  static Value Int(int64_t value) { return Value(Data(value)); }
  static Value Float(double value) { return Value(Data(value)); }
  static Value String(std::string value) {
    return Value(Data(std::make_shared<const std::string>(std::move(value))));
  }
  // The value of a name that has none; `message` says which, for the error when it is used.
  static Value Undefined(std::string message) {
    return Value(Data(UndefinedData{std::make_shared<const std::string>(std::move(message))}));
  }
  static Value FromObject(std::shared_ptr<Object> object) { return Value(Data(std::move(object))); }

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is_undefined() const { return kind() == Kind::kUndefined; }
  bool is_none() const { return kind() == Kind::kNone; }
  bool is_bool() const { return kind() == Kind::kBool; }
  bool is_int() const { return kind() == Kind::kInt; }
  bool is_float() const { return kind() == Kind::kFloat; }
  bool is_string() const { return kind() == Kind::kString; }
  bool is_sequence() const { return kind() == Kind::kSequence; }
  bool is_dict() const { return kind() == Kind::kDict; }
  bool is_object() const { return kind() == Kind::kObject; }
  // A list or tuple, by name.
  bool is_sequence_of(SequenceKind kind) const;
  // An int or a bool, which Python counts as one.
  bool is_integral() const { return is_int() || is_bool(); }
  bool is_number() const { return is_integral() || is_float(); }

  // The payload; the kind must match (AsInt also takes a bool, AsDouble any number).
  bool AsBool() const { return std::get<bool>(data_); }
  int64_t AsInt() const { return is_bool() ? (AsBool() ? 1 : 0) : std::get<int64_t>(data_); }
  double AsDouble() const {
    return is_float() ? std::get<double>(data_) : static_cast<double>(AsInt());
  }
  const std::string& AsString() const {
    return *std::get<std::shared_ptr<const std::string>>(data_);
  }
  const std::string& AsUndefinedMessage() const { return *std::get<UndefinedData>(data_).message; }
  const std::shared_ptr<Sequence>& AsSequence() const {
    return std::get<std::shared_ptr<Sequence>>(data_);
  }
  const std::shared_ptr<const Dict>& AsDict() const {
    return std::get<std::shared_ptr<const Dict>>(data_);
  }
  const std::shared_ptr<Object>& AsObject() const {
    return std::get<std::shared_ptr<Object>>(data_);
  }

  // Python's name of the type, for messages: "str", "dict", "NoneType", ...
  absl::string_view type_name() const;
  // Levels of lists and dicts: 0 for a scalar.
  int depth() const;
  // True if both are the same object, as Python's `is` sees it.
  bool IsSame(const Value& other) const;

 private:
  friend absl::StatusOr<Value> MakeSequence(SequenceKind kind, std::vector<Value> items,
                                            Budget& budget);
  friend absl::StatusOr<Value> MakeDict(Dict dict, Budget& budget);

  struct UndefinedData {
    std::shared_ptr<const std::string> message;
  };
  struct None {};
  // In the order of Kind.
  using Data =
      std::variant<UndefinedData, None, bool, int64_t, double, std::shared_ptr<const std::string>,
                   std::shared_ptr<Sequence>, std::shared_ptr<const Dict>, std::shared_ptr<Object>>;
  explicit Value(Data data) : data_(std::move(data)) {}

  Data data_;
};

struct Sequence {
  SequenceKind kind = SequenceKind::kList;
  int depth = 1;
  std::vector<Value> items;
  size_t num_consumed = 0;  // of a generator: the items it has given out
};

// An insertion-ordered dict. Keys are found by their hash text (see HashText), under which 1, 1.0
// and true are one key, as in Python.
class Dict {
 public:
  struct Entry {
    std::string hash_text;
    Value key;
    Value value;
  };

  // The value of a key; null if there is none.
  const Value* Find(absl::string_view hash_text) const;
  const Value* FindString(absl::string_view key) const;
  // Adds or replaces; a replaced entry keeps its place and its key.
  void Set(std::string hash_text, Value key, Value value);
  void SetString(absl::string_view key, Value value);

  const std::vector<Entry>& entries() const { return entries_; }
  int depth() const { return depth_; }

 private:
  int IndexOf(absl::string_view hash_text) const;

  std::vector<Entry> entries_;
  absl::flat_hash_map<std::string, int> index_;  // used once there are many entries
  int depth_ = 1;
};

// Arguments of a call, as written.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keyword;

  const Value* FindKeyword(absl::string_view name) const;
};

// Arguments bound to parameter names; absent ones are null. `required` counts the leading
// parameters that must be present. InvalidArgument as Python's TypeError: unknown name, too many,
// given twice, missing. The pointers live as long as `arguments`.
absl::StatusOr<std::vector<const Value*>> BindArguments(
    absl::string_view function, std::initializer_list<absl::string_view> names, size_t required,
    const Arguments& arguments);

// What a template can hold that is no data: macros, methods, namespaces, `loop`.
class Object {
 public:
  virtual ~Object() = default;
  virtual absl::string_view type_name() const = 0;
  // What Python's repr shows.
  virtual void AppendRepr(BoundedText& out) const = 0;
  virtual bool callable() const { return false; }
  virtual absl::StatusOr<Value> Call(const Arguments& arguments, Budget& budget);
  // The attribute `name`, if there is one.
  virtual std::optional<Value> GetAttribute(absl::string_view name);
  // Levels of values held for good, as Value::depth counts them. What can change later is not
  // counted; its owner keeps it in a list and calls ReleaseReferences at the end of a rendering.
  virtual int depth() const { return 0; }
  virtual void ReleaseReferences() {}
};

// The object of `namespace(...)`: the only thing whose attributes a template can set.
class Namespace : public Object {
 public:
  absl::string_view type_name() const override { return "Namespace"; }
  void AppendRepr(BoundedText& out) const override;
  std::optional<Value> GetAttribute(absl::string_view name) override;

  void Set(absl::string_view name, Value value) { attributes_.SetString(name, std::move(value)); }
  const Dict& attributes() const { return attributes_; }
  void ReleaseReferences() override { attributes_ = Dict(); }

 private:
  Dict attributes_;
};

// Factories that charge the budget and refuse nesting beyond kMaxValueDepth.
absl::StatusOr<Value> MakeString(std::string text, Budget& budget);
absl::StatusOr<Value> MakeSequence(SequenceKind kind, std::vector<Value> items, Budget& budget);
absl::StatusOr<Value> MakeDict(Dict dict, Budget& budget);

// The text under which a dict or set finds `key`. InvalidArgument for unhashable types (list,
// dict).
absl::StatusOr<std::string> HashText(const Value& key, Budget& budget);

}  // namespace strata::jinja
