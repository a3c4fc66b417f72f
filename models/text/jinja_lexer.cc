#include "models/text/jinja_lexer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/jinja_text.h"

namespace strata::jinja {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int DigitOf(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}

// \r\n and \r become \n; one line break at the end goes.
std::string NormalizeLineBreaks(absl::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out.push_back(source[i]);
      continue;
    }
    out.push_back('\n');
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  Lexer(absl::string_view source, absl::string_view origin) : source_(source), origin_(origin) {}

  absl::StatusOr<std::vector<Token>> Run() {
    while (position_ < source_.size()) STRATA_RETURN_IF_ERROR(LexOutside());
    Push(TokenType::kEnd, "");
    return std::move(tokens_);
  }

 private:
  char At(size_t position) const { return position < source_.size() ? source_[position] : '\0'; }
  bool LooksAt(size_t position, absl::string_view text) const {
    return position <= source_.size() && source_.substr(position, text.size()) == text;
  }
  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(origin_, ":", line_, ": ", what));
  }
  void Push(TokenType type, std::string text) {
    tokens_.push_back({.type = type, .line = line_, .text = std::move(text)});
  }
  // Moves to `end`, counting lines.
  void AdvanceTo(size_t end) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<int64_t>(position_),
                                         source_.begin() + static_cast<int64_t>(end), '\n'));
    position_ = end;
  }
  size_t BehindSpace(size_t position) const {
    return source_.size() - Strip(source_.substr(position), StripSide::kLeft).size();
  }

  // Text up to the next tag, and the tag's beginning; comments and raw blocks whole.
  absl::Status LexOutside() {
    size_t tag = position_;
    for (;; ++tag) {
      tag = source_.find('{', tag);
      if (tag == absl::string_view::npos || tag + 1 >= source_.size()) {
        Push(TokenType::kData, std::string(source_.substr(position_)));
        AdvanceTo(source_.size());
        return absl::OkStatus();
      }
      if (source_[tag + 1] == '{' || source_[tag + 1] == '%' || source_[tag + 1] == '#') break;
    }
    const char kind = source_[tag + 1];
    size_t behind = tag + 2;
    const char sign = At(behind) == '-' || At(behind) == '+' ? source_[behind++] : '\0';
    PushData(source_.substr(position_, tag - position_), sign,
             kind == '{' ? TagKind::kVariable : TagKind::kBlock);
    AdvanceTo(behind);
    if (kind == '#') return SkipComment();
    if (kind == '{') {
      Push(TokenType::kVariableBegin, "");
      return LexInside(TokenType::kVariableEnd);
    }
    const size_t raw_body = BehindRawBegin(behind);
    if (raw_body != absl::string_view::npos) {
      AdvanceTo(raw_body);
      return LexRaw();
    }
    Push(TokenType::kBlockBegin, "");
    return LexInside(TokenType::kBlockEnd);
  }

  enum class TagKind { kVariable, kBlock };

  // Pushes the text before a tag, stripped as the tag's sign and lstrip_blocks say.
  void PushData(absl::string_view data, char sign, TagKind tag) {
    if (sign == '-') {
      data = Strip(data, StripSide::kRight);
    } else if (sign != '+' && tag != TagKind::kVariable) {
      const size_t line_break = data.rfind('\n');
      const size_t line_start = line_break == absl::string_view::npos ? 0 : line_break + 1;
      const bool starts_line = position_ == 0 || source_[position_ - 1] == '\n';
      if ((line_start > 0 || starts_line) &&
          Strip(data.substr(line_start), StripSide::kLeft).empty()) {
        data = data.substr(0, line_start);
      }
    }
    if (!data.empty()) Push(TokenType::kData, std::string(data));
  }

  // If a block tag or comment ends here with `close` ("%}" or "#}"), the position behind it and
  // what its sign and trim_blocks take; else npos.
  size_t BehindBlockEnd(size_t position, absl::string_view close) const {
    const char sign = At(position);
    if ((sign == '-' || sign == '+') && LooksAt(position + 1, close)) {
      const size_t behind = position + 1 + close.size();
      return sign == '-' ? BehindSpace(behind) : behind;
    }
    if (!LooksAt(position, close)) return absl::string_view::npos;
    const size_t behind = position + close.size();
    return At(behind) == '\n' ? behind + 1 : behind;
  }

  absl::Status SkipComment() {
    const size_t close = source_.find("#}", position_);
    if (close == absl::string_view::npos) return Error("Missing end of comment tag");
    const bool has_sign =
        close > position_ && (source_[close - 1] == '-' || source_[close - 1] == '+');
    AdvanceTo(BehindBlockEnd(has_sign ? close - 1 : close, "#}"));
    return absl::OkStatus();
  }

  // Behind `raw %}` if that is what stands at `position`.
  size_t BehindRawBegin(size_t position) const {
    size_t behind = BehindSpace(position);
    if (!LooksAt(behind, "raw")) return absl::string_view::npos;
    behind = BehindSpace(behind + 3);
    if (LooksAt(behind, "-%}")) return BehindSpace(behind + 3);
    return LooksAt(behind, "%}") ? behind + 2 : absl::string_view::npos;
  }

  absl::Status LexRaw() {
    for (size_t tag = source_.find("{%", position_); tag != absl::string_view::npos;
         tag = source_.find("{%", tag + 2)) {
      size_t inside = tag + 2;
      const char sign = At(inside) == '-' || At(inside) == '+' ? source_[inside++] : '\0';
      inside = BehindSpace(inside);
      if (!LooksAt(inside, "endraw")) continue;
      const size_t behind = BehindBlockEnd(BehindSpace(inside + 6), "%}");
      if (behind == absl::string_view::npos) continue;
      PushData(source_.substr(position_, tag - position_), sign, TagKind::kBlock);
      AdvanceTo(behind);
      return absl::OkStatus();
    }
    return Error("Missing end of raw directive");
  }

  // Tokens of a tag, up to its end.
  absl::Status LexInside(TokenType end_type) {
    std::string closing;  // brackets that must come before the tag can end, innermost last
    while (true) {
      if (position_ >= source_.size()) return Error("unexpected end of template inside a tag");
      if (closing.empty()) {
        const size_t behind = BehindTagEnd(end_type);
        if (behind != absl::string_view::npos) {
          Push(end_type, "");
          AdvanceTo(behind);
          return absl::OkStatus();
        }
      }
      const size_t behind_space = BehindSpace(position_);
      if (behind_space > position_) {
        AdvanceTo(behind_space);
        continue;
      }
      const char c = source_[position_];
      size_t next = position_;
      const char32_t code_point = DecodeUtf8(source_, &next);
      if (IsDigit(c)) {
        STRATA_RETURN_IF_ERROR(LexNumber());
      } else if (IsIdentifierStart(code_point)) {
        LexName();
      } else if (c == '"' || c == '\'') {
        STRATA_RETURN_IF_ERROR(LexString(c));
      } else {
        STRATA_RETURN_IF_ERROR(LexOperator(closing));
      }
    }
  }

  size_t BehindTagEnd(TokenType end_type) const {
    if (end_type == TokenType::kBlockEnd) return BehindBlockEnd(position_, "%}");
    if (LooksAt(position_, "-}}")) return BehindSpace(position_ + 3);
    return LooksAt(position_, "}}") ? position_ + 2 : absl::string_view::npos;
  }

  void LexName() {
    size_t end = position_;
    while (end < source_.size()) {
      size_t next = end;
      if (!IsIdentifierPart(DecodeUtf8(source_, &next))) break;
      end = next;
    }
    Push(TokenType::kName, std::string(source_.substr(position_, end - position_)));
    position_ = end;
  }

  // End of digits of `base` at `position`, single underscores between them included.
  size_t BehindDigits(size_t position, int base) const {
    while (DigitOf(At(position)) < base ||
           (At(position) == '_' && DigitOf(At(position + 1)) < base)) {
      ++position;
    }
    return position;
  }

  absl::Status LexNumber() {
    const size_t start = position_;
    const bool after_dot = start > 0 && source_[start - 1] == '.';
    int base = 10;
    if (source_[start] == '0') {
      const char mark = At(start + 1);
      const int marked_base = mark == 'x' || mark == 'X'   ? 16
                              : mark == 'o' || mark == 'O' ? 8
                              : mark == 'b' || mark == 'B' ? 2
                                                           : 10;
      if (marked_base != 10 && DigitOf(At(start + 2)) < marked_base) base = marked_base;
    }
    size_t end = BehindDigits(base == 10 ? start : start + 2, base);
    bool is_float = false;
    if (base == 10 && !after_dot) {
      if (At(end) == '.' && IsDigit(At(end + 1))) {
        is_float = true;
        end = BehindDigits(end + 1, 10);
      }
      if (At(end) == 'e' || At(end) == 'E') {
        const size_t sign = At(end + 1) == '+' || At(end + 1) == '-' ? 1 : 0;
        if (IsDigit(At(end + 1 + sign))) {
          is_float = true;
          end = BehindDigits(end + 1 + sign, 10);
        }
      }
    }
    std::string digits(source_.substr(start, end - start));
    digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
    if (base != 10) digits.erase(0, 2);
    Token token{.type = is_float ? TokenType::kFloat : TokenType::kInt, .line = line_};
    const char* last = digits.data() + digits.size();
    const std::errc error = is_float
                                ? std::from_chars(digits.data(), last, token.float_value).ec
                                : std::from_chars(digits.data(), last, token.int_value, base).ec;
    if (error != std::errc()) return Error(absl::StrCat("number ", digits, " is out of range"));
    tokens_.push_back(std::move(token));
    position_ = end;
    return absl::OkStatus();
  }

  absl::Status LexString(char quote) {
    size_t end = position_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) return Error("a string has no end");
    std::string decoded;
    STRATA_RETURN_IF_ERROR(
        DecodeEscapes(source_.substr(position_ + 1, end - position_ - 1), &decoded));
    Push(TokenType::kString, std::move(decoded));
    AdvanceTo(end + 1);
    return absl::OkStatus();
  }

  // Python's escapes; an unknown one stays as it is.
  absl::Status DecodeEscapes(absl::string_view body, std::string* out) const {
    for (size_t i = 0; i < body.size();) {
      if (body[i] != '\\') {
        out->push_back(body[i++]);
        continue;
      }
      const char c = body[i + 1];  // there is one: LexString stops only behind an escaped byte
      i += 2;
      switch (c) {
        case '\n':
          break;
        case '\\':
        case '\'':
        case '"':
          out->push_back(c);
          break;
        case 'a':
          out->push_back('\a');
          break;
        case 'b':
          out->push_back('\b');
          break;
        case 'f':
          out->push_back('\f');
          break;
        case 'n':
          out->push_back('\n');
          break;
        case 'r':
          out->push_back('\r');
          break;
        case 't':
          out->push_back('\t');
          break;
        case 'v':
          out->push_back('\v');
          break;
        case 'x':
          STRATA_RETURN_IF_ERROR(DecodeDigits(body, 2, 2, 16, &i, out));
          break;
        case 'u':
          STRATA_RETURN_IF_ERROR(DecodeDigits(body, 4, 4, 16, &i, out));
          break;
        case 'U':
          STRATA_RETURN_IF_ERROR(DecodeDigits(body, 8, 8, 16, &i, out));
          break;
        case 'N':
          return absl::UnimplementedError(
              absl::StrCat(origin_, ":", line_, ": \\N{...} escapes are not supported"));
        default:
          if (c >= '0' && c <= '7') {
            --i;
            STRATA_RETURN_IF_ERROR(DecodeDigits(body, 1, 3, 8, &i, out));
          } else {
            out->push_back('\\');
            out->push_back(c);
          }
      }
    }
    return absl::OkStatus();
  }

  absl::Status DecodeDigits(absl::string_view body, int min_digits, int max_digits, int base,
                            size_t* i, std::string* out) const {
    uint32_t code_point = 0;
    int num_digits = 0;
    while (num_digits < max_digits && *i < body.size() && DigitOf(body[*i]) < base) {
      code_point =
          code_point * static_cast<uint32_t>(base) + static_cast<uint32_t>(DigitOf(body[(*i)++]));
      ++num_digits;
    }
    if (num_digits < min_digits) return Error("a string has a truncated escape");
    if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point < 0xE000)) {
      return Error("a string escape is no Unicode character");
    }
    AppendUtf8(code_point, out);
    return absl::OkStatus();
  }

  absl::Status LexOperator(std::string& closing) {
    static constexpr absl::string_view kTwoBytes[] = {"//", "**", "==", "!=", ">=", "<="};
    static constexpr absl::string_view kOneByte = "+-/*%~[](){}><=.:|,;";
    for (absl::string_view op : kTwoBytes) {
      if (!LooksAt(position_, op)) continue;
      Push(TokenType::kOperator, std::string(op));
      position_ += op.size();
      return absl::OkStatus();
    }
    const char c = source_[position_];
    if (kOneByte.find(c) == absl::string_view::npos) {
      return Error(absl::StrCat("unexpected char ",
                                StringRepr(source_.substr(position_, LengthAt(position_)))));
    }
    if (c == '(') closing.push_back(')');
    if (c == '[') closing.push_back(']');
    if (c == '{') closing.push_back('}');
    if (c == ')' || c == ']' || c == '}') {
      if (closing.empty()) return Error(absl::StrCat("unexpected '", std::string(1, c), "'"));
      if (closing.back() != c) {
        return Error(absl::StrCat("unexpected '", std::string(1, c), "', expected '",
                                  closing.substr(closing.size() - 1), "'"));
      }
      closing.pop_back();
    }
    Push(TokenType::kOperator, std::string(1, c));
    ++position_;
    return absl::OkStatus();
  }

  size_t LengthAt(size_t position) const {
    size_t next = position;
    DecodeUtf8(source_, &next);
    return next - position;
  }

  const absl::string_view source_;
  const absl::string_view origin_;
  size_t position_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view source, absl::string_view origin) {
  if (!IsValidUtf8(source)) {
    return absl::InvalidArgumentError(absl::StrCat(origin, ": the template is not valid UTF-8"));
  }
  const std::string normalized = NormalizeLineBreaks(source);
  return Lexer(normalized, origin).Run();
}

}  // namespace strata::jinja
