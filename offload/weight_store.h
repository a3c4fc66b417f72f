// WeightStore: finds the bytes of every tensor a model promises to need, and lends them out.
//
// Created for a list of units (the tensors of one stage each). Opening resolves every name, shape
// and format against the checkpoint's headers, so a wrong checkpoint fails before any work, naming
// the tensor. Acquire gives a WeightLease: a pin on one unit's tensors, whose views die with it.
//
// Weights are read in place from the mapped files; only what cannot be used as stored is copied
// (transposed layouts, misaligned tensors). Acquire may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/base/tensor_spec.h"
#include "kernels/base/tensor_view.h"
#include "kernels/device/buffer.h"
#include "offload/checkpoint/checkpoint_index.h"
#include "offload/checkpoint/mapped_file.h"

namespace strata {

// A pin on the tensors of one unit, in the order of its specs.
class WeightLease {
 public:
  WeightLease(WeightLease&&) = default;
  WeightLease& operator=(WeightLease&&) = default;

  absl::Span<const TensorView> tensors() const { return tensors_; }

 private:
  friend class WeightStore;
  explicit WeightLease(absl::Span<const TensorView> tensors) : tensors_(tensors) {}

  absl::Span<const TensorView> tensors_;
};

struct DummyWeightsOptions {
  DType dtype = DType::kBF16;
  uint64_t seed = 0;
};

class WeightStore {
 public:
  // The checkpoint in `directory`. NotFound: no file, or a tensor is missing. InvalidArgument: a
  // tensor of another shape, or of a format that cannot be computed from. DataLoss: damaged files.
  static absl::StatusOr<std::unique_ptr<WeightStore>> OpenCheckpoint(
      const std::string& directory, absl::Span<const std::vector<TensorSpec>> units);

  // Seeded random weights of the promised shapes, in memory. ResourceExhausted.
  static absl::StatusOr<std::unique_ptr<WeightStore>> MakeDummy(
      const DummyWeightsOptions& options, absl::Span<const std::vector<TensorSpec>> units);

  // Pins the tensors of unit `unit_index`.
  absl::StatusOr<WeightLease> Acquire(int64_t unit_index);

  int64_t num_units() const { return static_cast<int64_t>(units_.size()); }
  int64_t unit_bytes(int64_t unit_index) const;
  // Bytes of all distinct tensors; a tied head counts once.
  int64_t total_bytes() const { return total_bytes_; }
  // Of these, bytes that had to be copied into memory of our own.
  int64_t copied_bytes() const { return copied_bytes_; }

 private:
  WeightStore() = default;

  absl::StatusOr<TensorView> Resolve(const CheckpointIndex& index, const TensorSpec& spec);

  std::vector<MappedFile> files_;
  std::vector<Buffer> copies_;
  std::vector<std::vector<TensorView>> units_;
  int64_t total_bytes_ = 0;
  int64_t copied_bytes_ = 0;
};

}  // namespace strata
