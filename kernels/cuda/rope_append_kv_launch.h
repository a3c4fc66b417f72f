// Launcher of RopeAppendKv. Arguments are checked; tensors and pages are device memory, the lists
// of pages are the host's.
#pragma once

#include "absl/status/status.h"
#include "kernels/cuda/launch_context.h"
#include "kernels/ops/rope_append_kv.h"

namespace strata::cuda {

absl::Status LaunchRopeAppendKv(const RopeAppendKvArgs& args, LaunchContext& context);

}  // namespace strata::cuda
