#include "kernels/device/buffer.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/round_up.h"
#include "kernels/device/memory_nodes.h"

namespace strata {
namespace {

absl::Status Exhausted(int64_t bytes, MemoryKind kind, absl::string_view why) {
  return absl::ResourceExhaustedError(absl::StrCat("cannot allocate ", bytes, " bytes of ",
                                                   MemoryKindName(kind), " memory: ", why));
}

}  // namespace

absl::StatusOr<Buffer> Buffer::Allocate(int64_t bytes, MemoryKind kind) {
  if (bytes < 0) return absl::InvalidArgumentError(absl::StrCat("a buffer of ", bytes, " bytes"));
  if (kind == MemoryKind::kDevice) {
    return absl::UnimplementedError("memory of a device is allocated by the device");
  }
  if (bytes == 0) return Buffer(nullptr, 0, kind);
  const int64_t alignment = bytes >= kHugePageBytes ? kHugePageBytes : kAlignment;
  if (bytes > INT64_MAX - alignment) return Exhausted(bytes, kind, "beyond the address space");
  const int64_t rounded = RoundUp(bytes, alignment);
  void* data = std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(rounded));
  if (data == nullptr) return Exhausted(bytes, kind, "out of memory");
  // Advice only: a kernel without huge pages refuses it and the memory serves all the same.
  if (alignment == kHugePageBytes) {
    madvise(data, static_cast<size_t>(rounded), MADV_HUGEPAGE);
    SpreadOverNodes(static_cast<std::byte*>(data), rounded, SpreadNodes());
  }
  if (kind == MemoryKind::kPinned && mlock(data, static_cast<size_t>(bytes)) != 0) {
    const int error = errno;
    std::free(data);
    return Exhausted(bytes, kind, absl::StrCat("mlock: ", std::strerror(error)));
  }
  return Buffer(static_cast<std::byte*>(data), bytes, kind);
}

Buffer Buffer::Own(std::byte* data, int64_t bytes, MemoryKind kind,
                   absl::AnyInvocable<void()> free) {
  Buffer buffer(data, bytes, kind);
  buffer.free_ = std::move(free);
  return buffer;
}

void Buffer::Free() {
  if (data_ == nullptr) return;
  if (free_ != nullptr) {
    free_();
    free_ = nullptr;
  } else {
    if (kind_ == MemoryKind::kPinned) munlock(data_, static_cast<size_t>(bytes_));
    std::free(data_);
  }
  data_ = nullptr;
  bytes_ = 0;
}

void Buffer::Swap(Buffer& other) {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(kind_, other.kind_);
  std::swap(free_, other.free_);
}

}  // namespace strata
