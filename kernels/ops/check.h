// Shared pieces of the ops' Check functions: each returns InvalidArgument naming the op, the
// tensor, what was expected and what was given.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "kernels/base/tensor_view.h"
#include "kernels/ops/kv_view.h"

namespace strata {

// `tensor` is present with exactly this format and shape, and its rows do not overlap.
absl::Status CheckTensor(absl::string_view op, absl::string_view name, const TensorView& tensor,
                         DType dtype, const Shape& shape);

// `tensor` is present with this shape and one of the float formats f32, f16, bf16 (Unimplemented
// for another), and its rows do not overlap.
absl::Status CheckFloatTensor(absl::string_view op, absl::string_view name,
                              const TensorView& tensor, const Shape& shape);

// As CheckFloatTensor, or packed weights: dense, and aligned to 16 bytes.
absl::Status CheckWeight(absl::string_view op, absl::string_view name, const TensorView& tensor,
                         const Shape& shape);

// `tensor` is present with this rank; for the tensors that the shapes of the others follow from.
absl::Status CheckRank(absl::string_view op, absl::string_view name, const TensorView& tensor,
                       int rank);

// `out`, which is written, shares no element with `input`. Slices of columns of one buffer are told
// apart.
absl::Status CheckDisjoint(absl::string_view op, absl::string_view name, const TensorView& input,
                           const TensorView& out);

// `out` is `input` itself or shares no element with it.
absl::Status CheckSameOrDisjoint(absl::string_view op, absl::string_view name,
                                 const TensorView& input, const TensorView& out);

// The layout's extents are positive, its format is a float or of quantised rows, and its sequences
// cover the rows [0, num_tokens) in order with pages enough for all their positions.
absl::Status CheckKvView(absl::string_view op, const KvView& kv, int64_t num_tokens);

// The pages of `sequence` that hold positions [begin, end) are there (not null).
absl::Status CheckPages(absl::string_view op, const KvLayout& layout, const KvSequence& sequence,
                        int64_t begin, int64_t end);

// An error for op and tensor with a free text.
absl::Status OpError(absl::string_view op, absl::string_view name, absl::string_view what);

// Bytes of all elements of `tensor`; 0 when it is absent.
int64_t BytesOf(const TensorView& tensor);

}  // namespace strata
