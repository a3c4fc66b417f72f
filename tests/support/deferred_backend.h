// A backend whose operations have not finished when they return, as a gpu's: they are queued and
// run by a thread of its own. Those of a pass are queued when it ends, and every third pass cannot
// be started, in turn with its first operation or at its end. Of the arguments it keeps what a CUDA
// backend keeps, the tensors; the spans that describe them are copied.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/status.h"
#include "kernels/device/stream.h"
#include "kernels/ops/backend.h"

namespace strata::testing {

class DeferredBackend final : public Backend {
 public:
  explicit DeferredBackend(std::unique_ptr<Backend> backend) : backend_(std::move(backend)) {}

  std::string Name() const override { return backend_->Name() + ", deferred"; }
  Event Record() override {
    STRATA_CHECK(!in_pass_, "an event within a pass");
    return queue_.Record();
  }
  absl::Status BeginPass() override {
    STRATA_CHECK(!in_pass_, "a pass within a pass");
    in_pass_ = true;
    ++num_passes_;
    return absl::OkStatus();
  }
  absl::Status EndPass() override {
    STRATA_CHECK(in_pass_, "the end of a pass that was not begun");
    in_pass_ = false;
    std::vector<std::function<absl::Status()>> pass = std::move(pass_);
    pass_.clear();
    if (num_passes_ % 6 == 3) return absl::AbortedError("fake: the pass cannot be started");
    if (num_passes_ % 6 == 0) return absl::OkStatus();  // an operation has said so
    for (auto& work : pass) queue_.Submit(std::move(work));
    ++num_passes_started_;
    return absl::OkStatus();
  }
  int64_t num_passes() const { return num_passes_; }
  int64_t num_passes_started() const { return num_passes_started_; }

  absl::Status GatherRows(const GatherRowsArgs& args) override {
    STRATA_RETURN_IF_ERROR(Check(args));
    return Put([this, copy = args,
                indices = std::vector<int32_t>(args.indices.begin(), args.indices.end())] {
      GatherRowsArgs later = copy;
      later.indices = indices;
      return backend_->GatherRows(later);
    });
  }
  absl::Status AppendKv(const AppendKvArgs& args) override {
    STRATA_RETURN_IF_ERROR(Check(args));
    return Put([this, copy = args, kv = OwnedKv(args.kv)]() mutable {
      copy.kv = kv.view();
      return backend_->AppendKv(copy);
    });
  }
  absl::Status Attention(const AttentionArgs& args) override {
    STRATA_RETURN_IF_ERROR(Check(args));
    return Put([this, copy = args, kv = OwnedKv(args.kv)]() mutable {
      copy.kv = kv.view();
      return backend_->Attention(copy);
    });
  }
  absl::Status RmsNorm(const RmsNormArgs& args) override { return Defer(&Backend::RmsNorm, args); }
  absl::Status LayerNorm(const LayerNormArgs& args) override {
    return Defer(&Backend::LayerNorm, args);
  }
  absl::Status MatMul(const MatMulArgs& args) override { return Defer(&Backend::MatMul, args); }
  absl::Status Rope(const RopeArgs& args) override { return Defer(&Backend::Rope, args); }
  absl::Status MergeAttention(const MergeAttentionArgs& args) override {
    return Defer(&Backend::MergeAttention, args);
  }
  absl::Status Activate(const ActivateArgs& args) override {
    return Defer(&Backend::Activate, args);
  }
  absl::Status GatedActivate(const GatedActivateArgs& args) override {
    return Defer(&Backend::GatedActivate, args);
  }
  absl::Status Add(const AddArgs& args) override { return Defer(&Backend::Add, args); }
  absl::Status TopLogits(const TopLogitsArgs& args) override {
    STRATA_RETURN_IF_ERROR(Check(args));
    return Put([this, copy = args,
                temperatures = std::vector<float>(args.temperatures.begin(),
                                                  args.temperatures.end())]() mutable {
      copy.temperatures = temperatures;
      return backend_->TopLogits(copy);
    });
  }

 private:
  class OwnedKv {
   public:
    explicit OwnedKv(const KvView& view)
        : layout_(view.layout), sequences_(view.sequences.begin(), view.sequences.end()) {
      for (const KvSequence& sequence : sequences_) {
        pages_.emplace_back(sequence.pages.begin(), sequence.pages.end());
      }
    }
    KvView view() {
      for (size_t i = 0; i < sequences_.size(); ++i) sequences_[i].pages = pages_[i];
      return {layout_, sequences_};
    }

   private:
    KvLayout layout_;
    std::vector<KvSequence> sequences_;
    std::vector<std::vector<void*>> pages_;
  };

  absl::Status Put(std::function<absl::Status()> work) {
    if (in_pass_ && num_passes_ % 6 == 0) return absl::AbortedError("fake: no such operation");
    if (in_pass_) {
      pass_.push_back(std::move(work));
    } else {
      queue_.Submit(std::move(work));
    }
    return absl::OkStatus();
  }

  template <typename Args>
  absl::Status Defer(absl::Status (Backend::*operation)(const Args&), const Args& args) {
    STRATA_RETURN_IF_ERROR(Check(args));
    return Put([this, operation, copy = args] { return (backend_.get()->*operation)(copy); });
  }

  std::unique_ptr<Backend> backend_;
  bool in_pass_ = false;
  std::vector<std::function<absl::Status()>> pass_;  // in progress
  int64_t num_passes_ = 0;                           // begun
  int64_t num_passes_started_ = 0;
  Stream queue_;  // last: it uses the backend
};

}  // namespace strata::testing
