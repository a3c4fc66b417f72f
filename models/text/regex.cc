#define PCRE2_CODE_UNIT_WIDTH 8
#include "models/text/regex.h"

#include <pcre2.h>

#include "absl/strings/str_cat.h"
#include "kernels/base/status.h"
#include "models/text/regex_syntax.h"
#include "models/text/unicode.h"

namespace strata {
namespace {

// Backtracking steps from one starting position; the splitting patterns of real files need about
// one per character.
constexpr uint32_t kMatchLimit = 20'000'000;
constexpr uint32_t kHeapLimitKib = 64 << 10;
constexpr size_t kFirstJitStackBytes = 32 << 10;
constexpr size_t kJitStackBytes = 16 << 20;
constexpr size_t kMaxPatternBytes = 64 << 10;

std::string ErrorText(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof(buffer));
  return reinterpret_cast<const char*>(buffer);
}

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};

bool IsScript(absl::string_view name) {
  const std::string pattern = absl::StrCat("\\p{sc:", name, "}");
  int error = 0;
  PCRE2_SIZE error_offset = 0;
  const std::unique_ptr<pcre2_code, Freer<pcre2_code_free>> code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF, &error,
                    &error_offset, nullptr));
  return code != nullptr;
}

}  // namespace

struct Regex::Code {
  std::string origin;
  std::unique_ptr<pcre2_code, Freer<pcre2_code_free>> compiled;
};

struct RegexSearch::Scratch {
  std::unique_ptr<pcre2_match_data, Freer<pcre2_match_data_free>> data;
  std::unique_ptr<pcre2_match_context, Freer<pcre2_match_context_free>> context;
  std::unique_ptr<pcre2_jit_stack, Freer<pcre2_jit_stack_free>> stack;  // made when one is needed
};

Regex::Regex(std::unique_ptr<Code> code) : code_(std::move(code)) {}
Regex::~Regex() = default;

absl::StatusOr<std::unique_ptr<Regex>> Regex::Create(absl::string_view pattern,
                                                     absl::string_view origin) {
  if (pattern.size() > kMaxPatternBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        origin, ": regular expression of ", pattern.size(), " bytes, at most ", kMaxPatternBytes));
  }
  STRATA_ASSIGN_OR_RETURN(const std::string translated,
                          OnigurumaToPcre2(pattern, origin, &IsScript));
  const std::unique_ptr<pcre2_compile_context, Freer<pcre2_compile_context_free>> context(
      pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE error_offset = 0;
  auto code = std::make_unique<Code>();
  code->origin = std::string(origin);
  // In Ruby's syntax ^ and $ always match at lines.
  code->compiled.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()),
                                     translated.size(), PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE,
                                     &error, &error_offset, context.get()));
  if (code->compiled == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(origin, ": regular expression '", pattern,
                                                   "': ", ErrorText(error), " at byte ",
                                                   error_offset, " of '", translated, "'"));
  }
  // Where there is no just-in-time compiler, pcre2_match interprets.
  (void)pcre2_jit_compile(code->compiled.get(), PCRE2_JIT_COMPLETE);
  return std::unique_ptr<Regex>(new Regex(std::move(code)));
}

RegexSearch::RegexSearch(const Regex& regex)
    : regex_(regex), scratch_(std::make_unique<Scratch>()) {
  scratch_->data.reset(pcre2_match_data_create(1, nullptr));
  scratch_->context.reset(pcre2_match_context_create(nullptr));
  STRATA_CHECK(scratch_->data != nullptr && scratch_->context != nullptr, "out of memory");
  pcre2_set_match_limit(scratch_->context.get(), kMatchLimit);
  pcre2_set_heap_limit(scratch_->context.get(), kHeapLimitKib);
}
RegexSearch::~RegexSearch() = default;

absl::Status RegexSearch::Match(absl::string_view text, size_t offset, int& num_groups) {
  const auto match = [&] {
    return pcre2_match(regex_.code_->compiled.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                       text.size(), offset, PCRE2_NO_UTF_CHECK, scratch_->data.get(),
                       scratch_->context.get());
  };
  num_groups = match();
  if (num_groups == PCRE2_ERROR_JIT_STACKLIMIT && scratch_->stack == nullptr) {
    scratch_->stack.reset(pcre2_jit_stack_create(kFirstJitStackBytes, kJitStackBytes, nullptr));
    pcre2_jit_stack_assign(scratch_->context.get(), nullptr, scratch_->stack.get());
    num_groups = match();
  }
  if (num_groups >= 0 || num_groups == PCRE2_ERROR_NOMATCH) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(regex_.code_->origin, ": regular expression over a text of ", text.size(),
                   " bytes, at byte ", offset, ": ", ErrorText(num_groups)));
}

absl::Status RegexSearch::FindAll(absl::string_view text, std::vector<RegexMatch>& matches) {
  size_t offset = 0;
  bool matched_before = false;
  size_t previous_end = 0;
  while (offset <= text.size()) {
    int num_groups = 0;
    STRATA_RETURN_IF_ERROR(Match(text, offset, num_groups));
    if (num_groups < 0) break;
    const PCRE2_SIZE* groups = pcre2_get_ovector_pointer(scratch_->data.get());
    const RegexMatch found{groups[0], groups[1]};
    if (found.begin == found.end && matched_before && found.end == previous_end) {
      offset = found.end + (found.end < text.size() ? Utf8Length(text[found.end]) : 1);
      continue;
    }
    matches.push_back(found);
    matched_before = true;
    previous_end = offset = found.end;
  }
  return absl::OkStatus();
}

}  // namespace strata
