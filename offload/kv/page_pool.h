// KvPagePool: the pages of a KV budget, in memory and on disk: which are free and where each lies.
//
// A page has a place in every layer that the pool keeps. In memory it is a piece of each layer's
// part of a slab, [layer][page], allocated when it is first needed, so a large budget costs nothing
// until it is used. On disk it is a slot of a spill file, [layer][slot]. Either way neighbouring
// pages of one layer are one transfer, so a sequence takes neighbours where it can. Knows nothing
// of sequences.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "kernels/device/buffer.h"
#include "kernels/device/device.h"
#include "offload/kv/slot_runs.h"
#include "offload/tier.h"

namespace strata {

// Names a page of a pool: pages in memory come first, then the slots of the disk tier.
using KvPageId = int64_t;
inline constexpr KvPageId kNoPage = -1;

struct KvPagePoolOptions {
  int64_t layer_bytes = 0;  // of one layer of a page in memory
  int64_t num_layers = 0;   // that the pool keeps; 0: its pages are names only
  int64_t max_memory_pages = 0;
  int64_t max_disk_pages = 0;
  // kHost, or kGpu: memory of `device`, which outlives the pool.
  Tier memory = Tier::kHost;
  // With kHost: the memory is allocated for this device's copies. None: for the cpu alone.
  Device* device = nullptr;
};

class KvPagePool {
 public:
  explicit KvPagePool(const KvPagePoolOptions& options);

  // The tier of a page: options.memory or kDisk. Other tiers have no pages.
  Tier tier(KvPageId page) const {
    return page < options_.max_memory_pages ? options_.memory : Tier::kDisk;
  }
  int64_t num_free(Tier tier) const;
  int64_t num_used(Tier tier) const;
  // The most that were in use at a time.
  int64_t peak(Tier tier) const;

  // Gets what the next `num_pages` pages in memory need. ResourceExhausted.
  absl::Status Prepare(int64_t num_pages);

  // Takes a free page; the tier has one, prepared if it is in memory: the one behind `neighbour` if
  // that is free, else the first of the longest free run.
  KvPageId Take(Tier tier, KvPageId neighbour);
  void Give(KvPageId page);

  // Where a page in memory lies in the layer, counted among those the pool keeps.
  std::byte* memory(KvPageId page, int64_t layer) const;
  int64_t disk_slot(KvPageId page) const { return page - options_.max_memory_pages; }
  // Whether `page + 1` lies directly behind `page`, in every layer.
  bool IsFollowed(KvPageId page) const;

 private:
  KvPagePoolOptions options_;
  int64_t slab_pages_;
  std::vector<Buffer> slabs_;     // each of slab_pages_ pages, the last perhaps of fewer
  int64_t num_memory_pages_ = 0;  // that are prepared
  SlotRuns free_memory_;          // of these
  SlotRuns free_slots_;
  int64_t peak_memory_ = 0;
  int64_t peak_disk_ = 0;
};

}  // namespace strata
