#include "kernels/device/memory_nodes.h"

#if defined(__linux__)
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace strata {

#if defined(__linux__)

// The kernel takes one bit less than it is told.
bool SystemInterleave(std::byte* data, int64_t bytes, const uint64_t (&nodes)[kNodeWords]) {
  return syscall(SYS_mbind, data, static_cast<unsigned long>(bytes), MPOL_INTERLEAVE, nodes,
                 static_cast<unsigned long>(kNodeBits + 1), 0u) == 0;
}

std::vector<int> SpreadNodes() {
  uint64_t words[kNodeWords] = {};
  int policy = MPOL_DEFAULT;
  if (syscall(SYS_get_mempolicy, &policy, nullptr, 0ul, nullptr, 0ul) != 0) return {};
  if (policy != MPOL_DEFAULT) return {};
  if (syscall(SYS_get_mempolicy, nullptr, words, static_cast<unsigned long>(kNodeBits + 1), nullptr,
              static_cast<unsigned long>(MPOL_F_MEMS_ALLOWED)) != 0) {
    return {};
  }
  std::vector<int> nodes;
  for (int node = 0; node < kNodeBits; ++node) {
    if ((words[node / 64] >> (node % 64) & 1u) != 0) nodes.push_back(node);
  }
  return nodes;
}

#else

bool SystemInterleave(std::byte*, int64_t, const uint64_t (&)[kNodeWords]) { return false; }
std::vector<int> SpreadNodes() { return {}; }

#endif

bool SpreadOverNodes(std::byte* data, int64_t bytes, absl::Span<const int> nodes,
                     InterleaveCall call) {
  if (nodes.size() < 2) return false;
  uint64_t words[kNodeWords] = {};
  for (const int node : nodes) words[node / 64] |= uint64_t{1} << (node % 64);
  return call(data, bytes, words);
}

}  // namespace strata
