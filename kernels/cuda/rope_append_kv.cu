#include <vector>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/rope_append_kv.cuh"
#include "kernels/cuda/rope_append_kv_launch.h"

namespace strata::cuda {

absl::Status LaunchRopeAppendKv(const RopeAppendKvArgs& args, LaunchContext& context) {
  const std::vector<AppendTarget> targets = AppendTargetsOf(args.kv);
  if (targets.empty()) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(const AppendTarget* on_device,
                          context.Upload(absl::MakeConstSpan(targets)));
  const KvPageLayout layout = KvPageLayoutOf(args.kv.layout);
  const int num_q_heads = static_cast<int>(args.queries.shape()[1]);
  const int head_groups =
      static_cast<int>(NumQuantizedGroups(layout.head_dim) + NumQuantizedGroups(layout.v_head_dim));
  const int num_items = num_q_heads + layout.num_kv_heads * head_groups;
  constexpr int kItemsPerCta = RopeAppendKvKernel::kItemsPerCta;
  return Launch<RopeAppendKvKernel>(
      context,
      {.x = static_cast<int>(targets.size()), .y = (num_items + kItemsPerCta - 1) / kItemsPerCta},
      {.queries = static_cast<float*>(args.queries.mutable_data()),
       .keys = static_cast<const float*>(args.keys.data()),
       .values = static_cast<const float*>(args.values.data()),
       .cosines = static_cast<const float*>(args.cosines.data()),
       .sines = static_cast<const float*>(args.sines.data()),
       .targets = on_device,
       .query_stride = args.queries.row_stride(),
       .key_stride = args.keys.row_stride(),
       .value_stride = args.values.row_stride(),
       .cosine_stride = args.cosines.row_stride(),
       .sine_stride = args.sines.row_stride(),
       .num_q_heads = num_q_heads,
       .half_dim = static_cast<int>(args.cosines.num_columns()),
       .num_items = num_items,
       .layout = layout});
}

}  // namespace strata::cuda
