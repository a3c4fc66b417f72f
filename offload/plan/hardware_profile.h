// HardwareProfile: the measured rates of one machine, from which every price follows.
//
// Plain values; strata profile measures and stores them, tests write them by hand, FlexGen's
// published machine is one of them. Rates are per second; bytes are bytes, not GiB.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/base/dtype.h"

namespace strata {

// Matrix products: the rate grows with the number of rows.
struct MatMulRate {
  DType weight_dtype = DType::kBF16;
  int64_t num_rows = 0;
  double flops_per_s = 0;  // 2 * rows * weights / time

  friend bool operator==(const MatMulRate&, const MatMulRate&) = default;
};

// A place that computes.
struct DeviceRates {
  std::string name;                  // "AMD EPYC, 2 threads"
  double memory_bytes_per_s = 0;     // sequential read
  std::vector<MatMulRate> mat_mul;   // by dtype, then rising num_rows; interpolated between
  double attention_bytes_per_s = 0;  // decode: KV bytes read
  double attention_flops_per_s = 0;  // prefill: 4 * head_dim * query heads * attended positions
  double seconds_per_stage = 0;      // fixed cost of starting a stage

  friend bool operator==(const DeviceRates&, const DeviceRates&) = default;
};

// A way between two tiers, in one direction.
struct LinkRate {
  double bytes_per_s = 0;
  double latency_s = 0;  // of one transfer

  friend bool operator==(const LinkRate&, const LinkRate&) = default;
};

struct HardwareProfile {
  DeviceRates cpu;
  std::optional<DeviceRates> gpu;
  LinkRate host_to_device;  // with a gpu
  LinkRate device_to_host;
  LinkRate disk_read;  // at the depth and size the engine uses
  LinkRate disk_write;
  // Share of the cpu's rates that is left while the disk lanes are busy, and of the disk's while
  // the cpu computes on all its threads.
  double cpu_share_beside_disk = 1.0;
  double disk_share_beside_cpu = 1.0;
  std::string measured_at;  // date; empty: written by hand

  friend bool operator==(const HardwareProfile&, const HardwareProfile&) = default;
};

}  // namespace strata
