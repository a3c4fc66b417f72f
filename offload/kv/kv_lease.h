// What the executor holds of a KvCache while a micro-batch runs: the plan of its pages, made once
// for all layers, and for one layer at a time a lease of them.
//
// Pages on disk pass through staging memory, which belongs to the executor: it reads them in
// (KvCache::Reads), leases the layer, attends, and writes back those that got rows
// (KvCache::Writes). Pages outside the gpu that are attended there pass through staging memory of
// the gpu likewise (CopiesIn, CopiesOut). A plan is good for the pass it was made in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "kernels/ops/kv_view.h"
#include "offload/kv/page_pool.h"

namespace strata {

using SequenceId = int64_t;

// The rows that one pass adds to a sequence.
struct KvAppend {
  SequenceId sequence = 0;
  int64_t first_query = 0;     // row of the pass
  int64_t num_queries = 0;     // rows
  int64_t first_position = 0;  // of the sequence
};

struct KvPagePlan {
  // Pages that follow each other where they lie, in consecutive places of staging memory.
  struct Run {
    KvPageId page = kNoPage;  // the first
    int64_t place = 0;
    int64_t count = 0;

    friend bool operator==(const Run&, const Run&) = default;
  };

  std::vector<KvAppend> appends;
  std::vector<KvPageId> pages;     // of all appends, one after the other
  std::vector<size_t> ends;        // of each append in `pages`
  std::vector<KvPageId> distinct;  // rising: those in memory, then those on disk; by place
  int64_t num_in_memory = 0;       // of the distinct
  std::vector<Run> reads;          // pages with rows from before this micro-batch
  std::vector<Run> writes;         // pages that get rows
  // Of one layer: for the pages on disk, aligned to kDiskAlignment; on the gpu, for all.
  int64_t staging_bytes = 0;
  int64_t gpu_staging_bytes = 0;
};

// Whether `plan` reads pages that one of `earlier` writes, and if so, also pages on disk.
struct KvPageOverlap {
  bool any = false;
  bool on_disk = false;
};
KvPageOverlap ReadsWhatIsWritten(const KvPagePlan& plan, absl::Span<const KvPagePlan> earlier);

// Where the pages of one layer that are not at home stand; null where none do.
struct KvStaging {
  std::byte* host = nullptr;
  std::byte* gpu = nullptr;
};

// Neighbouring pages of one layer between host memory and the gpu.
struct KvCopy {
  std::byte* host = nullptr;
  std::byte* gpu = nullptr;
  int64_t bytes = 0;

  friend bool operator==(const KvCopy&, const KvCopy&) = default;
};

// Pins one layer's pages of some sequences; view() dies with it.
class KvLease {
 public:
  KvLease(KvLease&&) = default;
  KvLease& operator=(KvLease&&) = default;

  KvView view() const { return {layout_, sequences_}; }

 private:
  friend class KvCache;
  KvLease() = default;

  KvLayout layout_;
  std::vector<void*> pages_;           // of all sequences, one after the other
  std::vector<KvSequence> sequences_;  // spans into pages_
};

}  // namespace strata
