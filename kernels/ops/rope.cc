#include "kernels/ops/rope.h"

#include "absl/strings/str_cat.h"
#include "kernels/ops/check.h"

namespace strata {

absl::Status Check(const RopeArgs& args) {
  STRATA_RETURN_IF_ERROR(CheckRank("Rope", "x", args.x, 3));
  STRATA_RETURN_IF_ERROR(CheckTensor("Rope", "x", args.x, DType::kF32, args.x.shape()));
  STRATA_RETURN_IF_ERROR(CheckRank("Rope", "cosines", args.cosines, 2));
  const int64_t half_dim = args.cosines.num_columns();
  const Shape angles = {args.x.shape()[0], half_dim};
  STRATA_RETURN_IF_ERROR(CheckTensor("Rope", "cosines", args.cosines, DType::kF32, angles));
  STRATA_RETURN_IF_ERROR(CheckTensor("Rope", "sines", args.sines, DType::kF32, angles));
  if (2 * half_dim > args.x.num_columns()) {
    return OpError("Rope", "cosines",
                   absl::StrCat("expected at most head_dim / 2 = ", args.x.num_columns() / 2,
                                " angles, got ", half_dim));
  }
  STRATA_RETURN_IF_ERROR(CheckDisjoint("Rope", "cosines", args.cosines, args.x));
  return CheckDisjoint("Rope", "sines", args.sines, args.x);
}

OpCost Cost(const RopeArgs& args) {
  const int64_t num_rotated =
      args.x.shape()[0] * args.x.shape()[1] * 2 * args.cosines.num_columns();
  return {
      .flops = 3 * num_rotated,
      .bytes_read = BytesOf(DType::kF32, num_rotated) + BytesOf(args.cosines) + BytesOf(args.sines),
      .bytes_written = BytesOf(DType::kF32, num_rotated)};
}

}  // namespace strata
