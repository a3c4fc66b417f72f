// EmulatedBackend: the CUDA launchers and bodies as a Backend on the host, for tests.
#pragma once

#include <string>

#include "kernels/ops/backend.h"
#include "tests/support/cuda_emulation/emulator.h"

namespace strata::cuda {

class EmulatedBackend : public Backend {
 public:
  explicit EmulatedBackend(emulation::ThreadOrder order, int sm_version = 90)
      : order_(order), sm_version_(sm_version) {}

  std::string Name() const override;
  absl::Status GatherRows(const GatherRowsArgs& args) override;
  absl::Status RmsNorm(const RmsNormArgs& args) override;
  absl::Status LayerNorm(const LayerNormArgs& args) override;
  absl::Status MatMul(const MatMulArgs& args) override;
  absl::Status Rope(const RopeArgs& args) override;
  absl::Status AppendKv(const AppendKvArgs& args) override;
  absl::Status Attention(const AttentionArgs& args) override;
  absl::Status MergeAttention(const MergeAttentionArgs& args) override;
  absl::Status Activate(const ActivateArgs& args) override;
  absl::Status GatedActivate(const GatedActivateArgs& args) override;
  absl::Status Add(const AddArgs& args) override;
  absl::Status TopLogits(const TopLogitsArgs& args) override;
  absl::Status RopeAppendKv(const RopeAppendKvArgs& args) override;

 private:
  // Checks, then launches.
  template <typename Args, typename Launcher>
  absl::Status Run(const Args& args, Launcher launcher);

  emulation::ThreadOrder order_;
  int sm_version_;
};

}  // namespace strata::cuda
