// What AppendKv must do on any backend.
#pragma once

#include "kernels/ops/backend.h"
#include "tests/support/cases/attention_cases.h"

namespace strata::test {

// Keys and values arrive in the pages rounded as their format wants it, at their place and nowhere
// else. The case gives layout and sequences.
void ExpectAppendsItsRowsOnly(Backend& backend, const AttentionCase& c);

// RopeAppendKv rotates the queries as the oracle does, and queries and pages have the bits that
// Rope and AppendKv give. The case gives layout, sequences and heads; rotary_dim / 2 angles a
// token.
void ExpectRotatesAndAppends(Backend& backend, const AttentionCase& c, int64_t rotary_dim);

// Rows that quantise badly, against the reference: constant, tiny and huge ranges, not finite.
void ExpectPacksExtremeRows(Backend& backend);

}  // namespace strata::test
