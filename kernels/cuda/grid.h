// Extents of a launch: how many ctas a kernel runs as.
#pragma once

#include <cstdint>

namespace strata::cuda {

struct Grid {
  int x = 1;
  int y = 1;  // at most 65535
  int z = 1;  // at most 65535

  bool empty() const { return x <= 0 || y <= 0 || z <= 0; }
};

// Tiles that cover `count`.
inline int Tiles(int64_t count, int64_t tile) {
  return static_cast<int>((count + tile - 1) / tile);
}

}  // namespace strata::cuda
