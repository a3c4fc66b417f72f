// Shared pieces of the ops' Check functions: each returns InvalidArgument naming the op, the
// tensor, what was expected and what was given.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "kernels/base/tensor_view.h"

namespace strata {

// `tensor` is present with exactly this format and shape.
absl::Status CheckTensor(absl::string_view op, absl::string_view name, const TensorView& tensor,
                         DType dtype, const Shape& shape);

// `tensor` is present with this shape and one of the float formats f32, f16, bf16.
absl::Status CheckFloatTensor(absl::string_view op, absl::string_view name,
                              const TensorView& tensor, const Shape& shape);

// An error for op and tensor with a free text.
absl::Status OpError(absl::string_view op, absl::string_view name, absl::string_view what);

// Bytes of all elements of `tensor`; 0 when it is absent.
int64_t BytesOf(const TensorView& tensor);

}  // namespace strata
