#include "kernels/ops/norm.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "kernels/ops/check.h"

namespace strata {
namespace {

// What both norms share: x and out of one shape, a weight per column, epsilon >= 0.
absl::Status CheckNorm(absl::string_view op, const TensorView& x, const TensorView& weight,
                       float epsilon, const TensorView& out) {
  STRATA_RETURN_IF_ERROR(CheckRank(op, "x", x, 2));
  STRATA_RETURN_IF_ERROR(CheckTensor(op, "x", x, DType::kF32, x.shape()));
  STRATA_RETURN_IF_ERROR(CheckFloatTensor(op, "weight", weight, {x.num_columns()}));
  STRATA_RETURN_IF_ERROR(CheckTensor(op, "out", out, DType::kF32, x.shape()));
  STRATA_RETURN_IF_ERROR(CheckSameOrDisjoint(op, "x", x, out));
  STRATA_RETURN_IF_ERROR(CheckDisjoint(op, "weight", weight, out));
  if (!(epsilon >= 0.0f) || !std::isfinite(epsilon)) {
    return OpError(op, "epsilon", absl::StrCat("expected a number >= 0, got ", epsilon));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Check(const RmsNormArgs& args) {
  return CheckNorm("RmsNorm", args.x, args.weight, args.epsilon, args.out);
}

absl::Status Check(const LayerNormArgs& args) {
  STRATA_RETURN_IF_ERROR(CheckNorm("LayerNorm", args.x, args.weight, args.epsilon, args.out));
  STRATA_RETURN_IF_ERROR(CheckFloatTensor("LayerNorm", "bias", args.bias, {args.x.num_columns()}));
  return CheckDisjoint("LayerNorm", "bias", args.bias, args.out);
}

OpCost Cost(const RmsNormArgs& args) {
  return {.flops = 4 * args.x.shape().NumElements(),
          .bytes_read = BytesOf(args.x) + BytesOf(args.weight),
          .bytes_written = BytesOf(args.out)};
}

OpCost Cost(const LayerNormArgs& args) {
  return {.flops = 7 * args.x.shape().NumElements(),
          .bytes_read = BytesOf(args.x) + BytesOf(args.weight) + BytesOf(args.bias),
          .bytes_written = BytesOf(args.out)};
}

}  // namespace strata
