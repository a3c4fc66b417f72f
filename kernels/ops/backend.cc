#include "kernels/ops/backend.h"

#include "kernels/base/status.h"

namespace strata {

absl::Status Backend::RopeAppendKv(const RopeAppendKvArgs& args) {
  STRATA_RETURN_IF_ERROR(Check(args));
  STRATA_RETURN_IF_ERROR(Rope(RopeOfQueries(args)));
  STRATA_RETURN_IF_ERROR(Rope(RopeOfKeys(args)));
  return AppendKv(AppendOf(args));
}

}  // namespace strata
