#include "kernels/device/buffer.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata {
namespace {

using testing::HasSubstr;

TEST(BufferTest, IsAlignedAndWritable) {
  for (const int64_t bytes : {1, 63, 64, 65, 4096, (2 << 20) - 1, 2 << 20, (2 << 20) + 1}) {
    const absl::StatusOr<Buffer> buffer = Buffer::Allocate(bytes, MemoryKind::kPageable);
    ASSERT_TRUE(buffer.ok()) << buffer.status();
    EXPECT_EQ(buffer->bytes(), bytes);
    EXPECT_EQ(buffer->kind(), MemoryKind::kPageable);
    const uintptr_t alignment = static_cast<uintptr_t>(
        bytes >= Buffer::kHugePageBytes ? Buffer::kHugePageBytes : Buffer::kAlignment);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % alignment, 0u);
    std::memset(buffer->data(), 7, static_cast<size_t>(bytes));
  }
}

TEST(BufferTest, OfNoBytes) {
  const absl::StatusOr<Buffer> buffer = Buffer::Allocate(0, MemoryKind::kPinned);
  ASSERT_TRUE(buffer.ok()) << buffer.status();
  EXPECT_EQ(buffer->data(), nullptr);
  EXPECT_EQ(buffer->bytes(), 0);
}

TEST(BufferTest, Moves) {
  absl::StatusOr<Buffer> first = Buffer::Allocate(100, MemoryKind::kPageable);
  ASSERT_TRUE(first.ok());
  std::byte* data = first->data();
  Buffer second = *std::move(first);
  EXPECT_EQ(second.data(), data);
  Buffer third;
  third = std::move(second);
  EXPECT_EQ(third.data(), data);
  EXPECT_EQ(third.bytes(), 100);
  EXPECT_EQ(second.data(), nullptr);  // NOLINT: what a moved-from buffer is, is promised
  EXPECT_EQ(second.bytes(), 0);
}

TEST(BufferTest, PinnedIsGivenOrRefusedWithAReason) {
  const absl::StatusOr<Buffer> buffer = Buffer::Allocate(4096, MemoryKind::kPinned);
  if (!buffer.ok()) {
    EXPECT_EQ(buffer.status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(buffer.status().message(), HasSubstr("4096 bytes of pinned memory"));
    return;
  }
  EXPECT_EQ(buffer->kind(), MemoryKind::kPinned);
  std::memset(buffer->data(), 1, 4096);
}

TEST(BufferTest, Errors) {
  EXPECT_EQ(Buffer::Allocate(-1, MemoryKind::kPageable).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Buffer::Allocate(INT64_MAX, MemoryKind::kPageable).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Buffer::Allocate(int64_t{1} << 60, MemoryKind::kPageable).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Buffer::Allocate(64, MemoryKind::kDevice).status().code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace strata
