// A backend whose operations have not finished when they return, as a gpu's: they are queued and
// run by a thread of its own. Of the arguments it keeps what a CUDA backend keeps, the tensors; the
// spans that describe them are copied.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/device/stream.h"
#include "kernels/ops/backend.h"

namespace strata::testing {

class DeferredBackend final : public Backend {
 public:
  explicit DeferredBackend(std::unique_ptr<Backend> backend) : backend_(std::move(backend)) {}

  std::string Name() const override { return backend_->Name() + ", deferred"; }
  Event Record() override { return queue_.Record(); }

  absl::Status GatherRows(const GatherRowsArgs& args) override {
    STRATA_RETURN_IF_ERROR(Check(args));
    queue_.Submit([this, copy = args,
                   indices = std::vector<int32_t>(args.indices.begin(), args.indices.end())] {
      GatherRowsArgs later = copy;
      later.indices = indices;
      return backend_->GatherRows(later);
    });
    return absl::OkStatus();
  }
  absl::Status AppendKv(const AppendKvArgs& args) override {
    STRATA_RETURN_IF_ERROR(Check(args));
    queue_.Submit([this, copy = args, kv = OwnedKv(args.kv)]() mutable {
      copy.kv = kv.view();
      return backend_->AppendKv(copy);
    });
    return absl::OkStatus();
  }
  absl::Status Attention(const AttentionArgs& args) override {
    STRATA_RETURN_IF_ERROR(Check(args));
    queue_.Submit([this, copy = args, kv = OwnedKv(args.kv)]() mutable {
      copy.kv = kv.view();
      return backend_->Attention(copy);
    });
    return absl::OkStatus();
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
    queue_.Submit([this, copy = args,
                   temperatures = std::vector<float>(args.temperatures.begin(),
                                                     args.temperatures.end())]() mutable {
      copy.temperatures = temperatures;
      return backend_->TopLogits(copy);
    });
    return absl::OkStatus();
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

  template <typename Args>
  absl::Status Defer(absl::Status (Backend::*operation)(const Args&), const Args& args) {
    STRATA_RETURN_IF_ERROR(Check(args));
    queue_.Submit([this, operation, copy = args] { return (backend_.get()->*operation)(copy); });
    return absl::OkStatus();
  }

  std::unique_ptr<Backend> backend_;
  Stream queue_;  // last: it uses the backend
};

}  // namespace strata::testing
