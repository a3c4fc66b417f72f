#include "kernels/ops/add.h"

#include "kernels/ops/check.h"

namespace strata {

absl::Status Check(const AddArgs& args) {
  STRATA_RETURN_IF_ERROR(CheckRank("Add", "a", args.a, 2));
  STRATA_RETURN_IF_ERROR(CheckTensor("Add", "a", args.a, DType::kF32, args.a.shape()));
  STRATA_RETURN_IF_ERROR(CheckTensor("Add", "b", args.b, DType::kF32, args.a.shape()));
  STRATA_RETURN_IF_ERROR(CheckTensor("Add", "out", args.out, DType::kF32, args.a.shape()));
  STRATA_RETURN_IF_ERROR(CheckSameOrDisjoint("Add", "a", args.a, args.out));
  return CheckSameOrDisjoint("Add", "b", args.b, args.out);
}

OpCost Cost(const AddArgs& args) {
  return {.flops = args.out.shape().NumElements(),
          .bytes_read = BytesOf(args.a) + BytesOf(args.b),
          .bytes_written = BytesOf(args.out)};
}

}  // namespace strata
