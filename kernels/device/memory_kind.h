// Where the bytes of a Buffer live, and so who can reach them and how.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace strata {

enum class MemoryKind : uint8_t {
  kPageable,  // host memory
  kPinned,    // host memory that stays resident, so that a device copies from it directly
  kDevice,    // memory of a GPU
};

// "pageable", "pinned", "device".
inline absl::string_view MemoryKindName(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::kPageable:
      return "pageable";
    case MemoryKind::kPinned:
      return "pinned";
    case MemoryKind::kDevice:
      return "device";
  }
  return "unknown";
}

}  // namespace strata
