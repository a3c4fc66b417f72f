// What TopLogits must do on any backend, against a sort in double.
#pragma once

#include "kernels/ops/backend.h"

namespace strata::test {

// Rows of 1 to 3001 tokens, counts of 1 to 256, several temperatures; strided and misaligned.
void ExpectTopLogitsMatchASort(Backend& backend);

// Equal logits, -0 and 0 among them.
void ExpectTiesGoToTheLowerId(Backend& backend);

// Rows of mostly -inf, with NaN.
void ExpectMinusInfinityAndNanComeLast(Backend& backend);

}  // namespace strata::test
