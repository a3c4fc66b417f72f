#include "kernels/ops/gather_rows.h"

#include "absl/strings/str_cat.h"
#include "kernels/ops/check.h"

namespace strata {

absl::Status Check(const GatherRowsArgs& args) {
  constexpr absl::string_view kOp = "GatherRows";
  STRATA_RETURN_IF_ERROR(CheckRank(kOp, "table", args.table, 2));
  STRATA_RETURN_IF_ERROR(CheckFloatTensor(kOp, "table", args.table, args.table.shape()));
  const int64_t num_rows = static_cast<int64_t>(args.indices.size());
  STRATA_RETURN_IF_ERROR(
      CheckTensor(kOp, "out", args.out, DType::kF32, {num_rows, args.table.num_columns()}));
  STRATA_RETURN_IF_ERROR(CheckDisjoint(kOp, "table", args.table, args.out));
  for (size_t i = 0; i < args.indices.size(); ++i) {
    if (args.indices[i] < 0 || args.indices[i] >= args.table.shape()[0]) {
      return OpError(kOp, absl::StrCat("indices[", i, "]"),
                     absl::StrCat("expected a row in [0, ", args.table.shape()[0], "), got ",
                                  args.indices[i]));
    }
  }
  return absl::OkStatus();
}

OpCost Cost(const GatherRowsArgs& args) {
  const int64_t num_rows = static_cast<int64_t>(args.indices.size());
  OpCost cost = {.bytes_read = BytesOf(args.table.dtype(), num_rows * args.table.num_columns()) +
                               num_rows * static_cast<int64_t>(sizeof(int32_t)),
                 .bytes_written = BytesOf(args.out)};
  if (args.mode == GatherMode::kAdd) {
    cost.flops = args.out.shape().NumElements();
    cost.bytes_read += BytesOf(args.out);
  }
  return cost;
}

}  // namespace strata
