// Rewrites Oniguruma's Ruby syntax (github.com/kkos/oniguruma, doc/RE) for PCRE2 (pcre2pattern).

#include "models/text/regex_syntax.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

class Translator {
 public:
  Translator(absl::string_view pattern, absl::string_view origin,
             bool (*is_script)(absl::string_view))
      : pattern_(pattern), origin_(origin), is_script_(is_script) {}

  absl::StatusOr<std::string> Run() {
    while (!AtEnd()) {
      const char c = pattern_[at_];
      if (c == '\\') {
        STRATA_RETURN_IF_ERROR(Escape(/*in_class=*/false));
      } else if (c == '[') {
        STRATA_RETURN_IF_ERROR(Class());
      } else if (c == '(') {
        STRATA_RETURN_IF_ERROR(Group());
      } else if (c == '{') {
        STRATA_RETURN_IF_ERROR(Brace());
      } else {
        Copy(1);
      }
    }
    return std::move(out_);
  }

 private:
  bool AtEnd() const { return at_ >= pattern_.size(); }
  absl::string_view Rest() const { return pattern_.substr(at_); }
  bool Next(absl::string_view text) const { return Rest().substr(0, text.size()) == text; }
  void Copy(size_t count) {
    const absl::string_view part = pattern_.substr(at_, count);
    out_.append(part.data(), part.size());
    at_ += part.size();
  }
  void Replace(size_t count, absl::string_view text) {
    out_.append(text.data(), text.size());
    at_ += count;
  }
  absl::Status Unsupported(absl::string_view what) const {
    return absl::UnimplementedError(
        absl::StrCat(origin_, ": regular expression '", pattern_, "': ", what, " at byte ", at_));
  }

  absl::Status Escape(bool in_class) {
    if (at_ + 1 >= pattern_.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(origin_, ": regular expression '", pattern_, "' ends with a backslash"));
    }
    const char c = pattern_[at_ + 1];
    switch (c) {
      case 's':  // PCRE2's \s also takes U+180E
        Replace(2, "\\p{White_Space}");
        return absl::OkStatus();
      case 'S':
        Replace(2, "\\P{White_Space}");
        return absl::OkStatus();
      case 'w':  // PCRE2's \w lacks marks and connectors before 10.43
        Replace(2, in_class ? "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"
                            : "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]");
        return absl::OkStatus();
      case 'W':
        if (in_class) return Unsupported("\\W inside a class");
        Replace(2, "[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]");
        return absl::OkStatus();
      case 'h':  // a hexadecimal digit in Ruby, horizontal space in PCRE2
        Replace(2, in_class ? "0-9a-fA-F" : "[0-9a-fA-F]");
        return absl::OkStatus();
      case 'v':  // a vertical tab in Ruby, any vertical space in PCRE2
        Replace(2, "\\x{0b}");
        return absl::OkStatus();
      case 'u': {
        const absl::string_view digits = pattern_.substr(at_ + 2, 4);
        if (digits.size() != 4 || !absl::ascii_isxdigit(digits[0]) ||
            !absl::ascii_isxdigit(digits[1]) || !absl::ascii_isxdigit(digits[2]) ||
            !absl::ascii_isxdigit(digits[3])) {
          return Unsupported("\\u without four hexadecimal digits");
        }
        Replace(6, absl::StrCat("\\x{", digits, "}"));
        return absl::OkStatus();
      }
      case 'H':
      case 'R':
      case 'X':
      case 'K':
      case 'Q':
      case 'E':
      case 'G':
      case 'g':
      case 'k':
      case 'c':
      case 'C':
      case 'M':
      case 'N':
      case 'O':
      case 'y':
      case 'Y':
        return Unsupported(absl::StrCat("escape \\", absl::string_view(&c, 1)));
      case 'p':
      case 'P':
        return Property();
      default:
        Copy(2);
        return absl::OkStatus();
    }
  }

  absl::Status Class() {
    Copy(1);
    if (Next("^")) Copy(1);
    if (Next("]")) Copy(1);  // a literal bracket in both
    while (!AtEnd()) {
      if (Next("]")) {
        Copy(1);
        return absl::OkStatus();
      }
      if (Next("\\")) {
        STRATA_RETURN_IF_ERROR(Escape(/*in_class=*/true));
      } else if (Next("[:")) {
        STRATA_RETURN_IF_ERROR(PosixClass());
      } else if (Next("[")) {
        return Unsupported("nested class");
      } else if (Next("&&")) {
        return Unsupported("class intersection");
      } else {
        Copy(1);
      }
    }
    return absl::OkStatus();  // unterminated: the compiler says so
  }

  // [:alpha:] and its like, which PCRE2 reads by general category.
  absl::Status PosixClass() {
    constexpr std::pair<absl::string_view, absl::string_view> kClasses[] = {
        {"[:alpha:]", "\\p{Alphabetic}"}, {"[:alnum:]", "\\p{Alphabetic}\\p{Nd}"},
        {"[:digit:]", "\\p{Nd}"},         {"[:space:]", "\\p{White_Space}"},
        {"[:upper:]", "\\p{Uppercase}"},  {"[:lower:]", "\\p{Lowercase}"},
        {"[:xdigit:]", "0-9a-fA-F"},
    };
    for (const auto& [name, properties] : kClasses) {
      if (!Next(name)) continue;
      Replace(name.size(), properties);
      return absl::OkStatus();
    }
    return Unsupported("class");
  }

  // \p{Han} means characters of that script; PCRE2 would add those that other scripts share with it
  // (Script_Extensions) unless told.
  absl::Status Property() {
    const size_t close = pattern_.find('}', at_);
    if (pattern_.substr(at_ + 2, 1) != "{" || close == absl::string_view::npos) {
      return Unsupported("property without braces");
    }
    absl::string_view name = pattern_.substr(at_ + 3, close - at_ - 3);
    const bool negated = !name.empty() && name[0] == '^';
    if (negated) name.remove_prefix(1);
    const absl::string_view kind = is_script_(name) ? "sc:" : "";
    Replace(close + 1 - at_,
            absl::StrCat(pattern_.substr(at_, 3), negated ? "^" : "", kind, name, "}"));
    return absl::OkStatus();
  }

  absl::Status Group() {
    if (Next("(*")) return Unsupported("callout");
    if (!Next("(?")) {
      Copy(1);
      return absl::OkStatus();
    }
    for (const absl::string_view prefix : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?#"}) {
      if (Next(prefix)) {
        Copy(prefix.size());
        return absl::OkStatus();
      }
    }
    if (Next("(?<")) {  // a name; names are not referred to
      Copy(3);
      return absl::OkStatus();
    }
    // Options: Ruby's m is "dot matches newline", PCRE2's s.
    const bool at_beginning = at_ == 0;
    Copy(2);
    while (!AtEnd()) {
      const char c = pattern_[at_];
      // A later (?i) governs the alternatives that follow, in Ruby as if they were one group.
      if (c == ')' && !at_beginning) return Unsupported("options without a group");
      if (c == ':' || c == ')') {
        Copy(1);
        return absl::OkStatus();
      }
      if (c == 'm') {
        Replace(1, "s");
      } else if (c == 'i' || c == 'x' || c == '-') {
        Copy(1);
      } else {
        return Unsupported("group");
      }
    }
    return absl::OkStatus();
  }

  absl::Status Brace() {
    size_t end = at_ + 1;
    const auto skip_digits = [&] {
      const size_t begin = end;
      while (end < pattern_.size() && absl::ascii_isdigit(pattern_[end])) ++end;
      return end - begin;
    };
    const size_t low = skip_digits();
    size_t high = 0;
    bool comma = false;
    if (end < pattern_.size() && pattern_[end] == ',') {
      comma = true;
      ++end;
      high = skip_digits();
    }
    const bool interval =
        end < pattern_.size() && pattern_[end] == '}' && (low > 0 || (comma && high > 0));
    if (interval) {
      if (low == 0) return Unsupported("interval without a lower bound");
      if (end + 1 < pattern_.size() && pattern_[end + 1] == '+') {
        return Unsupported("repeated interval");  // possessive in PCRE2
      }
    }
    Copy(1);
    return absl::OkStatus();
  }

  const absl::string_view pattern_;
  const absl::string_view origin_;
  bool (*const is_script_)(absl::string_view name);
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

absl::StatusOr<std::string> OnigurumaToPcre2(absl::string_view pattern, absl::string_view origin,
                                             bool (*is_script)(absl::string_view name)) {
  return Translator(pattern, origin, is_script).Run();
}

}  // namespace strata
