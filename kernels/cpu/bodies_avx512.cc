// The bodies compiled for AVX-512 F, BW, DQ and VL; the flags are in kernels/CMakeLists.txt.
#include "kernels/cpu/body/table.h"

namespace strata::cpu {

const Bodies& Avx512Bodies() { return kBodies; }

}  // namespace strata::cpu
