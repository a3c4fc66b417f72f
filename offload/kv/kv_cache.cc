#include "offload/kv/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/round_up.h"
#include "kernels/base/status.h"

namespace strata {

namespace {

int64_t NumGpuLayers(const KvCacheOptions& options) {
  return std::count(options.layer_is_on_gpu.begin(), options.layer_is_on_gpu.end(), true);
}

int64_t NumOtherLayers(const KvCacheOptions& options) {
  return options.num_layers - NumGpuLayers(options);
}

}  // namespace

int64_t KvSlotBytes(const KvCacheOptions& options) {
  return RoundUp(options.layout.PageBytes(), kDiskAlignment);
}

int64_t KvSpillBytes(const KvCacheOptions& options) {
  return NumOtherLayers(options) * options.max_disk_pages * KvSlotBytes(options);
}

int64_t KvGpuPageBytes(const KvCacheOptions& options) {
  return NumGpuLayers(options) * options.layout.PageBytes();
}

int64_t KvHostPageBytes(const KvCacheOptions& options) {
  return NumOtherLayers(options) * options.layout.PageBytes();
}

absl::StatusOr<std::unique_ptr<KvCache>> KvCache::Create(const KvCacheOptions& options) {
  const bool has_pages = options.max_host_pages >= 0 && options.max_disk_pages >= 0 &&
                         options.max_host_pages + options.max_disk_pages > 0;
  if (options.num_layers <= 0 || !has_pages || options.layout.PageBytes() <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("a KV cache of ", options.num_layers, " layers and ", options.max_host_pages,
                     " + ", options.max_disk_pages, " pages of ", options.layout.PageBytes(),
                     " bytes a layer: there must be some of each"));
  }
  if (!(options.disk_share >= 0.0 && options.disk_share <= 1.0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the KV cache's share on disk: expected 0 to 1, got ", options.disk_share));
  }
  const bool all_or_none =
      options.layer_is_on_gpu.empty() ||
      static_cast<int64_t>(options.layer_is_on_gpu.size()) == options.num_layers;
  const bool gpu_is_there = options.gpu != nullptr && options.max_gpu_pages > 0;
  if (!all_or_none || (NumGpuLayers(options) > 0 && !gpu_is_there)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a KV cache of ", options.num_layers, " layers, ", NumGpuLayers(options), " of ",
        options.layer_is_on_gpu.size(), " on the gpu, with ", options.max_gpu_pages, " pages ",
        options.gpu == nullptr ? "of a gpu that is not there" : "there"));
  }
  return std::unique_ptr<KvCache>(new KvCache(options));
}

KvCache::KvCache(const KvCacheOptions& options)
    : options_(options),
      slot_bytes_(KvSlotBytes(options)),
      num_gpu_layers_(NumGpuLayers(options)),
      pool_({.layer_bytes = options.layout.PageBytes(),
             .num_layers = NumOtherLayers(options),
             .max_memory_pages = options.max_host_pages,
             .max_disk_pages = options.max_disk_pages,
             .device = options.gpu}),
      gpu_pool_({.layer_bytes = options.layout.PageBytes(),
                 .num_layers = num_gpu_layers_,
                 .max_memory_pages = num_gpu_layers_ > 0 ? options.max_gpu_pages : 0,
                 .memory = Tier::kGpu,
                 .device = options.gpu}) {
  LayerPlace next_on_gpu = {.on_gpu = true};
  LayerPlace next_outside;
  for (int64_t layer = 0; layer < options.num_layers; ++layer) {
    const bool on_gpu = num_gpu_layers_ > 0 && options.layer_is_on_gpu[static_cast<size_t>(layer)];
    LayerPlace& next = on_gpu ? next_on_gpu : next_outside;
    layer_places_.push_back(next);
    ++next.index;
  }
}

KvCache::Sequence& KvCache::SequenceOf(SequenceId id) {
  const auto it = sequences_.find(id);
  STRATA_CHECK(it != sequences_.end(), "a sequence that was removed");
  return it->second;
}

const KvCache::Sequence& KvCache::SequenceOf(SequenceId id) const {
  const auto it = sequences_.find(id);
  STRATA_CHECK(it != sequences_.end(), "a sequence that was removed");
  return it->second;
}

SequenceId KvCache::AddSequence(absl::Span<const int32_t> prompt_ids) {
  Sequence& sequence = sequences_[next_sequence_];
  if (options_.prefix_sharing == PrefixSharing::kOn) {
    sequence.prompt_ids.assign(prompt_ids.begin(), prompt_ids.end());
  }
  sequence.node = tree_.root();
  return next_sequence_++;
}

int64_t KvCache::PagesFor(int64_t num_positions) const {
  return (num_positions + options_.layout.page_size - 1) / options_.layout.page_size;
}

int64_t KvCache::num_free_pages() const {
  const int64_t outside = pool_.num_free(Tier::kHost) + pool_.num_free(Tier::kDisk);
  return num_gpu_layers_ == 0 ? outside : std::min(outside, gpu_pool_.num_free(Tier::kGpu));
}

int64_t KvCache::num_used_pages() const {
  return pool_.num_used(Tier::kHost) + pool_.num_used(Tier::kDisk) - num_cached_pages();
}

TierBytes KvCache::peak_bytes() const {
  return {.gpu = gpu_pool_.peak(Tier::kGpu) * KvGpuPageBytes(options_),
          .host = pool_.peak(Tier::kHost) * KvHostPageBytes(options_),
          .disk = pool_.peak(Tier::kDisk) * NumOtherLayers(options_) * slot_bytes_};
}

absl::Span<const int32_t> KvCache::SharedTokens(const Sequence& sequence,
                                                int64_t page_index) const {
  const int64_t page_size = options_.layout.page_size;
  // Strictly less: the last token's page is the sequence's own.
  if ((page_index + 1) * page_size >= static_cast<int64_t>(sequence.prompt_ids.size())) return {};
  return absl::MakeConstSpan(sequence.prompt_ids)
      .subspan(static_cast<size_t>(page_index * page_size), static_cast<size_t>(page_size));
}

Tier KvCache::PreferredTier(int64_t page_index) const {
  // Pages on disk among the first n: n * share, rounded down; the tiny addend forgives a share like
  // 0.3 for not being a binary fraction.
  const auto num_on_disk = [&](int64_t n) {
    return static_cast<int64_t>(static_cast<double>(n) * options_.disk_share + 1e-6);
  };
  return num_on_disk(page_index + 1) > num_on_disk(page_index) ? Tier::kDisk : Tier::kHost;
}

void KvCache::EvictOldest(Tier preferred) {
  PrefixTree::Node* node = tree_.OldestIdleLeaf(preferred);
  if (node == nullptr) {
    node = tree_.OldestIdleLeaf(preferred == Tier::kHost ? Tier::kDisk : Tier::kHost);
  }
  STRATA_CHECK(node != nullptr, "cached pages without a leaf");
  const KvPageId page = node->page();
  tree_.Remove(node);
  GivePage(page);
}

void KvCache::GivePage(KvPageId id) {
  Page& page = PageOf(id);
  if (page.gpu_part != kNoPage) gpu_pool_.Give(page.gpu_part);
  page = {};
  pool_.Give(id);
}

KvPageId KvCache::TakePage(Tier preferred, absl::Span<const KvPageId> pages) {
  const Tier other = preferred == Tier::kHost ? Tier::kDisk : Tier::kHost;
  while (pool_.num_free(preferred) == 0 && tree_.OldestIdleLeaf(preferred) != nullptr) {
    EvictOldest(preferred);
  }
  while (num_free_pages() == 0) EvictOldest(other);
  const Tier tier = pool_.num_free(preferred) > 0 ? preferred : other;
  const auto last = std::find_if(pages.rbegin(), pages.rend(),
                                 [&](KvPageId page) { return pool_.tier(page) == tier; });
  const KvPageId page = pool_.Take(tier, last == pages.rend() ? kNoPage : *last);
  if (page >= static_cast<int64_t>(pages_.size())) pages_.resize(static_cast<size_t>(page + 1));
  PageOf(page) = {.num_sequences = 1};
  if (num_gpu_layers_ > 0) {
    PageOf(page).gpu_part =
        gpu_pool_.Take(Tier::kGpu, pages.empty() ? kNoPage : PageOf(pages.back()).gpu_part);
  }
  return page;
}

void KvCache::Hold(Sequence& sequence, PrefixTree::Node* node) {
  if (PageOf(node->page()).num_sequences++ == 0) tree_.MarkBusy(node);
  sequence.pages.push_back(node->page());
  sequence.node = node;
  ++sequence.num_tree_pages;
}

void KvCache::Release(KvPageId id) {
  Page& page = PageOf(id);
  if (--page.num_sequences > 0) return;
  if (page.node != nullptr) {
    if (page.num_rows == options_.layout.page_size) return tree_.MarkIdle(page.node);
    tree_.Remove(page.node);  // nobody will compute the rest; what follows is gone already
  }
  GivePage(id);
}

absl::Status KvCache::Reserve(SequenceId id, int64_t num_positions) {
  Sequence& sequence = SequenceOf(id);
  const int64_t num_pages = PagesFor(num_positions);
  const auto num_held = [&] { return static_cast<int64_t>(sequence.pages.size()); };
  if (num_pages <= num_held()) return absl::OkStatus();

  std::vector<PrefixTree::Node*> known;  // pages that other sequences have reserved or left
  int64_t num_known_idle = 0;
  if (sequence.num_tree_pages == num_held()) {
    PrefixTree::Node* node = sequence.node;
    for (int64_t index = num_held(); index < num_pages; ++index) {
      const absl::Span<const int32_t> tokens = SharedTokens(sequence, index);
      node = tokens.empty() ? nullptr : tree_.Find(node, tokens);
      if (node == nullptr) break;
      known.push_back(node);
      if (tree_.idle(node)) ++num_known_idle;
    }
  }
  const int64_t missing = num_pages - num_held() - static_cast<int64_t>(known.size());
  const int64_t available = num_free_pages() + num_cached_pages() - num_known_idle;
  if (missing > available) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the KV cache is full: ", missing, " pages of ", page_bytes(), " bytes wanted, ", available,
        " of ", num_used_pages() + num_cached_pages() + num_free_pages(), " free"));
  }
  STRATA_RETURN_IF_ERROR(pool_.Prepare(std::min(missing, pool_.num_free(Tier::kHost))));
  STRATA_RETURN_IF_ERROR(gpu_pool_.Prepare(std::min(missing, gpu_pool_.num_free(Tier::kGpu))));

  for (PrefixTree::Node* node : known) Hold(sequence, node);
  for (int64_t index = num_held(); index < num_pages; ++index) {
    const KvPageId page = TakePage(PreferredTier(index), sequence.pages);
    sequence.pages.push_back(page);
    const absl::Span<const int32_t> tokens = SharedTokens(sequence, index);
    if (tokens.empty() || sequence.num_tree_pages != index) continue;
    sequence.node = tree_.Insert(sequence.node, tokens, page, pool_.tier(page));
    PageOf(page).node = sequence.node;
    ++sequence.num_tree_pages;
  }
  return absl::OkStatus();
}

SequenceId KvCache::Fork(SequenceId id) {
  const SequenceId fork_id = AddSequence();
  const Sequence& source = SequenceOf(id);
  Sequence& fork = SequenceOf(fork_id);
  const int64_t page_size = options_.layout.page_size;
  const int64_t num_rows = num_computed(id);
  const int64_t num_full = num_rows / page_size;
  fork.prompt_ids = source.prompt_ids;
  fork.num_tree_pages = source.num_tree_pages;
  fork.node = source.node;
  fork.num_full_pages = num_full;
  // Pages of the tree are shared whether they are full or not.
  fork.pages.assign(source.pages.begin(),
                    source.pages.begin() + std::max(num_full, source.num_tree_pages));
  for (const KvPageId page : fork.pages) ++PageOf(page).num_sequences;

  const int64_t rest = num_rows % page_size;
  if (rest == 0 || num_full < source.num_tree_pages) return fork_id;
  const KvPageId from = source.pages[static_cast<size_t>(num_full)];
  if (num_gpu_layers_ > 0 || pool_.tier(from) != Tier::kHost || pool_.num_free(Tier::kHost) == 0 ||
      !pool_.Prepare(1).ok()) {
    return fork_id;
  }
  const KvPageId to = TakePage(Tier::kHost, {});
  for (int64_t layer = 0; layer < options_.num_layers; ++layer) {
    std::memcpy(pool_.memory(to, layer), pool_.memory(from, layer),
                static_cast<size_t>(options_.layout.PageBytes()));
  }
  PageOf(to).num_rows = PageOf(to).num_planned_rows = rest;
  fork.pages.push_back(to);
  return fork_id;
}

void KvCache::Remove(SequenceId id) {
  // Last page first: in the tree it follows the others.
  const std::vector<KvPageId> pages = std::move(SequenceOf(id).pages);
  sequences_.erase(id);
  for (auto page = pages.rbegin(); page != pages.rend(); ++page) Release(*page);
}

int64_t KvCache::num_computed(SequenceId id) const { return NumRows(id, &Page::num_rows); }

int64_t KvCache::num_planned(SequenceId id) const { return NumRows(id, &Page::num_planned_rows); }

int64_t KvCache::NumRows(SequenceId id, int64_t Page::*rows_of) const {
  const Sequence& sequence = SequenceOf(id);
  const int64_t page_size = options_.layout.page_size;
  int64_t num_rows = sequence.num_full_pages * page_size;
  for (size_t i = static_cast<size_t>(sequence.num_full_pages); i < sequence.pages.size(); ++i) {
    const int64_t rows = PageOf(sequence.pages[i]).*rows_of;
    num_rows += rows;
    if (rows < page_size) break;
  }
  return num_rows;
}

void KvCache::PlanRows(SequenceId id, int64_t num_rows) {
  const Sequence& sequence = SequenceOf(id);
  const int64_t page_size = options_.layout.page_size;
  const int64_t end = num_planned(id) + num_rows;
  STRATA_CHECK(PagesFor(end) <= static_cast<int64_t>(sequence.pages.size()), "rows without a page");
  for (int64_t index = sequence.num_full_pages; index * page_size < end; ++index) {
    Page& page = PageOf(sequence.pages[static_cast<size_t>(index)]);
    page.num_planned_rows =
        std::max(page.num_planned_rows, std::min(page_size, end - index * page_size));
  }
}

void KvCache::MarkComputed(SequenceId id, absl::Span<const int32_t> tokens) {
  Sequence& sequence = SequenceOf(id);
  const int64_t page_size = options_.layout.page_size;
  const int64_t end = static_cast<int64_t>(tokens.size());
  STRATA_CHECK(PagesFor(end) <= static_cast<int64_t>(sequence.pages.size()), "rows without a page");
  for (int64_t index = sequence.num_full_pages; index * page_size < end; ++index) {
    Page& page = PageOf(sequence.pages[static_cast<size_t>(index)]);
    page.num_rows = std::max(page.num_rows, std::min(page_size, end - index * page_size));
    page.num_planned_rows = std::max(page.num_planned_rows, page.num_rows);
  }
  sequence.num_full_pages = std::max(sequence.num_full_pages, end / page_size);
  if (options_.prefix_sharing == PrefixSharing::kOn) Publish(sequence, tokens);
}

void KvCache::Publish(Sequence& sequence, absl::Span<const int32_t> tokens) {
  const int64_t page_size = options_.layout.page_size;
  while ((sequence.num_tree_pages + 1) * page_size <= static_cast<int64_t>(tokens.size())) {
    const int64_t index = sequence.num_tree_pages;
    KvPageId& id = sequence.pages[static_cast<size_t>(index)];
    const absl::Span<const int32_t> key =
        tokens.subspan(static_cast<size_t>(index * page_size), static_cast<size_t>(page_size));
    PrefixTree::Node* node = tree_.Find(sequence.node, key);
    if (node == nullptr) {
      node = tree_.Insert(sequence.node, key, id, pool_.tier(id));
      PageOf(id).node = node;
    } else if (node->page() != id) {
      // Two sequences have computed the same tokens: the same rows, bit by bit. One copy is enough,
      // unless theirs is not complete yet or forks of this sequence hold ours.
      Page& theirs = PageOf(node->page());
      if (theirs.num_rows < page_size || PageOf(id).num_sequences > 1) return;
      if (theirs.num_sequences++ == 0) tree_.MarkBusy(node);
      Release(id);
      id = node->page();
    }
    sequence.node = node;
    ++sequence.num_tree_pages;
  }
}

}  // namespace strata
