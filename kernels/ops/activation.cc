#include "kernels/ops/activation.h"

#include "kernels/ops/check.h"

namespace strata {
namespace {

// Arithmetic operations per element, a function such as exp counted as one.
int64_t FlopsPerElement(Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return 1;
    case Activation::kSilu:
      return 4;
    case Activation::kGelu:
      return 5;
    case Activation::kGeluTanh:
      return 8;
  }
  STRATA_CHECK(false, "an Activation outside its list");
}

}  // namespace

absl::Status Check(const ActivateArgs& args) {
  STRATA_RETURN_IF_ERROR(CheckRank("Activate", "x", args.x, 2));
  STRATA_RETURN_IF_ERROR(CheckTensor("Activate", "x", args.x, DType::kF32, args.x.shape()));
  STRATA_RETURN_IF_ERROR(CheckTensor("Activate", "out", args.out, DType::kF32, args.x.shape()));
  return CheckSameOrDisjoint("Activate", "x", args.x, args.out);
}

absl::Status Check(const GatedActivateArgs& args) {
  constexpr absl::string_view kOp = "GatedActivate";
  const Shape& shape = args.gate.shape();
  STRATA_RETURN_IF_ERROR(CheckRank(kOp, "gate", args.gate, 2));
  STRATA_RETURN_IF_ERROR(CheckTensor(kOp, "gate", args.gate, DType::kF32, shape));
  STRATA_RETURN_IF_ERROR(CheckTensor(kOp, "up", args.up, DType::kF32, shape));
  STRATA_RETURN_IF_ERROR(CheckTensor(kOp, "out", args.out, DType::kF32, shape));
  STRATA_RETURN_IF_ERROR(CheckSameOrDisjoint(kOp, "gate", args.gate, args.out));
  return CheckSameOrDisjoint(kOp, "up", args.up, args.out);
}

OpCost Cost(const ActivateArgs& args) {
  return {.flops = FlopsPerElement(args.activation) * args.x.shape().NumElements(),
          .bytes_read = BytesOf(args.x),
          .bytes_written = BytesOf(args.out)};
}

OpCost Cost(const GatedActivateArgs& args) {
  return {.flops = (FlopsPerElement(args.activation) + 1) * args.gate.shape().NumElements(),
          .bytes_read = BytesOf(args.gate) + BytesOf(args.up),
          .bytes_written = BytesOf(args.out)};
}

}  // namespace strata
