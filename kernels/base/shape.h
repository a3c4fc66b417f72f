// The extents of a tensor, outermost first: [num_tokens, hidden_dim].
//
// A plain value of up to kMaxRank non-negative extents. Products are int64_t; where extents come
// from a file, CheckedNumElements refuses what would overflow.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace strata {

class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;  // rank 0: a scalar, one element
  Shape(std::initializer_list<int64_t> extents);
  explicit Shape(absl::Span<const int64_t> extents);  // at most kMaxRank, none negative

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return extents_[static_cast<size_t>(axis)]; }
  absl::Span<const int64_t> extents() const {
    return absl::MakeConstSpan(extents_.data(), static_cast<size_t>(rank_));
  }

  // Product of all extents; 1 for rank 0.
  int64_t NumElements() const;

  // "[4096, 1024]"
  std::string ToString() const;

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<int64_t, kMaxRank> extents_ = {};  // zero beyond rank_, so that == is memberwise
  int rank_ = 0;
};

// Product of extents from an untrusted source. InvalidArgument for a negative extent, a rank above
// Shape::kMaxRank or a product above INT64_MAX.
absl::StatusOr<int64_t> CheckedNumElements(absl::Span<const int64_t> extents);

}  // namespace strata
