// TopLogits on the CPU: one row at a time, by selection and a sort of what was selected.
#pragma once

#include "kernels/ops/top_logits.h"

namespace strata::cpu {

// Row `row` of a checked call.
void TopLogitsOfRow(const TopLogitsArgs& args, int64_t row);

}  // namespace strata::cpu
