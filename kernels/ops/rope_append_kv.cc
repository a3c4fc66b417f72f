#include "kernels/ops/rope_append_kv.h"

#include "kernels/ops/check.h"

namespace strata {

RopeArgs RopeOfQueries(const RopeAppendKvArgs& args) {
  return {.x = args.queries, .cosines = args.cosines, .sines = args.sines};
}

RopeArgs RopeOfKeys(const RopeAppendKvArgs& args) {
  return {.x = args.keys, .cosines = args.cosines, .sines = args.sines};
}

AppendKvArgs AppendOf(const RopeAppendKvArgs& args) {
  return {.keys = args.keys, .values = args.values, .kv = args.kv};
}

absl::Status Check(const RopeAppendKvArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(RopeOfQueries(args)));
  STRATA_RETURN_IF_ERROR(Check(RopeOfKeys(args)));
  STRATA_RETURN_IF_ERROR(CheckDisjoint("RopeAppendKv", "keys", args.keys, args.queries));
  STRATA_RETURN_IF_ERROR(CheckDisjoint("RopeAppendKv", "values", args.values, args.queries));
  STRATA_RETURN_IF_ERROR(CheckDisjoint("RopeAppendKv", "values", args.values, args.keys));
  return Check(AppendOf(args));
}

OpCost Cost(const RopeAppendKvArgs& args) {
  // The keys are read once and not written, the angles are read once.
  const OpCost keys = Cost(RopeOfKeys(args));
  const OpCost rotation = {.flops = keys.flops};
  return Cost(RopeOfQueries(args)) + rotation + Cost(AppendOf(args));
}

}  // namespace strata
