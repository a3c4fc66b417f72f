#include "kernels/base/shape.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/base/status.h"

namespace strata {

Shape::Shape(std::initializer_list<int64_t> extents)
    : Shape(absl::MakeConstSpan(extents.begin(), extents.size())) {}

Shape::Shape(absl::Span<const int64_t> extents) : rank_(static_cast<int>(extents.size())) {
  STRATA_CHECK(extents.size() <= kMaxRank, "a shape of too high a rank");
  for (const int64_t extent : extents) STRATA_CHECK(extent >= 0, "a shape with a negative extent");
  std::copy(extents.begin(), extents.end(), extents_.begin());
}

int64_t Shape::NumElements() const {
  int64_t product = 1;
  for (const int64_t extent : extents()) product *= extent;
  return product;
}

std::string Shape::ToString() const {
  return absl::StrCat("[", absl::StrJoin(extents(), ", "), "]");
}

absl::StatusOr<int64_t> CheckedNumElements(absl::Span<const int64_t> extents) {
  if (extents.size() > Shape::kMaxRank) {
    return absl::InvalidArgumentError(
        absl::StrCat("rank ", extents.size(), " is above ", Shape::kMaxRank));
  }
  int64_t product = 1;
  for (const int64_t extent : extents) {
    if (extent < 0) return absl::InvalidArgumentError(absl::StrCat("negative extent ", extent));
    if (__builtin_mul_overflow(product, extent, &product)) {
      return absl::InvalidArgumentError("the number of elements overflows");
    }
  }
  return product;
}

}  // namespace strata
