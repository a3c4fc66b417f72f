// What an operation must do at least: the numerator of every "per cent of the bound".
//
// Each op has Cost(args): floating-point operations and the bytes that must cross the memory bus
// once when nothing is cached. Benchmarks divide by it, the planner prices steps with it.
#pragma once

#include <cstdint>

namespace strata {

struct OpCost {
  int64_t flops = 0;
  int64_t bytes_read = 0;
  int64_t bytes_written = 0;

  friend bool operator==(const OpCost&, const OpCost&) = default;
};

inline OpCost operator+(const OpCost& a, const OpCost& b) {
  return {a.flops + b.flops, a.bytes_read + b.bytes_read, a.bytes_written + b.bytes_written};
}

}  // namespace strata
