#include "engine/activation_memory.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/hidden_rows.h"
#include "kernels/base/status.h"
#include "offload/plan/hidden_places.h"

namespace strata {
namespace {

absl::StatusOr<std::unique_ptr<DiskFile>> MakeSpill(Engine& engine, int64_t bytes,
                                                    std::vector<MemoryCharge>& charges) {
  STRATA_ASSIGN_OR_RETURN(MemoryCharge charge, MemoryCharge::Take(engine.budget(), Tier::kDisk,
                                                                  bytes, "activations that wait"));
  charges.push_back(std::move(charge));
  STRATA_ASSIGN_OR_RETURN(DiskFile spill, DiskFile::CreateSpill(engine.disk_directory(), bytes));
  return std::make_unique<DiskFile>(std::move(spill));
}

}  // namespace

absl::StatusOr<ActivationMemory> MakeActivationMemory(Engine& engine, ActivationExtents extents) {
  const ModelConfig& config = engine.decoder().config();
  const TierShares& shares = engine.policy().activations;
  const int64_t count = extents.max_micro_batches;
  const int64_t num_on_disk = NumHiddenOnDisk(shares, count);
  std::vector<MemoryCharge> charges;
  std::unique_ptr<DiskFile> spill;
  int64_t place_bytes = 0;
  extents.hidden_places = HiddenPlacesInHost(shares, count);
  int64_t bytes = 0;
  if (num_on_disk > kNumHiddenVisitors) {
    place_bytes = HiddenPlaceBytes(extents.max_tokens, config.hidden_dim);
    STRATA_ASSIGN_OR_RETURN(spill, MakeSpill(engine, num_on_disk * place_bytes, charges));
    extents.hidden_alignment = kDiskAlignment;
    bytes = Buffer::kHugePageBytes;  // memory of that size is aligned well
  }
  bytes = std::max(bytes, Activations::BytesFor(config, extents));
  const std::string what =
      absl::StrCat("activations of ", count, " micro-batches of ", extents.max_tokens, " tokens");
  STRATA_ASSIGN_OR_RETURN(MemoryCharge charge,
                          MemoryCharge::Take(engine.budget(), Tier::kHost, bytes, what));
  charges.push_back(std::move(charge));
  absl::StatusOr<Buffer> memory = engine.gpu() != nullptr
                                      ? engine.gpu()->AllocateHost(bytes)
                                      : Buffer::Allocate(bytes, MemoryKind::kPageable);
  if (!memory.ok()) return WithContext(memory.status(), what);
  ActivationMemory result = {.charges = std::move(charges),
                             .spill = std::move(spill),
                             .place_bytes = place_bytes,
                             .in_host = Activations::Within(config, extents, *std::move(memory))};
  if (engine.gpu() == nullptr) return result;

  extents.hidden_places = HiddenPlacesOnGpu(shares, count);
  const int64_t gpu_bytes = Activations::BytesFor(config, extents);
  STRATA_ASSIGN_OR_RETURN(MemoryCharge on_gpu,
                          MemoryCharge::Take(engine.budget(), Tier::kGpu, gpu_bytes, what));
  result.charges.push_back(std::move(on_gpu));
  STRATA_ASSIGN_OR_RETURN(Buffer gpu_memory, engine.gpu()->Allocate(gpu_bytes));
  result.on_gpu = Activations::Within(config, extents, std::move(gpu_memory));
  return result;
}

}  // namespace strata
