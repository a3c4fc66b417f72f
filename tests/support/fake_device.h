// A gpu's memory for tests: host memory that is treated as another device's. Copies are queued and
// done by other threads, so what is copied too late, too early or not at all is found out: both
// sides are real memory and the queues are real threads.
#pragma once

#include <cstring>
#include <string>

#include "kernels/device/device.h"
#include "kernels/device/stream.h"

namespace strata::testing {

class FakeDevice final : public Device {
 public:
  std::string Name() const override { return "fake gpu"; }
  absl::StatusOr<Buffer> Allocate(int64_t bytes) override {
    return Buffer::Allocate(bytes, MemoryKind::kPageable);
  }
  absl::StatusOr<Buffer> AllocateHost(int64_t bytes) override { return Allocate(bytes); }
  Event CopyIn(std::byte* to, const std::byte* from, int64_t bytes) override {
    return Copy(in_, to, from, bytes);
  }
  Event CopyOut(std::byte* to, const std::byte* from, int64_t bytes) override {
    return Copy(out_, to, from, bytes);
  }
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

  Stream in_, out_;
};

}  // namespace strata::testing
