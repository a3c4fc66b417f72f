// The part of KvCache that the executor calls: plans, transfers and leases of pages.
#include "offload/kv/kv_lease.h"

#include <algorithm>

#include "kernels/base/status.h"
#include "offload/kv/kv_cache.h"

namespace strata {
namespace {

using Run = KvPagePlan::Run;

int64_t PlaceOf(const KvPagePlan& plan, KvPageId page) {
  return std::lower_bound(plan.distinct.begin(), plan.distinct.end(), page) - plan.distinct.begin();
}

}  // namespace

KvPageOverlap ReadsWhatIsWritten(const KvPagePlan& plan, absl::Span<const KvPagePlan> earlier) {
  KvPageOverlap overlap;
  for (const KvPagePlan& other : earlier) {
    for (const Run& write : other.writes) {
      for (const Run& read : plan.reads) {
        if (read.page >= write.page + write.count || write.page >= read.page + read.count) continue;
        overlap.any = true;
        overlap.on_disk = overlap.on_disk || read.place >= plan.num_in_memory;
      }
    }
  }
  return overlap;
}

std::vector<Run> KvCache::JoinRuns(const KvPagePlan& plan, const std::vector<bool>& wanted) const {
  std::vector<Run> runs;
  for (size_t place = 0; place < plan.distinct.size(); ++place) {
    if (!wanted[place]) continue;
    const KvPageId page = plan.distinct[place];
    const bool follows = !runs.empty() && wanted[place - 1] &&
                         plan.distinct[place - 1] + 1 == page && pool_.IsFollowed(page - 1);
    if (!follows) runs.push_back({.page = page, .place = static_cast<int64_t>(place)});
    ++runs.back().count;
  }
  return runs;
}

KvPagePlan KvCache::PlanPages(absl::Span<const KvAppend> appends) const {
  KvPagePlan plan;
  plan.appends.assign(appends.begin(), appends.end());
  for (const KvAppend& append : appends) {
    const Sequence& sequence = SequenceOf(append.sequence);
    const int64_t num_pages = PagesFor(append.first_position + append.num_queries);
    STRATA_CHECK(num_pages <= static_cast<int64_t>(sequence.pages.size()), "rows without a page");
    plan.pages.insert(plan.pages.end(), sequence.pages.begin(), sequence.pages.begin() + num_pages);
    plan.ends.push_back(plan.pages.size());
  }
  plan.distinct = plan.pages;
  std::sort(plan.distinct.begin(), plan.distinct.end());
  plan.distinct.erase(std::unique(plan.distinct.begin(), plan.distinct.end()), plan.distinct.end());
  plan.num_in_memory =
      std::count_if(plan.distinct.begin(), plan.distinct.end(),
                    [&](KvPageId page) { return pool_.tier(page) != Tier::kDisk; });
  const int64_t num_distinct = static_cast<int64_t>(plan.distinct.size());
  plan.staging_bytes = (num_distinct - plan.num_in_memory) * slot_bytes_;
  plan.gpu_staging_bytes = GpuStagingOffset(plan, num_distinct);

  // A page is read unless its first row, and so all it holds, comes with this micro-batch.
  std::vector<bool> reads(plan.distinct.size(), true);
  std::vector<bool> writes(plan.distinct.size(), false);
  const int64_t page_size = options_.layout.page_size;
  for (size_t i = 0; i < appends.size(); ++i) {
    const size_t begin = i == 0 ? 0 : plan.ends[i - 1];
    const int64_t first = appends[i].first_position;
    for (int64_t index = first / page_size; begin + static_cast<size_t>(index) < plan.ends[i];
         ++index) {
      if (appends[i].num_queries == 0) continue;
      const size_t place =
          static_cast<size_t>(PlaceOf(plan, plan.pages[begin + static_cast<size_t>(index)]));
      writes[place] = true;
      if (first <= index * page_size) reads[place] = false;
    }
  }
  plan.reads = JoinRuns(plan, reads);
  plan.writes = JoinRuns(plan, writes);
  return plan;
}

int64_t KvCache::StagingOffset(const KvPagePlan& plan, int64_t place) const {
  return (place - plan.num_in_memory) * slot_bytes_;
}

int64_t KvCache::GpuStagingOffset(const KvPagePlan& plan, int64_t place) const {
  // Pages from disk keep the distance that they have in host staging: neighbours are one copy.
  const int64_t from_memory = std::min(place, plan.num_in_memory);
  return from_memory * options_.layout.PageBytes() + (place - from_memory) * slot_bytes_;
}

std::vector<DiskTransfer> KvCache::Transfers(const KvPagePlan& plan, const std::vector<Run>& runs,
                                             int64_t layer_index, std::byte* staging) const {
  std::vector<DiskTransfer> transfers;
  const LayerPlace& layer = place_of(layer_index);
  for (const Run& run : runs) {
    if (layer.on_gpu || run.place < plan.num_in_memory) continue;
    const int64_t slot = pool_.disk_slot(run.page);
    transfers.push_back({.file = options_.spill,
                         .offset = (layer.index * options_.max_disk_pages + slot) * slot_bytes_,
                         .bytes = run.count * slot_bytes_,
                         .memory = staging + StagingOffset(plan, run.place)});
  }
  return transfers;
}

std::vector<KvCopy> KvCache::Copies(const KvPagePlan& plan, const std::vector<Run>& runs,
                                    int64_t layer_index, const KvStaging& staging) const {
  std::vector<KvCopy> copies;
  const LayerPlace& layer = place_of(layer_index);
  STRATA_CHECK(!layer.on_gpu, "a layer that lies on the gpu travels there");
  for (const Run& run : runs) {
    const bool in_memory = run.place < plan.num_in_memory;
    const int64_t bytes = in_memory ? options_.layout.PageBytes() : slot_bytes_;
    copies.push_back({.host = in_memory ? pool_.memory(run.page, layer.index)
                                        : staging.host + StagingOffset(plan, run.place),
                      .gpu = staging.gpu + GpuStagingOffset(plan, run.place),
                      .bytes = run.count * bytes});
  }
  return copies;
}

KvLease KvCache::Acquire(const KvPagePlan& plan, int64_t layer_index,
                         const KvStaging& staging) const {
  const LayerPlace& layer = place_of(layer_index);
  KvLease lease;
  lease.layout_ = options_.layout;
  lease.pages_.reserve(plan.pages.size());
  for (const KvPageId page : plan.pages) {
    if (layer.on_gpu) {
      lease.pages_.push_back(gpu_pool_.memory(PageOf(page).gpu_part, layer.index));
    } else if (staging.gpu != nullptr) {
      lease.pages_.push_back(staging.gpu + GpuStagingOffset(plan, PlaceOf(plan, page)));
    } else if (pool_.tier(page) != Tier::kDisk) {
      lease.pages_.push_back(pool_.memory(page, layer.index));
    } else {
      STRATA_CHECK(staging.host != nullptr, "pages on disk without staging memory");
      lease.pages_.push_back(staging.host + StagingOffset(plan, PlaceOf(plan, page)));
    }
  }
  // Spans only now: pages_ no longer moves.
  for (size_t i = 0; i < plan.appends.size(); ++i) {
    const KvAppend& append = plan.appends[i];
    const size_t begin = i == 0 ? 0 : plan.ends[i - 1];
    lease.sequences_.push_back(
        {.pages = absl::MakeConstSpan(lease.pages_).subspan(begin, plan.ends[i] - begin),
         .first_query = append.first_query,
         .num_queries = append.num_queries,
         .first_position = append.first_position});
  }
  return lease;
}

}  // namespace strata
