// LaneMove: the bytes that one step of the schedule moves on its lane, worked out when the step is
// issued: it may still be on its way when the next pass begins. A plain value.
#pragma once

#include <cstdint>
#include <vector>

#include "offload/disk/disk_queue.h"
#include "offload/kv/kv_lease.h"
#include "offload/plan/schedule.h"

namespace strata {

struct LaneMove {
  Lane lane = Lane::kDiskRead;
  std::vector<DiskTransfer> transfers;  // on a disk lane
  std::vector<KvCopy> copies;           // on the others

  int64_t bytes() const {
    int64_t sum = 0;
    for (const DiskTransfer& transfer : transfers) sum += transfer.bytes;
    for (const KvCopy& copy : copies) sum += copy.bytes;
    return sum;
  }
};

}  // namespace strata
