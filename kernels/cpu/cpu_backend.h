// CpuBackend: the operations of Strata on the host's processor.
//
// Bodies are chosen at Create for the instruction sets the processor has; work is shared by a pool
// of threads that the backend owns, with scratch memory for each of them. Results do not depend on
// the number of threads, and differ between instruction sets by rounding only.
// Methods are called from one thread at a time and have finished when they return.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "kernels/cpu/isa.h"
#include "kernels/ops/backend.h"

namespace strata {

namespace cpu {
struct Workspace;
}

struct CpuBackendOptions {
  int num_threads = 1;        // the caller's thread included
  std::optional<CpuIsa> isa;  // the widest this processor has, unless given
};

class CpuBackend : public Backend {
 public:
  // InvalidArgument (num_threads < 1), Unavailable (an instruction set this processor or this
  // build lacks), ResourceExhausted (no memory for scratch).
  static absl::StatusOr<std::unique_ptr<CpuBackend>> Create(const CpuBackendOptions& options);
  ~CpuBackend() override;

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

 private:
  CpuBackend(CpuIsa isa, std::unique_ptr<cpu::Workspace> workspace);

  CpuIsa isa_;
  std::unique_ptr<cpu::Workspace> workspace_;  // bodies, threads, scratch
};

}  // namespace strata
