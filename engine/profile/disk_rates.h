// Rates of the disk below a directory, measured as the engine uses it: a spill file written and
// read back through DiskQueue with its usual depth, two submissions of a tensor's size in flight.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/profile/compute_rates.h"
#include "kernels/device/buffer.h"
#include "kernels/ops/backend.h"
#include "offload/disk/disk_file.h"
#include "offload/disk/disk_queue.h"
#include "offload/plan/hardware_profile.h"

namespace strata {

class DiskProbe {
 public:
  // A spill file of `bytes`, or of a quarter of what is free if that is less. Errors of
  // DiskFile::CreateSpill; ResourceExhausted also when less than 64 MiB could be used.
  static absl::StatusOr<std::unique_ptr<DiskProbe>> Create(const std::string& directory,
                                                           int64_t bytes);

  // The rate of writing the file (or what of it is written in two seconds), and the time of one
  // page alone.
  absl::StatusOr<LinkRate> MeasureWrite();

  // The same of reading what was written: after MeasureWrite.
  absl::StatusOr<LinkRate> MeasureRead();

  // What is left to each when `backend` computes matrix products while the disk reads: its rate
  // then divided by its rate alone, at most 1. The mean of products of one row (which compete for
  // memory) and of 64 or max_rows (which compete for cores). After MeasureWrite.
  struct Shares {
    double cpu = 1;
    double disk = 1;
  };
  absl::StatusOr<Shares> MeasureShares(Backend& backend, const ComputeRatesOptions& options);

 private:
  DiskProbe(DiskFile file, std::unique_ptr<DiskQueue> queue, Buffer memory);

  enum class Direction : uint8_t { kRead, kWrite };
  Event Submit(Direction direction, int64_t offset, int64_t bytes, int64_t slot);
  // Reads on through what was written, over and over; what arrives in memory is of no use.
  struct Reading {
    Event event;
    int64_t bytes = 0;
  };
  Reading ReadMuch();
  // Seconds of passing over the first `bytes` of the file; stops after two and says how far it got.
  struct Pass {
    int64_t bytes = 0;
    double seconds = 0;
  };
  absl::StatusOr<Pass> RunPass(Direction direction, int64_t bytes);
  absl::StatusOr<LinkRate> Measure(Direction direction, int64_t bytes);

  const DiskFile file_;
  std::unique_ptr<DiskQueue> queue_;
  Buffer memory_;              // two slots
  int64_t written_bytes_ = 0;  // from the file's start
  int64_t next_read_offset_ = 0;
};

}  // namespace strata
