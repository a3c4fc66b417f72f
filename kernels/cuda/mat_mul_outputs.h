// A part of a product: some of its outputs, which are rows of the weight and columns of the rest.
#pragma once

#include "kernels/ops/mat_mul.h"

namespace strata::cuda {

// Outputs [begin, end) of `args`, whose weights lie in `weight` [end - begin, in_dim].
inline MatMulArgs OutputsOf(const MatMulArgs& args, int64_t begin, int64_t end,
                            const TensorView& weight) {
  const auto columns = [&](const TensorView& view) {
    return MutableTensorView(
        static_cast<char*>(const_cast<void*>(view.data())) + BytesOf(view.dtype(), begin),
        view.dtype(), {view.num_rows(), end - begin}, view.row_stride());
  };
  MatMulArgs part = args;
  part.weight = weight;
  part.out = columns(args.out);
  if (args.residual.present()) part.residual = columns(args.residual);
  if (args.bias.present()) {
    part.bias =
        TensorView(static_cast<const char*>(args.bias.data()) + BytesOf(args.bias.dtype(), begin),
                   args.bias.dtype(), {end - begin});
  }
  return part;
}

}  // namespace strata::cuda
