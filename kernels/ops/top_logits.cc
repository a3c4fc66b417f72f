#include "kernels/ops/top_logits.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "kernels/ops/check.h"

namespace strata {

absl::Status Check(const TopLogitsArgs& args) {
  constexpr absl::string_view kOp = "TopLogits";
  STRATA_RETURN_IF_ERROR(CheckRank(kOp, "logits", args.logits, 2));
  STRATA_RETURN_IF_ERROR(CheckRank(kOp, "ids", args.ids, 2));
  const int64_t num_rows = args.logits.shape()[0];
  const int64_t vocab_size = args.logits.shape()[1];
  const int64_t count = args.ids.shape()[1];
  if (count < 1 || count > std::min(kMaxTopLogits, vocab_size)) {
    return OpError(kOp, "ids",
                   absl::StrCat("expected 1 to ", std::min(kMaxTopLogits, vocab_size),
                                " tokens of a row, got ", count));
  }
  STRATA_RETURN_IF_ERROR(
      CheckTensor(kOp, "logits", args.logits, DType::kF32, {num_rows, vocab_size}));
  STRATA_RETURN_IF_ERROR(CheckTensor(kOp, "ids", args.ids, DType::kI32, {num_rows, count}));
  STRATA_RETURN_IF_ERROR(CheckTensor(kOp, "values", args.values, DType::kF32, {num_rows, count}));
  STRATA_RETURN_IF_ERROR(CheckTensor(kOp, "mass", args.mass, DType::kF32, {num_rows, 1}));
  if (static_cast<int64_t>(args.temperatures.size()) != num_rows) {
    return OpError(kOp, "temperatures",
                   absl::StrCat("expected one for each of ", num_rows, " rows, got ",
                                args.temperatures.size()));
  }
  for (const float temperature : args.temperatures) {
    if (!(temperature >= kMinTemperature) || std::isinf(temperature)) {
      return OpError(kOp, "temperatures",
                     absl::StrCat("expected at least ", kMinTemperature, " and not infinite, got ",
                                  temperature));
    }
  }
  STRATA_RETURN_IF_ERROR(CheckDisjoint(kOp, "logits", args.logits, args.ids));
  STRATA_RETURN_IF_ERROR(CheckDisjoint(kOp, "logits", args.logits, args.values));
  return CheckDisjoint(kOp, "logits", args.logits, args.mass);
}

OpCost Cost(const TopLogitsArgs& args) {
  return {.flops = 2 * args.logits.shape().NumElements(),
          .bytes_read = BytesOf(args.logits),
          .bytes_written = BytesOf(args.ids) + BytesOf(args.values) + BytesOf(args.mass)};
}

}  // namespace strata
