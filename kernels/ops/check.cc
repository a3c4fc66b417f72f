#include "kernels/ops/check.h"

#include "absl/strings/str_cat.h"

namespace strata {

absl::Status OpError(absl::string_view op, absl::string_view name, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(op, ": '", name, "': ", what));
}

absl::Status CheckTensor(absl::string_view op, absl::string_view name, const TensorView& tensor,
                         DType dtype, const Shape& shape) {
  if (tensor.present() && tensor.dtype() == dtype && tensor.shape() == shape) {
    return absl::OkStatus();
  }
  const std::string expected = absl::StrCat("expected ", shape.ToString(), " ", DTypeName(dtype));
  if (!tensor.present()) return OpError(op, name, expected + ", got nothing");
  return OpError(
      op, name,
      absl::StrCat(expected, ", got ", tensor.shape().ToString(), " ", DTypeName(tensor.dtype())));
}

absl::Status CheckFloatTensor(absl::string_view op, absl::string_view name,
                              const TensorView& tensor, const Shape& shape) {
  if (tensor.present() && !IsFloat(tensor.dtype())) {
    return absl::UnimplementedError(absl::StrCat(op, ": '", name, "': format ",
                                                 DTypeName(tensor.dtype()),
                                                 " cannot be computed from, only f32, f16, bf16"));
  }
  return CheckTensor(op, name, tensor, tensor.dtype(), shape);
}

int64_t BytesOf(const TensorView& tensor) {
  return tensor.present() ? BytesOf(tensor.dtype(), tensor.shape().NumElements()) : 0;
}

}  // namespace strata
