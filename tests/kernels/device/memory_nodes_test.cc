#include "kernels/device/memory_nodes.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/device/buffer.h"

namespace strata {
namespace {

using testing::ElementsAre;

// The set that a call is made with, empty without a call.
std::vector<std::vector<uint64_t>> CallsFor(const std::vector<int>& nodes, bool answer = true) {
  std::vector<std::vector<uint64_t>> calls;
  std::byte memory[64];
  const auto call = [&](std::byte* data, int64_t bytes, const uint64_t(&words)[kNodeWords]) {
    EXPECT_EQ(data, memory);
    EXPECT_EQ(bytes, 64);
    calls.emplace_back(words, words + kNodeWords);
    return answer;
  };
  EXPECT_EQ(SpreadOverNodes(memory, 64, nodes, call), answer && nodes.size() > 1);
  return calls;
}

TEST(MemoryNodesTest, OneNodeOrNoneGetsNoCall) {
  EXPECT_TRUE(CallsFor({}).empty());
  EXPECT_TRUE(CallsFor({0}).empty());
  EXPECT_TRUE(CallsFor({5}).empty());
}

TEST(MemoryNodesTest, EveryNodeIsABitOfTheSet) {
  std::vector<uint64_t> expected(kNodeWords);
  expected[0] = 0b101;
  EXPECT_THAT(CallsFor({0, 2}), ElementsAre(expected));
  expected[0] = uint64_t{1} << 63;
  expected[1] = 0b10;
  expected[15] = uint64_t{1} << 63;
  EXPECT_THAT(CallsFor({63, 65, 1023}), ElementsAre(expected));
}

TEST(MemoryNodesTest, ARefusalIsTold) { EXPECT_EQ(CallsFor({0, 1}, false).size(), 1u); }

// Those that Linux shows, unless the tests run under a policy or in a container that hides them.
TEST(MemoryNodesTest, NodesAreThoseOfTheMachine) {
  const std::vector<int> nodes = SpreadNodes();
  if (nodes.empty()) GTEST_SKIP() << "the system tells no nodes, or the process has a policy";
  EXPECT_TRUE(std::is_sorted(nodes.begin(), nodes.end()));
  for (const int node : nodes) {
    const std::string path = "/sys/devices/system/node/node" + std::to_string(node);
    if (std::filesystem::exists("/sys/devices/system/node")) {
      EXPECT_TRUE(std::filesystem::exists(path)) << path;
    }
  }
}

// Policy of the page at `data`, or -1 where the system does not tell.
int PolicyAt(const std::byte* data) {
  int policy = -1;
  const long result = syscall(SYS_get_mempolicy, &policy, nullptr, 0ul, data,
                              static_cast<unsigned long>(MPOL_F_ADDR));
  return result == 0 ? policy : -1;
}

// The call itself, over the nodes there are, be it one: read back, and the memory serves.
TEST(MemoryNodesTest, TheSystemTakesTheCall) {
  const std::vector<int> nodes = SpreadNodes();
  if (nodes.empty()) GTEST_SKIP() << "the system tells no nodes, or the process has a policy";
  const absl::StatusOr<Buffer> buffer =
      Buffer::Allocate(2 * Buffer::kHugePageBytes, MemoryKind::kPageable);
  ASSERT_TRUE(buffer.ok()) << buffer.status();
  const int expected = nodes.size() > 1 ? MPOL_INTERLEAVE : MPOL_DEFAULT;
  EXPECT_EQ(PolicyAt(buffer->data()), expected);
  uint64_t words[kNodeWords] = {};
  for (const int node : nodes) words[node / 64] |= uint64_t{1} << (node % 64);
  if (!SystemInterleave(buffer->data(), buffer->bytes(), words)) {
    GTEST_SKIP() << "mbind is refused here";
  }
  EXPECT_EQ(PolicyAt(buffer->data()), MPOL_INTERLEAVE);
  EXPECT_EQ(PolicyAt(buffer->data() + buffer->bytes() - 1), MPOL_INTERLEAVE);
  std::memset(buffer->data(), 7, static_cast<size_t>(buffer->bytes()));
}

}  // namespace
}  // namespace strata
