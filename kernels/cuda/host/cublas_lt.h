// CublasLt: NVIDIA's matrix products, from a library that is opened when it is first needed:
// linking it would cost every start of the program 0.1 s and 217 MB.
//
// One algorithm is chosen for each weight matrix (its format, extents and epilogue), by the
// library's heuristic for kReferenceRows rows, among those that sum in one piece (no split of the
// inner dimension), and then used whatever the number of rows: so a row's bits do not depend on its
// batch as far as the library's kernels keep to that. Used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "kernels/cuda/product_library.h"

namespace strata::cuda {

class CublasLt final : public ProductLibrary {
 public:
  static constexpr int64_t kReferenceRows = 1024;

  // Opens the library. Unavailable: it is not there, or lacks a function; the message says which.
  static absl::StatusOr<std::unique_ptr<CublasLt>> Load();
  ~CublasLt() override;

  // "cuBLASLt 13.0.2".
  std::string Name() const;

  absl::Status Multiply(const LibraryProduct& product, LaunchContext& context) override;

 private:
  struct State;

  explicit CublasLt(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace strata::cuda
