// MatMul on the CPU: splits the outputs (and many rows) into tasks for the bodies.
#pragma once

#include "absl/status/status.h"
#include "kernels/cpu/workspace.h"
#include "kernels/ops/mat_mul.h"

namespace strata::cpu {

// `args` are checked. ResourceExhausted when scratch cannot grow.
absl::Status MatMul(Workspace& workspace, const MatMulArgs& args);

}  // namespace strata::cpu
