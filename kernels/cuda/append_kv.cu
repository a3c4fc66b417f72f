#include <vector>

#include "kernels/cuda/append_kv.cuh"
#include "kernels/cuda/append_kv_launch.h"
#include "kernels/cuda/launch.cuh"

namespace strata::cuda {

absl::Status LaunchAppendKv(const AppendKvArgs& args, LaunchContext& context) {
  const std::vector<AppendTarget> targets = AppendTargetsOf(args.kv);
  if (targets.empty()) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(const AppendTarget* on_device,
                          context.Upload(absl::MakeConstSpan(targets)));
  return Launch<AppendKvKernel>(context, {.x = static_cast<int>(targets.size())},
                                {.keys = static_cast<const float*>(args.keys.data()),
                                 .values = static_cast<const float*>(args.values.data()),
                                 .targets = on_device,
                                 .key_stride = args.keys.row_stride(),
                                 .value_stride = args.values.row_stride(),
                                 .layout = KvPageLayoutOf(args.kv.layout)});
}

}  // namespace strata::cuda
