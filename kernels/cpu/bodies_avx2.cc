// The bodies compiled for AVX2, FMA and F16C; the flags are in kernels/CMakeLists.txt.
#include "kernels/cpu/body/table.h"

namespace strata::cpu {

const Bodies& Avx2Bodies() { return kBodies; }

}  // namespace strata::cpu
