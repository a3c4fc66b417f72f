// MirroredBackend: a GPU's operations on tensors of the host, for tests. Every operation copies
// what its arguments view to the device, gaps between rows and pages included, runs there, and
// copies it back: so test bodies written for host backends run on a GPU as they are. Memory that
// several arguments view is mirrored once; each mirror ends where the viewed memory ends, so that
// compute-sanitizer sees what reaches past it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/device/device.h"
#include "kernels/ops/backend.h"

namespace strata::test {

class MirroredBackend : public Backend {
 public:
  MirroredBackend(std::unique_ptr<Device> device, std::unique_ptr<Backend> backend)
      : device_(std::move(device)), backend_(std::move(backend)) {}

  std::string Name() const override { return backend_->Name(); }
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
  class Mirror;

  std::unique_ptr<Device> device_;
  std::unique_ptr<Backend> backend_;
};

}  // namespace strata::test
