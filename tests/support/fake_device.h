// A gpu's memory for tests: host memory that is treated as another device's. Copies are queued and
// done by other threads, so what is copied too late, too early or not at all is found out: both
// sides are real memory and the queues are real threads.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>

#include "kernels/device/device.h"
#include "kernels/device/stream.h"

namespace strata::testing {

class FakeDevice final : public Device {
 public:
  std::string Name() const override { return "fake gpu"; }
  absl::StatusOr<Buffer> Allocate(int64_t bytes) override {
    absl::StatusOr<Buffer> memory = AllocateHost(bytes);
    if (!memory.ok() || bytes == 0) return memory;
    allocated_bytes_ += bytes;
    peak_bytes_ = std::max(peak_bytes_, allocated_bytes_);
    std::byte* const data = memory->data();
    return Buffer::Own(data, bytes, MemoryKind::kPageable,
                       [this, bytes, memory = *std::move(memory)] { allocated_bytes_ -= bytes; });
  }
  absl::StatusOr<Buffer> AllocateHost(int64_t bytes) override {
    return Buffer::Allocate(bytes, MemoryKind::kPageable);
  }
  Event CopyIn(std::byte* to, const std::byte* from, int64_t bytes) override {
    return Copy(in_, to, from, bytes);
  }
  Event CopyOut(std::byte* to, const std::byte* from, int64_t bytes) override {
    return Copy(out_, to, from, bytes);
  }
  // The most of its memory that was allocated at a time. By one thread, as allocation is.
  int64_t peak_bytes() const { return peak_bytes_; }
  absl::Status Write(std::byte* to, const std::byte* from, int64_t bytes) override {
    std::memcpy(to, from, static_cast<size_t>(bytes));
    return absl::OkStatus();
  }

 private:
  static Event Copy(Stream& queue, std::byte* to, const std::byte* from, int64_t bytes) {
    queue.Submit([to, from, bytes] {
      std::memcpy(to, from, static_cast<size_t>(bytes));
      return absl::OkStatus();
    });
    return queue.Record();
  }

  int64_t allocated_bytes_ = 0;
  int64_t peak_bytes_ = 0;
  Stream in_, out_;
};

}  // namespace strata::testing
