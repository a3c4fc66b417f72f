#include "engine/profile/disk_rates.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/profile/repeated_measurement.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

constexpr int64_t kSlotBytes = int64_t{32} << 20;  // a submission: a tensor of a small layer
constexpr int64_t kNumSlots = 2;
// While products run: 64 MiB, twice, is many times a product even of the quickest disk, and short
// beside the time measured, at whose end they are waited for.
constexpr int64_t kSlotsPerRead = 2;
constexpr int64_t kMinFileBytes = kNumSlots * kSlotBytes;
constexpr double kMaxPassSeconds = 2;  // a slow disk is judged by a part of the file
constexpr int kNumPasses = 3;
constexpr double kMaxDirectionSeconds = 2.5;

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

absl::StatusOr<std::unique_ptr<DiskProbe>> DiskProbe::Create(const std::string& directory,
                                                             int64_t bytes) {
  struct statvfs info;
  if (statvfs(directory.c_str(), &info) == 0) {
    const int64_t free_bytes =
        static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
    bytes = std::min(bytes, free_bytes / 4);
    if (bytes < kMinFileBytes) {
      return absl::ResourceExhaustedError(absl::StrCat("'", directory, "' has ", free_bytes,
                                                       " bytes free, too few to measure the disk"));
    }
  }
  STRATA_ASSIGN_OR_RETURN(
      DiskFile file, DiskFile::CreateSpill(directory, bytes / kDiskAlignment * kDiskAlignment));
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<DiskQueue> queue, DiskQueue::Create({}));
  STRATA_ASSIGN_OR_RETURN(Buffer memory,
                          Buffer::Allocate(kNumSlots * kSlotBytes, MemoryKind::kPageable));
  std::memset(memory.data(), 1, static_cast<size_t>(memory.bytes()));
  return std::unique_ptr<DiskProbe>(
      new DiskProbe(std::move(file), std::move(queue), std::move(memory)));
}

DiskProbe::DiskProbe(DiskFile file, std::unique_ptr<DiskQueue> queue, Buffer memory)
    : file_(std::move(file)), queue_(std::move(queue)), memory_(std::move(memory)) {}

Event DiskProbe::Submit(Direction direction, int64_t offset, int64_t bytes, int64_t slot) {
  const DiskTransfer transfer{&file_, offset, bytes, memory_.data() + slot * kSlotBytes};
  return direction == Direction::kRead ? queue_->Read({&transfer, 1})
                                       : queue_->Write({&transfer, 1});
}

absl::StatusOr<DiskProbe::Pass> DiskProbe::RunPass(Direction direction, int64_t bytes) {
  std::array<Event, kNumSlots> slots;
  Pass pass;
  const auto start = std::chrono::steady_clock::now();
  for (size_t slot = 0; pass.bytes < bytes; slot = (slot + 1) % kNumSlots) {
    STRATA_RETURN_IF_ERROR(slots[slot].Synchronize());
    if (SecondsSince(start) > kMaxPassSeconds) break;
    const int64_t extent = std::min(kSlotBytes, bytes - pass.bytes);
    slots[slot] = Submit(direction, pass.bytes, extent, static_cast<int64_t>(slot));
    pass.bytes += extent;
  }
  for (const Event& event : slots) STRATA_RETURN_IF_ERROR(event.Synchronize());
  pass.seconds = SecondsSince(start);
  return pass;
}

absl::StatusOr<LinkRate> DiskProbe::Measure(Direction direction, int64_t bytes) {
  std::vector<double> rates;
  double total_seconds = 0;
  while (rates.size() < kNumPasses && total_seconds < kMaxDirectionSeconds / 2) {
    STRATA_ASSIGN_OR_RETURN(const Pass pass, RunPass(direction, bytes));
    rates.push_back(static_cast<double>(pass.bytes) / pass.seconds);
    total_seconds += pass.seconds;
    if (direction == Direction::kWrite) written_bytes_ = std::max(written_bytes_, pass.bytes);
  }
  constexpr double kLatencySeconds = 0.05;
  const int64_t num_pages = bytes / kDiskAlignment;
  int64_t page = 0;
  STRATA_ASSIGN_OR_RETURN(
      const double latency, MedianSecondsOf(kLatencySeconds, [&] {
        page = (page + 7919) % num_pages;  // a prime: no two are neighbours
        return Submit(direction, page * kDiskAlignment, kDiskAlignment, 0).Synchronize();
      }));
  return LinkRate{.bytes_per_s = Median(std::move(rates)), .latency_s = latency};
}

absl::StatusOr<LinkRate> DiskProbe::MeasureWrite() {
  return Measure(Direction::kWrite, file_.bytes());
}

absl::StatusOr<LinkRate> DiskProbe::MeasureRead() {
  STRATA_CHECK(written_bytes_ > 0, "what is read was written before");
  return Measure(Direction::kRead, written_bytes_);
}

DiskProbe::Reading DiskProbe::ReadMuch() {
  std::vector<DiskTransfer> transfers;
  const int64_t slot_bytes = std::min(kSlotBytes, written_bytes_);
  for (int64_t i = 0; i < kSlotsPerRead; ++i) {
    if (next_read_offset_ + slot_bytes > written_bytes_) next_read_offset_ = 0;
    transfers.push_back({&file_, next_read_offset_, slot_bytes, memory_.data()});
    next_read_offset_ += slot_bytes;
  }
  return {queue_->Read(transfers), kSlotsPerRead * slot_bytes};
}

absl::StatusOr<DiskProbe::Shares> DiskProbe::MeasureShares(Backend& backend,
                                                           const ComputeRatesOptions& options) {
  STRATA_CHECK(written_bytes_ > 0, "what is read was written before");
  const int64_t many_rows = std::min<int64_t>(64, options.max_rows);
  const double seconds = 2 * options.seconds_per_rate;
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<MatMulProbe> probe,
                          MatMulProbe::Create(DType::kBF16, many_rows, options.cold_bytes));
  std::vector<double> cpu_shares, disk_shares;
  for (const int64_t num_rows : {int64_t{1}, many_rows}) {
    const auto product = [&] { return probe->Run(backend, num_rows); };
    // Enough in flight that the disk is busy until the next product ends.
    std::array<Reading, kNumSlots> reads;
    int64_t bytes = 0;
    const auto product_beside_disk = [&]() -> absl::Status {
      for (Reading& read : reads) {
        if (!read.event.Done()) continue;
        STRATA_RETURN_IF_ERROR(read.event.Synchronize());
        read = ReadMuch();
        bytes += read.bytes;
      }
      return product();
    };
    // Three times by turns: the machine may change from one second to the next.
    std::vector<double> cpu, disk;
    for (int turn = 0; turn < 3; ++turn) {
      STRATA_ASSIGN_OR_RETURN(const double alone, MedianSecondsOf(seconds, product));
      STRATA_ASSIGN_OR_RETURN(const Pass disk_alone, RunPass(Direction::kRead, written_bytes_));
      const auto start = std::chrono::steady_clock::now();
      bytes = 0;
      STRATA_ASSIGN_OR_RETURN(const double beside, MedianSecondsOf(seconds, product_beside_disk));
      for (const Reading& read : reads) STRATA_RETURN_IF_ERROR(read.event.Synchronize());
      const double rate = static_cast<double>(bytes) / SecondsSince(start);
      cpu.push_back(alone / beside);
      disk.push_back(rate * disk_alone.seconds / static_cast<double>(disk_alone.bytes));
    }
    cpu_shares.push_back(std::min(1.0, Median(std::move(cpu))));
    disk_shares.push_back(std::min(1.0, Median(std::move(disk))));
  }
  return Shares{.cpu = (cpu_shares[0] + cpu_shares[1]) / 2,
                .disk = (disk_shares[0] + disk_shares[1]) / 2};
}

}  // namespace strata
