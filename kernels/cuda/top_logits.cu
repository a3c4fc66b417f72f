#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/top_logits.cuh"
#include "kernels/cuda/top_logits_launch.h"

namespace strata::cuda {

absl::Status LaunchTopLogits(const TopLogitsArgs& args, LaunchContext& context) {
  STRATA_ASSIGN_OR_RETURN(const float* temperatures, context.Upload(args.temperatures));
  return Launch<TopLogitsKernel>(context, {.x = static_cast<int>(args.logits.shape()[0])},
                                 {.logits = static_cast<const float*>(args.logits.data()),
                                  .ids = static_cast<int32_t*>(args.ids.mutable_data()),
                                  .values = static_cast<float*>(args.values.mutable_data()),
                                  .mass = static_cast<float*>(args.mass.mutable_data()),
                                  .temperatures = temperatures,
                                  .logits_stride = args.logits.row_stride(),
                                  .ids_stride = args.ids.row_stride(),
                                  .values_stride = args.values.row_stride(),
                                  .mass_stride = args.mass.row_stride(),
                                  .vocab_size = static_cast<int>(args.logits.shape()[1]),
                                  .count = static_cast<int>(args.ids.shape()[1])});
}

}  // namespace strata::cuda
