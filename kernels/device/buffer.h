// Buffer: the only owner of bytes that tensors are viewed in. Move-only, of one MemoryKind.
//
// Host buffers are aligned to 64 bytes; from 2 MiB on to 2 MiB, with huge pages asked for, so that
// streaming over weights does not spend its time in page walks, and spread over the machine's
// memory nodes (memory_nodes.h). Bytes are not initialised. What a device allocates comes with the
// device's way to free it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "kernels/device/memory_kind.h"

namespace strata {

class Buffer {
 public:
  static constexpr int64_t kAlignment = 64;
  static constexpr int64_t kHugePageBytes = int64_t{2} << 20;

  // `bytes` >= 0 of uninitialised memory. InvalidArgument (negative), ResourceExhausted (no
  // memory, or for kPinned more than the process may lock), Unimplemented (kDevice: ask a Device).
  static absl::StatusOr<Buffer> Allocate(int64_t bytes, MemoryKind kind);

  // Takes over `bytes` > 0 at `data`; `free` is called once, when the buffer goes.
  static Buffer Own(std::byte* data, int64_t bytes, MemoryKind kind,
                    absl::AnyInvocable<void()> free);

  Buffer() = default;  // no bytes
  ~Buffer() { Free(); }
  Buffer(Buffer&& other) noexcept { Swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      Free();
      Swap(other);
    }
    return *this;
  }

  std::byte* data() const { return data_; }  // null when bytes() == 0
  int64_t bytes() const { return bytes_; }
  MemoryKind kind() const { return kind_; }

 private:
  Buffer(std::byte* data, int64_t bytes, MemoryKind kind)
      : data_(data), bytes_(bytes), kind_(kind) {}
  void Free();
  void Swap(Buffer& other);

  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
  MemoryKind kind_ = MemoryKind::kPageable;
  absl::AnyInvocable<void()> free_;  // null: allocated here
};

}  // namespace strata
