// The instruction sets the CPU bodies are compiled for, and which of them this processor has.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata {

enum class CpuIsa : uint8_t {
  kBaseline,  // what every processor of the architecture has: SSE2 on x86-64, NEON on arm64
  kAvx2,      // AVX2, FMA and F16C
  kAvx512,    // AVX-512 F, BW, DQ and VL
};

// "baseline", "avx2", "avx512".
absl::string_view CpuIsaName(CpuIsa isa);

// The instruction sets that this processor has and this program was built with, narrowest first;
// never empty.
std::vector<CpuIsa> AvailableCpuIsas();

}  // namespace strata
