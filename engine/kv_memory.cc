#include "engine/kv_memory.h"

#include <algorithm>

#include "engine/model_shape_of.h"
#include "kernels/base/status.h"
#include "offload/plan/kv_layers.h"
#include "offload/plan/schedule.h"

namespace strata {
namespace {

KvCacheOptions CacheOptions(Engine& engine, PrefixSharing prefix_sharing) {
  const ModelConfig& config = engine.decoder().config();
  const TierShares& shares = engine.policy().kv;
  KvCacheOptions options = {.layout = {.dtype = engine.kv_dtype(),
                                       .page_size = kKvPageSize,
                                       .num_kv_heads = config.num_kv_heads,
                                       .head_dim = config.head_dim,
                                       .v_head_dim = config.head_dim},
                            .num_layers = config.num_layers,
                            .gpu = engine.gpu(),
                            .prefix_sharing = prefix_sharing};
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    options.layer_is_on_gpu.push_back(KvLiesOnGpu(shares, layer));
  }
  if (KvHostPageBytes(options) > 0) options.disk_share = KvDiskShare(shares);
  if (!engine.share_prefixes()) options.prefix_sharing = PrefixSharing::kOff;
  // Then the angles, and with them the rows, depend on the length of the whole sequence.
  if (config.rope.scaling == RopeScaling::kDynamic) options.prefix_sharing = PrefixSharing::kOff;
  return options;
}

absl::Status MakeSpill(Engine& engine, KvCacheOptions& options, KvMemory& memory) {
  const int64_t spill_bytes = KvSpillBytes(options);
  STRATA_ASSIGN_OR_RETURN(MemoryCharge on_disk, MemoryCharge::Take(engine.budget(), Tier::kDisk,
                                                                   spill_bytes, "KV cache"));
  memory.charges.push_back(std::move(on_disk));
  STRATA_ASSIGN_OR_RETURN(DiskFile spill,
                          DiskFile::CreateSpill(engine.disk_directory(), spill_bytes));
  memory.spill = std::make_unique<DiskFile>(std::move(spill));
  options.spill = memory.spill.get();
  // At most all pages on disk visit at a time, one layer of them.
  const int64_t slot_bytes = options.max_disk_pages * KvSlotBytes(options);
  const int64_t staging_bytes = std::max(kNumKvSlots * slot_bytes, Buffer::kHugePageBytes);
  STRATA_ASSIGN_OR_RETURN(
      MemoryCharge staging,
      MemoryCharge::Take(engine.budget(), Tier::kHost, staging_bytes, "staging of the KV cache"));
  memory.charges.push_back(std::move(staging));
  STRATA_ASSIGN_OR_RETURN(memory.host_staging,
                          engine.gpu() != nullptr
                              ? engine.gpu()->AllocateHost(staging_bytes)
                              : Buffer::Allocate(staging_bytes, MemoryKind::kPageable));
  memory.host_slots = {memory.host_staging.data(), slot_bytes};
  return absl::OkStatus();
}

absl::Status MakeGpuSlots(Engine& engine, const KvCacheOptions& options, int64_t num_pages,
                          KvMemory& memory) {
  // A page from disk stands in whole blocks.
  const int64_t page_bytes =
      options.max_disk_pages > 0 ? KvSlotBytes(options) : options.layout.PageBytes();
  const int64_t slot_bytes = num_pages * page_bytes;
  STRATA_ASSIGN_OR_RETURN(MemoryCharge charge,
                          MemoryCharge::Take(engine.budget(), Tier::kGpu, kNumKvSlots * slot_bytes,
                                             "KV pages that travel to the gpu"));
  memory.charges.push_back(std::move(charge));
  STRATA_ASSIGN_OR_RETURN(memory.gpu_staging, engine.gpu()->Allocate(kNumKvSlots * slot_bytes));
  memory.gpu_slots = {memory.gpu_staging.data(), slot_bytes};
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KvMemory> MakeKvMemory(Engine& engine, const KvMemoryOptions& options) {
  const ModelConfig& config = engine.decoder().config();
  MemoryBudget& budget = engine.budget();
  KvCacheOptions cache = CacheOptions(engine, options.prefix_sharing);
  const bool travels = AnyKvTravels(engine.model_shape(), engine.policy());
  int64_t positions = options.max_sequence_tokens;
  if (positions == 0 && (cache.disk_share > 0 || travels)) {
    positions = engine.plan().workload.total_tokens();
  }
  positions = positions > 0 ? std::min(positions, config.max_positions) : config.max_positions;
  const int64_t pages_per_sequence = (positions + kKvPageSize - 1) / kKvPageSize;
  const int64_t num_pages = options.max_sequences * pages_per_sequence;

  KvMemory memory;
  if (cache.disk_share > 0) {
    // One page more for each sequence: shares are rounded sequence by sequence.
    cache.max_disk_pages = std::min(
        num_pages, static_cast<int64_t>(cache.disk_share * static_cast<double>(num_pages)) +
                       options.max_sequences);
    STRATA_RETURN_IF_ERROR(MakeSpill(engine, cache, memory));
  }
  if (travels) {
    const int64_t sequences = std::min(options.max_micro_batch_sequences, options.max_sequences);
    STRATA_RETURN_IF_ERROR(MakeGpuSlots(engine, cache, sequences * pages_per_sequence, memory));
    memory.max_positions = pages_per_sequence * kKvPageSize;
  }
  if (KvGpuPageBytes(cache) > 0) {
    cache.max_gpu_pages = std::min(num_pages, budget.available(Tier::kGpu) / KvGpuPageBytes(cache));
  }
  cache.max_host_pages = num_pages - (cache.disk_share == 1 ? cache.max_disk_pages : 0);
  if (KvHostPageBytes(cache) > 0) {
    cache.max_host_pages =
        std::min(cache.max_host_pages, budget.available(Tier::kHost) / KvHostPageBytes(cache));
  }
  STRATA_ASSIGN_OR_RETURN(memory.cache, KvCache::Create(cache));
  return memory;
}

}  // namespace strata
