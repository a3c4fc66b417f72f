// MachineProbe: what this machine can do at most, measured in the run that is judged by it.
//
// Two numbers for a number of threads: bytes per second that they read together from a region far
// larger than the caches, and the floating-point operations per second of fused multiply-adds on
// registers, in the widest vectors the processor has. The best of many short measurements, since
// whatever else runs on the machine can only lower them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/device/buffer.h"
#include "kernels/device/thread_pool.h"
#include "kernels/ops/cost.h"

namespace strata::bench {

struct MachineProbe {
  int num_threads = 1;
  double read_bytes_per_s = 0;
  double flops_per_s = 0;

  // Seconds that work of this cost takes at least, when nothing of it is cached.
  double BoundSeconds(const OpCost& cost) const {
    return std::max(static_cast<double>(cost.flops) / flops_per_s,
                    static_cast<double>(cost.bytes_read + cost.bytes_written) / read_bytes_per_s);
  }
};

// Reads memory in one linear sweep per thread, a piece at a time, so that a case can measure the
// rate beside itself: that of a machine shared with others changes within seconds.
class ReadProbe {
 public:
  explicit ReadProbe(int num_threads);
  // Bytes per second of reading the next piece of a region far larger than the caches.
  double Measure();

 private:
  ThreadPool threads_;
  Buffer region_;
  int64_t turn_ = 0;
};

// Takes about a second and 512 MiB.
MachineProbe ProbeMachine(int num_threads);

}  // namespace strata::bench
