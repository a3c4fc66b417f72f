#include "models/text/jinja_date.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernels/base/status.h"

namespace strata::jinja {
namespace {

constexpr absl::string_view kMonths[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
constexpr absl::string_view kWeekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                           "Friday", "Saturday", "Sunday"};

// Which padding a directive asks for: %d pads with its own character, %-d not at all.
enum class Padding { kOwn, kNone };

std::string Number(int64_t number, int width, char fill, Padding padding) {
  if (padding == Padding::kNone) return absl::StrCat(number);
  return fill == '0' ? absl::StrFormat("%0*d", width, number)
                     : absl::StrFormat("%*d", width, number);
}

absl::StatusOr<std::string> Directive(char directive, Padding padding, absl::CivilSecond time) {
  const auto weekday = static_cast<size_t>(absl::GetWeekday(time));  // Monday is 0
  const int hour12 = time.hour() % 12 == 0 ? 12 : time.hour() % 12;
  switch (directive) {
    case 'Y':
      return absl::StrCat(time.year());
    case 'y':
      return Number(time.year() % 100, 2, '0', padding);
    case 'm':
      return Number(time.month(), 2, '0', padding);
    case 'd':
      return Number(time.day(), 2, '0', padding);
    case 'e':
      return Number(time.day(), 2, ' ', padding);
    case 'H':
      return Number(time.hour(), 2, '0', padding);
    case 'I':
      return Number(hour12, 2, '0', padding);
    case 'k':
      return Number(time.hour(), 2, ' ', padding);
    case 'l':
      return Number(hour12, 2, ' ', padding);
    case 'M':
      return Number(time.minute(), 2, '0', padding);
    case 'S':
      return Number(time.second(), 2, '0', padding);
    case 'f':
      return std::string("000000");
    case 'j':
      return Number(absl::GetYearDay(time), 3, '0', padding);
    case 'p':
      return std::string(time.hour() < 12 ? "AM" : "PM");
    case 'B':
      return std::string(kMonths[static_cast<size_t>(time.month() - 1)]);
    case 'b':
    case 'h':
      return std::string(kMonths[static_cast<size_t>(time.month() - 1)].substr(0, 3));
    case 'A':
      return std::string(kWeekdays[weekday]);
    case 'a':
      return std::string(kWeekdays[weekday].substr(0, 3));
    case 'u':
      return absl::StrCat(weekday + 1);
    case 'w':
      return absl::StrCat((weekday + 1) % 7);
    case 'D':
    case 'x':
      return FormatTime("%m/%d/%y", time);
    case 'F':
      return FormatTime("%Y-%m-%d", time);
    case 'R':
      return FormatTime("%H:%M", time);
    case 'T':
    case 'X':
      return FormatTime("%H:%M:%S", time);
    case 'r':
      return FormatTime("%I:%M:%S %p", time);
    case 'c':
      return FormatTime("%a %b %e %H:%M:%S %Y", time);
    case 'n':
      return std::string("\n");
    case 't':
      return std::string("\t");
    case 'Z':
    case 'z':
      return std::string();  // as for a Python datetime without a time zone
    case '%':
      return std::string("%");
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("strftime_now: unknown directive '%", std::string(1, directive), "'"));
  }
}

}  // namespace

absl::StatusOr<std::string> FormatTime(absl::string_view format, absl::CivilSecond time) {
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out.push_back(format[i]);
      continue;
    }
    ++i;
    Padding padding = Padding::kOwn;
    if (i < format.size() && format[i] == '-') {
      padding = Padding::kNone;
      ++i;
    }
    if (i >= format.size()) return absl::InvalidArgumentError("strftime_now: '%' at the end");
    STRATA_ASSIGN_OR_RETURN(const std::string piece, Directive(format[i], padding, time));
    out.append(piece);
  }
  return out;
}

}  // namespace strata::jinja
