// The bodies compiled for the instructions every processor of the architecture has; the flags are
// in kernels/CMakeLists.txt.
#include "kernels/cpu/body/table.h"

namespace strata::cpu {

const Bodies& BaselineBodies() { return kBodies; }

}  // namespace strata::cpu
