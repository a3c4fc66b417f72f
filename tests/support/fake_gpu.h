// A gpu for tests: FakeDevice's memory with the CPU's kernels, whose operations are queued and done
// by another thread.
#pragma once

#include <memory>

#include "engine/engine_options.h"
#include "kernels/base/status.h"
#include "kernels/cpu/cpu_backend.h"
#include "tests/support/deferred_backend.h"
#include "tests/support/fake_device.h"

namespace strata::testing {

inline absl::StatusOr<GpuParts> MakeFakeGpu() {
  GpuParts parts = {.device = std::make_unique<FakeDevice>()};
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<Backend> cpu, CpuBackend::Create({.num_threads = 1}));
  parts.backend = std::make_unique<DeferredBackend>(std::move(cpu));
  return parts;
}

}  // namespace strata::testing
