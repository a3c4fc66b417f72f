#include "offload/kv/page_pool.h"

#include <algorithm>

#include "kernels/base/status.h"

namespace strata {
namespace {

constexpr int64_t kSlabBytes = int64_t{16} << 20;
// Memory that a device copies from: neighbours of one layer move in one piece, so a slab has many.
constexpr int64_t kCopiedSlabBytes = int64_t{128} << 20;

int64_t SlabPages(const KvPagePoolOptions& options) {
  const int64_t page_bytes = options.layer_bytes * options.num_layers;
  if (page_bytes == 0) return std::max<int64_t>(1, options.max_memory_pages);
  const int64_t slab_bytes = options.device == nullptr ? kSlabBytes : kCopiedSlabBytes;
  return std::max<int64_t>(1, slab_bytes / page_bytes);
}

}  // namespace

KvPagePool::KvPagePool(const KvPagePoolOptions& options)
    : options_(options), slab_pages_(SlabPages(options)) {
  if (options.max_disk_pages > 0) free_slots_.Give(0, options.max_disk_pages);
}

int64_t KvPagePool::num_free(Tier tier) const {
  if (tier == Tier::kDisk) return free_slots_.num_free();
  if (tier != options_.memory) return 0;
  return options_.max_memory_pages - num_memory_pages_ + free_memory_.num_free();
}

int64_t KvPagePool::num_used(Tier tier) const {
  if (tier == Tier::kDisk) return options_.max_disk_pages - free_slots_.num_free();
  if (tier != options_.memory) return 0;
  return num_memory_pages_ - free_memory_.num_free();
}

int64_t KvPagePool::peak(Tier tier) const {
  if (tier == Tier::kDisk) return peak_disk_;
  return tier == options_.memory ? peak_memory_ : 0;
}

absl::Status KvPagePool::Prepare(int64_t num_pages) {
  const auto allocate = [this](int64_t bytes) -> absl::StatusOr<Buffer> {
    if (options_.device == nullptr) return Buffer::Allocate(bytes, MemoryKind::kPageable);
    return options_.memory == Tier::kGpu ? options_.device->Allocate(bytes)
                                         : options_.device->AllocateHost(bytes);
  };
  while (free_memory_.num_free() < num_pages) {
    const int64_t count = std::min(slab_pages_, options_.max_memory_pages - num_memory_pages_);
    STRATA_CHECK(count > 0, "more pages prepared than the tier has");
    const int64_t bytes = count * options_.num_layers * options_.layer_bytes;
    Buffer slab;
    if (bytes > 0) {
      STRATA_ASSIGN_OR_RETURN(slab, allocate(bytes));
    }
    slabs_.push_back(std::move(slab));
    free_memory_.Give(num_memory_pages_, count);
    num_memory_pages_ += count;
  }
  return absl::OkStatus();
}

KvPageId KvPagePool::Take(Tier tier, KvPageId neighbour) {
  const bool follows = neighbour != kNoPage && this->tier(neighbour) == tier;
  if (tier == Tier::kDisk) {
    const int64_t slot = free_slots_.Take(follows ? disk_slot(neighbour) + 1 : -1);
    peak_disk_ = std::max(peak_disk_, num_used(Tier::kDisk));
    return options_.max_memory_pages + slot;
  }
  STRATA_CHECK(tier == options_.memory, "a page of a tier that the pool has not");
  const KvPageId page = free_memory_.Take(follows ? neighbour + 1 : -1);
  peak_memory_ = std::max(peak_memory_, num_used(tier));
  return page;
}

void KvPagePool::Give(KvPageId page) {
  if (tier(page) == Tier::kDisk) {
    free_slots_.Give(disk_slot(page), 1);
  } else {
    free_memory_.Give(page, 1);
  }
}

std::byte* KvPagePool::memory(KvPageId page, int64_t layer) const {
  STRATA_CHECK(tier(page) != Tier::kDisk && layer < options_.num_layers,
               "the memory of a page on disk, or of a layer that lies elsewhere");
  const int64_t slab = page / slab_pages_;
  const int64_t slab_pages = std::min(slab_pages_, options_.max_memory_pages - slab * slab_pages_);
  return slabs_[static_cast<size_t>(slab)].data() +
         (layer * slab_pages + page % slab_pages_) * options_.layer_bytes;
}

bool KvPagePool::IsFollowed(KvPageId page) const {
  if (tier(page) == Tier::kDisk) return disk_slot(page) + 1 < options_.max_disk_pages;
  return page + 1 < options_.max_memory_pages && (page + 1) % slab_pages_ != 0;
}

}  // namespace strata
