// KvCache: the K and V rows of all sequences of a session, in pages of fixed size on three tiers.
//
// A sequence holds page ids; a page covers page_size positions in every layer. For the layers that
// lie on the gpu it has a part there, for the others one in host memory or in a slot of a spill
// file. Sequences whose prompts begin with the same tokens hold the
// same pages (offload/kv/prefix_tree.h), from the moment they reserve them: a page counts the rows
// that are computed, so whichever sequence comes next goes on where another stopped, and a prefix
// is computed once. Pages that nobody holds stay cached until the budget needs them. Rows are
// reached through a KvLease, a pin for one layer. Not thread-safe: one session, one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/ops/kv_view.h"
#include "offload/disk/disk_queue.h"
#include "offload/kv/kv_lease.h"
#include "offload/kv/page_pool.h"
#include "offload/kv/prefix_tree.h"
#include "offload/tier.h"

namespace strata {

enum class PrefixSharing : uint8_t { kOff, kOn };

struct KvCacheOptions {
  KvLayout layout;
  int64_t num_layers = 0;
  // The budgets: parts of pages, each of layout.PageBytes() for every layer that lies there, on
  // disk rounded up to kDiskAlignment. Every page needs a part in host memory or on disk, even if
  // no layer lies there, and one on the gpu if a layer does.
  int64_t max_host_pages = 0;
  int64_t max_disk_pages = 0;
  int64_t max_gpu_pages = 0;
  // Of each layer, whether its rows lie on the gpu; empty: none do.
  std::vector<bool> layer_is_on_gpu;
  // Outlives the cache. With it, pages in host memory are allocated for its copies. None: no gpu.
  Device* gpu = nullptr;
  // Of every sequence's pages, 0 to 1, spread evenly over it; where a tier is full, pages go to the
  // other.
  double disk_share = 0.0;
  const DiskFile* spill = nullptr;  // of KvSpillBytes at least; outlives the cache
  // Off for models whose rows depend on more than the tokens before them (dynamic rotary scaling
  // depends on the length of the whole sequence).
  PrefixSharing prefix_sharing = PrefixSharing::kOn;
};

// Bytes of the spill file for these options; 0 without pages on disk.
int64_t KvSpillBytes(const KvCacheOptions& options);

// Bytes of one layer of a page on disk and in staging memory: whole blocks.
int64_t KvSlotBytes(const KvCacheOptions& options);

// Bytes of a page's part on the gpu, and of the other in host memory.
int64_t KvGpuPageBytes(const KvCacheOptions& options);
int64_t KvHostPageBytes(const KvCacheOptions& options);

class KvCache {
 public:
  // InvalidArgument for a layout with a zero extent, no pages at all, a share outside of 0 to 1,
  // layers on a gpu that is not there.
  static absl::StatusOr<std::unique_ptr<KvCache>> Create(const KvCacheOptions& options);

  // A new sequence without pages. Full pages of `prompt_ids` are shared when they are reserved, all
  // but the one of its last token, whose row every sequence computes for its logits.
  SequenceId AddSequence(absl::Span<const int32_t> prompt_ids = {});

  // A sequence that goes on from the same tokens as `sequence`. It shares the full pages; the rows
  // of a last, partial page are copied if all layers lie in host memory and it has a free page,
  // else they are to be computed again: num_computed says from where.
  SequenceId Fork(SequenceId sequence);

  // Makes room for positions [0, num_positions), taking pages of known prefixes first and evicting
  // cached pages if it must. ResourceExhausted when the budget cannot hold them; nothing has
  // changed then.
  absl::Status Reserve(SequenceId sequence, int64_t num_positions);

  // Lets the sequence's pages go. Its id is never used again.
  void Remove(SequenceId sequence);

  // Leading positions whose rows lie in the pages: those that ended passes have computed, by this
  // sequence or another.
  int64_t num_computed(SequenceId sequence) const;
  // As num_computed, with the rows planned for the pass that is being composed or runs. Its next
  // row is this position. Where it exceeds num_computed by rows of other sequences, these must be
  // appended in the same micro-batch or an earlier one.
  int64_t num_planned(SequenceId sequence) const;

  // The pass will compute the next `num_rows` positions from num_planned on, all of them reserved.
  void PlanRows(SequenceId sequence, int64_t num_rows);

  // A pass has ended: the rows of all `tokens` (prompt and output, as far as computed) lie in the
  // sequence's pages in every layer. Its full pages can be found by other sequences from now on.
  void MarkComputed(SequenceId sequence, absl::Span<const int32_t> tokens);

  // For the executor. The pages of a micro-batch, whose rows have been planned.
  KvPagePlan PlanPages(absl::Span<const KvAppend> appends) const;

  // What layer `layer_index` moves between the spill file and `staging`, plan.staging_bytes aligned
  // to kDiskAlignment: before its lease is used and after. A page that an earlier micro-batch of
  // the pass writes (it shares the page) must have been written before it is read.
  std::vector<DiskTransfer> Reads(const KvPagePlan& plan, int64_t layer_index,
                                  std::byte* staging) const {
    return Transfers(plan, plan.reads, layer_index, staging);
  }
  std::vector<DiskTransfer> Writes(const KvPagePlan& plan, int64_t layer_index,
                                   std::byte* staging) const {
    return Transfers(plan, plan.writes, layer_index, staging);
  }
  // The same between host memory, `staging` included, and `gpu_staging`, plan.gpu_staging_bytes,
  // for a layer that is attended on the gpu and does not lie there.
  std::vector<KvCopy> CopiesIn(const KvPagePlan& plan, int64_t layer_index,
                               const KvStaging& staging) const {
    return Copies(plan, plan.reads, layer_index, staging);
  }
  std::vector<KvCopy> CopiesOut(const KvPagePlan& plan, int64_t layer_index,
                                const KvStaging& staging) const {
    return Copies(plan, plan.writes, layer_index, staging);
  }

  // Pins layer `layer_index` of the plan's sequences: on the gpu if it lies there or visits
  // (staging.gpu), else with what lies on disk in staging.host.
  KvLease Acquire(const KvPagePlan& plan, int64_t layer_index, const KvStaging& staging) const;
  // The same for a cache without pages on disk.
  KvLease Acquire(int64_t layer_index, absl::Span<const KvAppend> appends) const {
    return Acquire(PlanPages(appends), layer_index, {});
  }
  bool IsOnGpu(int64_t layer_index) const { return place_of(layer_index).on_gpu; }

  const KvLayout& layout() const { return options_.layout; }
  int64_t page_bytes() const { return options_.num_layers * options_.layout.PageBytes(); }
  // Whole pages that hold nothing; that hold a prefix no sequence uses; that sequences use.
  int64_t num_free_pages() const;
  int64_t num_cached_pages() const { return tree_.num_idle(); }
  int64_t num_used_pages() const;
  // The most bytes of each tier that pages have taken.
  TierBytes peak_bytes() const;

  // Pages needed for this many positions.
  int64_t PagesFor(int64_t num_positions) const;

 private:
  struct Page {
    int64_t num_sequences = 0;
    int64_t num_rows = 0;              // computed
    int64_t num_planned_rows = 0;      // computed, or planned for this pass
    PrefixTree::Node* node = nullptr;  // null: of one sequence and its forks
    KvPageId gpu_part = kNoPage;       // of gpu_pool_
  };
  // Where a layer lies: on the gpu or outside, as which of the layers there.
  struct LayerPlace {
    bool on_gpu = false;
    int64_t index = 0;
  };
  struct Sequence {
    std::vector<int32_t> prompt_ids;
    std::vector<KvPageId> pages;
    int64_t num_tree_pages = 0;        // leading pages that are nodes of the tree
    PrefixTree::Node* node = nullptr;  // of the last of them; the root if there is none
    int64_t num_full_pages = 0;        // leading pages that are computed, at least
  };

  // Leading rows of the sequence, as the given count of its pages has it.
  int64_t NumRows(SequenceId sequence, int64_t Page::*rows_of) const;

  explicit KvCache(const KvCacheOptions& options);

  Sequence& SequenceOf(SequenceId id);
  const Sequence& SequenceOf(SequenceId id) const;
  Page& PageOf(KvPageId id) { return pages_[static_cast<size_t>(id)]; }
  const Page& PageOf(KvPageId id) const { return pages_[static_cast<size_t>(id)]; }

  // The prompt's tokens of page `page_index` if that page may be shared, else none.
  absl::Span<const int32_t> SharedTokens(const Sequence& sequence, int64_t page_index) const;
  Tier PreferredTier(int64_t page_index) const;
  // Page `page_index` of a sequence that has `pages`.
  KvPageId TakePage(Tier preferred, absl::Span<const KvPageId> pages);
  void GivePage(KvPageId id);
  void EvictOldest(Tier preferred);
  // The sequence's next page is this one, of the tree.
  void Hold(Sequence& sequence, PrefixTree::Node* node);
  // One sequence less uses the page.
  void Release(KvPageId id);
  void Publish(Sequence& sequence, absl::Span<const int32_t> tokens);
  const LayerPlace& place_of(int64_t layer_index) const {
    return layer_places_[static_cast<size_t>(layer_index)];
  }
  std::vector<KvPagePlan::Run> JoinRuns(const KvPagePlan& plan,
                                        const std::vector<bool>& wanted) const;
  // Offsets of a place of a plan in host staging, and in that of the gpu.
  int64_t StagingOffset(const KvPagePlan& plan, int64_t place) const;
  int64_t GpuStagingOffset(const KvPagePlan& plan, int64_t place) const;
  std::vector<DiskTransfer> Transfers(const KvPagePlan& plan,
                                      const std::vector<KvPagePlan::Run>& runs, int64_t layer_index,
                                      std::byte* staging) const;
  std::vector<KvCopy> Copies(const KvPagePlan& plan, const std::vector<KvPagePlan::Run>& runs,
                             int64_t layer_index, const KvStaging& staging) const;

  KvCacheOptions options_;
  int64_t slot_bytes_;  // of one layer of a page on disk
  std::vector<LayerPlace> layer_places_;
  int64_t num_gpu_layers_;
  KvPagePool pool_;      // what lies outside the gpu; names the pages
  KvPagePool gpu_pool_;  // their parts on the gpu; without pages if no layer lies there
  PrefixTree tree_;
  std::vector<Page> pages_;  // by id, as far as ids were taken
  SequenceId next_sequence_ = 0;
  absl::flat_hash_map<SequenceId, Sequence> sequences_;
};

}  // namespace strata
