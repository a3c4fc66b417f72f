// Backend: the operations of Strata, one virtual method each, on one device.
//
// A method checks its arguments (the op's Check) and runs the body: a CPU backend computes before
// it returns, a CUDA backend launches on its stream. Methods of one backend are called from one
// thread at a time; the backend spreads the work over its own threads. Results are bit-identical
// for any number of threads. A virtual call costs nanoseconds, a kernel microseconds.
#pragma once

#include <string>

#include "kernels/device/event.h"
#include "kernels/ops/activation.h"
#include "kernels/ops/add.h"
#include "kernels/ops/append_kv.h"
#include "kernels/ops/attention.h"
#include "kernels/ops/gather_rows.h"
#include "kernels/ops/mat_mul.h"
#include "kernels/ops/merge_attention.h"
#include "kernels/ops/norm.h"
#include "kernels/ops/rope.h"
#include "kernels/ops/rope_append_kv.h"
#include "kernels/ops/top_logits.h"

namespace strata {

class Backend {
 public:
  virtual ~Backend() = default;

  // What computes: "cpu (avx2, 2 threads)".
  virtual std::string Name() const = 0;

  // The moment when all operations so far have finished; by default they have when they return.
  // What an operation's arguments view (tensors, not the spans that describe them) lives until
  // then.
  virtual Event Record() { return Event(); }

  // Operations between the two may be put together and started as one by EndPass (a CUDA graph); by
  // default they run as they are called. Record is not called in between. Once begun, a pass is
  // ended, also when an operation has failed. Aborted, of an operation or of EndPass: nothing of
  // the pass has run or will, and it can be done again by operations alone.
  virtual absl::Status BeginPass() { return absl::OkStatus(); }
  virtual absl::Status EndPass() { return absl::OkStatus(); }

  virtual absl::Status GatherRows(const GatherRowsArgs& args) = 0;
  virtual absl::Status RmsNorm(const RmsNormArgs& args) = 0;
  virtual absl::Status LayerNorm(const LayerNormArgs& args) = 0;
  virtual absl::Status MatMul(const MatMulArgs& args) = 0;
  virtual absl::Status Rope(const RopeArgs& args) = 0;
  virtual absl::Status AppendKv(const AppendKvArgs& args) = 0;
  virtual absl::Status Attention(const AttentionArgs& args) = 0;
  virtual absl::Status MergeAttention(const MergeAttentionArgs& args) = 0;
  virtual absl::Status Activate(const ActivateArgs& args) = 0;
  virtual absl::Status GatedActivate(const GatedActivateArgs& args) = 0;
  virtual absl::Status Add(const AddArgs& args) = 0;
  virtual absl::Status TopLogits(const TopLogitsArgs& args) = 0;

  // Fused operations. By default they are composed of those above.
  virtual absl::Status RopeAppendKv(const RopeAppendKvArgs& args);
};

}  // namespace strata
