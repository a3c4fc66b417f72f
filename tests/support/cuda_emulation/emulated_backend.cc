#include "tests/support/cuda_emulation/emulated_backend.h"

#include "absl/strings/str_cat.h"
#include "kernels/cuda/append_kv_launch.h"
#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/elementwise_launch.h"
#include "kernels/cuda/gather_rows_launch.h"
#include "kernels/cuda/mat_mul_launch.h"
#include "kernels/cuda/merge_attention_launch.h"
#include "kernels/cuda/norm_launch.h"
#include "kernels/cuda/rope_append_kv_launch.h"
#include "kernels/cuda/rope_launch.h"
#include "kernels/cuda/top_logits_launch.h"
#include "tests/support/cuda_emulation/emulated_context.h"

namespace strata::cuda {

template <typename Args, typename Launcher>
absl::Status EmulatedBackend::Run(const Args& args, Launcher launcher) {
  STRATA_RETURN_IF_ERROR(Check(args));
  EmulatedContext context(order_, sm_version_);
  return launcher(args, context);
}

std::string EmulatedBackend::Name() const {
  return absl::StrCat("emulated cuda (sm_", sm_version_, ", ", emulation::ThreadOrderName(order_),
                      ")");
}

absl::Status EmulatedBackend::RmsNorm(const RmsNormArgs& args) { return Run(args, LaunchRmsNorm); }
absl::Status EmulatedBackend::LayerNorm(const LayerNormArgs& args) {
  return Run(args, LaunchLayerNorm);
}

absl::Status EmulatedBackend::GatherRows(const GatherRowsArgs& args) {
  return Run(args, LaunchGatherRows);
}
absl::Status EmulatedBackend::Rope(const RopeArgs& args) { return Run(args, LaunchRope); }
absl::Status EmulatedBackend::AppendKv(const AppendKvArgs& args) {
  return Run(args, LaunchAppendKv);
}
absl::Status EmulatedBackend::TopLogits(const TopLogitsArgs& args) {
  return Run(args, LaunchTopLogits);
}
absl::Status EmulatedBackend::RopeAppendKv(const RopeAppendKvArgs& args) {
  return Run(args, LaunchRopeAppendKv);
}
absl::Status EmulatedBackend::MergeAttention(const MergeAttentionArgs& args) {
  return Run(args, LaunchMergeAttention);
}
absl::Status EmulatedBackend::Activate(const ActivateArgs& args) {
  return Run(args, LaunchActivate);
}
absl::Status EmulatedBackend::GatedActivate(const GatedActivateArgs& args) {
  return Run(args, LaunchGatedActivate);
}
absl::Status EmulatedBackend::Add(const AddArgs& args) { return Run(args, LaunchAdd); }

absl::Status EmulatedBackend::MatMul(const MatMulArgs& args) { return Run(args, LaunchMatMul); }
absl::Status EmulatedBackend::Attention(const AttentionArgs& args) {
  return Run(args, LaunchAttention);
}

}  // namespace strata::cuda
