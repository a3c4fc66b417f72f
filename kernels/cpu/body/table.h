// The table of the bodies as compiled for the instruction set of the including file.
#pragma once

#include "kernels/cpu/bodies.h"
#include "kernels/cpu/body/attention.h"
#include "kernels/cpu/body/elementwise.h"
#include "kernels/cpu/body/mat_mul.h"
#include "kernels/cpu/body/quantized_rows.h"

namespace strata::cpu {
namespace {

constexpr Bodies kBodies = {
    .mat_mul = MatMul,
    .mat_mul_scratch_floats = kPanelOuts * kPanelDepth + kPanelRows * kPanelOuts * kLanes,
    .attention_scores = AttentionScores,
    .attention_weights = AttentionWeights,
    .attention_values = AttentionValues,
    .attention_fold = AttentionFold,
    .scale = Scale,
    .weighted_sum = WeightedSum,
    .add = Add,
    .activate = Activate,
    .gated_activate = GatedActivate,
    .rms_norm = RmsNorm,
    .layer_norm = LayerNorm,
    .rope = Rope,
    .widen = WidenRow,
    .widen_add = WidenAddRow,
    .narrow = NarrowRow,
    .unpack = UnpackRow,
    .pack = PackRow,
};

}  // namespace
}  // namespace strata::cpu
