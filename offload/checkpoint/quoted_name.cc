#include "offload/checkpoint/quoted_name.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace strata {
namespace {

constexpr size_t kMaxShownBytes = 200;

}  // namespace

std::string QuotedName(absl::string_view name) {
  const bool is_long = name.size() > kMaxShownBytes;
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(name.substr(0, kMaxShownBytes)),
                      is_long ? "...'" : "'");
}

}  // namespace strata
