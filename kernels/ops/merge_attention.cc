#include "kernels/ops/merge_attention.h"

#include "kernels/ops/check.h"

namespace strata {

absl::Status Check(const MergeAttentionArgs& args) {
  constexpr absl::string_view kOp = "MergeAttention";
  STRATA_RETURN_IF_ERROR(CheckRank(kOp, "a_out", args.a_out, 3));
  const Shape& shape = args.a_out.shape();
  const Shape rows = {shape[0], shape[1]};
  STRATA_RETURN_IF_ERROR(CheckTensor(kOp, "a_out", args.a_out, DType::kF32, shape));
  STRATA_RETURN_IF_ERROR(CheckTensor(kOp, "b_out", args.b_out, DType::kF32, shape));
  STRATA_RETURN_IF_ERROR(CheckTensor(kOp, "out", args.out, DType::kF32, shape));
  STRATA_RETURN_IF_ERROR(CheckTensor(kOp, "a_log_sum_exp", args.a_log_sum_exp, DType::kF32, rows));
  STRATA_RETURN_IF_ERROR(CheckTensor(kOp, "b_log_sum_exp", args.b_log_sum_exp, DType::kF32, rows));
  STRATA_RETURN_IF_ERROR(CheckTensor(kOp, "log_sum_exp", args.log_sum_exp, DType::kF32, rows));
  STRATA_RETURN_IF_ERROR(CheckSameOrDisjoint(kOp, "a_out", args.a_out, args.out));
  STRATA_RETURN_IF_ERROR(CheckSameOrDisjoint(kOp, "b_out", args.b_out, args.out));
  STRATA_RETURN_IF_ERROR(
      CheckSameOrDisjoint(kOp, "a_log_sum_exp", args.a_log_sum_exp, args.log_sum_exp));
  STRATA_RETURN_IF_ERROR(
      CheckSameOrDisjoint(kOp, "b_log_sum_exp", args.b_log_sum_exp, args.log_sum_exp));
  STRATA_RETURN_IF_ERROR(CheckDisjoint(kOp, "a_log_sum_exp", args.a_log_sum_exp, args.out));
  STRATA_RETURN_IF_ERROR(CheckDisjoint(kOp, "b_log_sum_exp", args.b_log_sum_exp, args.out));
  return CheckDisjoint(kOp, "log_sum_exp", args.log_sum_exp, args.out);
}

OpCost Cost(const MergeAttentionArgs& args) {
  return {.flops = 3 * args.out.shape().NumElements(),
          .bytes_read = BytesOf(args.a_out) + BytesOf(args.b_out) + BytesOf(args.a_log_sum_exp) +
                        BytesOf(args.b_log_sum_exp),
          .bytes_written = BytesOf(args.out) + BytesOf(args.log_sum_exp)};
}

}  // namespace strata
