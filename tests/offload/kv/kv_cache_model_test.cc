// Random sequences that enter, grow, fork and leave, against a naive model: a row is a number that
// follows from the tokens before it, so every read can be checked, whoever wrote it, on whatever
// tier it lay and whether or not it was copied to a gpu and back. The disk is a block of memory,
// the gpu a fake.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <set>

#include "offload/kv/kv_cache.h"
#include "tests/support/fake_device.h"

namespace strata {
namespace {

constexpr int64_t kPageSize = 4;
constexpr int64_t kLayers = 3;

// What the row of the last of these tokens holds in a layer.
float RowOf(const std::vector<int32_t>& tokens, int64_t position, int64_t layer) {
  uint32_t hash = 17u + static_cast<uint32_t>(layer);
  for (int64_t i = 0; i <= position; ++i) {
    hash = hash * 31u + static_cast<uint32_t>(tokens[static_cast<size_t>(i)]);
  }
  return static_cast<float>(hash >> 8);
}

KvCacheOptions Options(int64_t max_host_pages, int64_t max_disk_pages, double disk_share,
                       PrefixSharing sharing) {
  return {.layout = {.dtype = DType::kF32,
                     .page_size = kPageSize,
                     .num_kv_heads = 1,
                     .head_dim = 1,
                     .v_head_dim = 1},
          .num_layers = kLayers,
          .max_host_pages = max_host_pages,
          .max_disk_pages = max_disk_pages,
          .disk_share = disk_share,
          .prefix_sharing = sharing};
}

int64_t MaxPages(const KvCacheOptions& options) {
  const int64_t outside = options.max_host_pages + options.max_disk_pages;
  return options.layer_is_on_gpu.empty() ? outside : std::min(outside, options.max_gpu_pages);
}

class KvCacheModel {
 public:
  KvCacheModel(uint32_t seed, const KvCacheOptions& options)
      : random_(seed),
        max_pages_(MaxPages(options)),
        travels_(options.gpu != nullptr),
        disk_(static_cast<size_t>(KvSpillBytes(options))),
        cache_(*KvCache::Create(options)) {}

  void Step() {
    const int64_t choice = Below(10);
    if (choice < 2) Enter();
    if (choice == 2 && !sequences_.empty()) Leave(Any());
    if (choice == 3 && !sequences_.empty() && sequences_.size() < 8) Fork(Any());
    if (choice > 3) RunPass();
    CheckCounts();
  }

  void LeaveAll() {
    while (!sequences_.empty()) Leave(sequences_.begin()->first);
    CheckCounts();
    EXPECT_EQ(cache_->num_used_pages(), 0);
    // Everything that is cached can be evicted.
    const SequenceId all = cache_->AddSequence();
    EXPECT_TRUE(cache_->Reserve(all, max_pages_ * kPageSize).ok());
    EXPECT_EQ(cache_->num_cached_pages(), 0);
    cache_->Remove(all);
    EXPECT_EQ(cache_->num_free_pages(), max_pages_);
  }

  int64_t num_rows_computed() const { return num_rows_computed_; }
  int64_t num_tokens_finished() const { return num_tokens_finished_; }

 private:
  struct Model {
    std::vector<int32_t> tokens;  // known
    int64_t num_reserved = 0;
  };

  int64_t Below(int64_t n) { return std::uniform_int_distribution<int64_t>(0, n - 1)(random_); }
  SequenceId Any() { return std::next(sequences_.begin(), Below(std::ssize(sequences_)))->first; }

  void Enter() {
    if (sequences_.size() >= 8) return;
    Model model;
    // Few different tokens, and lengths around whole pages: prefixes of all lengths coincide.
    const int64_t length = 1 + Below(5 * kPageSize);
    const int32_t family = static_cast<int32_t>(Below(2));
    for (int64_t i = 0; i < length; ++i) {
      model.tokens.push_back(i < length - Below(6) ? family : static_cast<int32_t>(Below(2)));
    }
    model.num_reserved = length + Below(9);
    const SequenceId id = cache_->AddSequence(model.tokens);
    if (!cache_->Reserve(id, model.num_reserved).ok()) return cache_->Remove(id);
    sequences_[id] = std::move(model);
  }

  void Leave(SequenceId id) {
    num_tokens_finished_ += cache_->num_computed(id);
    cache_->Remove(id);
    sequences_.erase(id);
  }

  void Fork(SequenceId id) {
    Model fork = sequences_[id];
    const SequenceId fork_id = cache_->Fork(id);
    EXPECT_LE(cache_->num_computed(fork_id), cache_->num_computed(id));
    fork.num_reserved = static_cast<int64_t>(fork.tokens.size());
    if (!cache_->Reserve(fork_id, fork.num_reserved).ok()) return cache_->Remove(fork_id);
    sequences_[fork_id] = std::move(fork);
  }

  void RunPass() {
    std::vector<KvAppend> appends;
    int64_t num_rows = 0;
    for (auto& [id, model] : sequences_) {
      if (Below(4) == 0) continue;
      const int64_t first = cache_->num_planned(id);
      if (first == std::ssize(model.tokens)) {  // a token was sampled
        if (cache_->num_computed(id) < first) continue;
        if (first == model.num_reserved) {
          if (!cache_->Reserve(id, first + 1).ok()) continue;
          ++model.num_reserved;
        }
        model.tokens.push_back(static_cast<int32_t>(Below(2)));
      }
      const int64_t count = 1 + Below(std::ssize(model.tokens) - first);
      cache_->PlanRows(id, count);
      appends.push_back(
          {.sequence = id, .first_query = num_rows, .num_queries = count, .first_position = first});
      num_rows += count;
    }
    num_rows_computed_ += num_rows;
    // In one micro-batch or two.
    const size_t first = static_cast<size_t>(Below(std::ssize(appends) + 1));
    const absl::Span<const KvAppend> all = appends;
    const KvPagePlan plans[] = {cache_->PlanPages(all.first(first)),
                                cache_->PlanPages(all.subspan(first))};
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      for (const KvPagePlan& plan : plans) ASSERT_NO_FATAL_FAILURE(RunLayer(plan, layer));
    }
    for (const KvAppend& append : appends) {
      const std::vector<int32_t>& tokens = sequences_[append.sequence].tokens;
      cache_->MarkComputed(append.sequence, absl::MakeConstSpan(tokens).first(static_cast<size_t>(
                                                append.first_position + append.num_queries)));
    }
  }

  void RunLayer(const KvPagePlan& plan, int64_t layer) {
    std::vector<std::byte> staging(static_cast<size_t>(plan.staging_bytes), std::byte{0xff});
    for (const DiskTransfer& read : cache_->Reads(plan, layer, staging.data())) {
      std::memcpy(read.memory, disk_.data() + read.offset, static_cast<size_t>(read.bytes));
    }
    std::vector<std::byte> on_gpu(static_cast<size_t>(plan.gpu_staging_bytes + 1), std::byte{0xff});
    KvStaging places = {.host = staging.data()};
    const bool travels = travels_ && !cache_->IsOnGpu(layer) && Below(2) == 0;
    if (travels) {
      places.gpu = on_gpu.data();
      for (const KvCopy& copy : cache_->CopiesIn(plan, layer, places)) {
        std::memcpy(copy.gpu, copy.host, static_cast<size_t>(copy.bytes));
      }
    }
    const KvLease lease = cache_->Acquire(plan, layer, places);
    const KvView view = lease.view();
    const auto row = [&](size_t i, int64_t position) {
      void* page = view.sequences[i].pages[static_cast<size_t>(position / kPageSize)];
      return static_cast<float*>(page) + position % kPageSize;
    };
    for (size_t i = 0; i < plan.appends.size(); ++i) {
      const KvAppend& append = plan.appends[i];
      for (int64_t j = 0; j < append.num_queries; ++j) {
        const int64_t position = append.first_position + j;
        *row(i, position) = RowOf(sequences_[append.sequence].tokens, position, layer);
      }
    }
    for (size_t i = 0; i < plan.appends.size(); ++i) {
      const KvAppend& append = plan.appends[i];
      for (int64_t position = 0; position < append.first_position + append.num_queries;
           ++position) {
        ASSERT_EQ(*row(i, position), RowOf(sequences_[append.sequence].tokens, position, layer));
      }
    }
    if (travels) {
      for (const KvCopy& copy : cache_->CopiesOut(plan, layer, places)) {
        std::memcpy(copy.host, copy.gpu, static_cast<size_t>(copy.bytes));
      }
    }
    for (const DiskTransfer& write : cache_->Writes(plan, layer, staging.data())) {
      std::memcpy(disk_.data() + write.offset, write.memory, static_cast<size_t>(write.bytes));
    }
  }

  void CheckCounts() {
    std::set<KvPageId> pages;
    for (const auto& [id, model] : sequences_) {
      const KvAppend append = {.sequence = id, .num_queries = model.num_reserved};
      const KvPagePlan plan = cache_->PlanPages({append});
      pages.insert(plan.pages.begin(), plan.pages.end());
    }
    ASSERT_EQ(cache_->num_used_pages(), std::ssize(pages));
    ASSERT_EQ(cache_->num_used_pages() + cache_->num_cached_pages() + cache_->num_free_pages(),
              max_pages_);
  }

  std::mt19937 random_;
  int64_t max_pages_;
  bool travels_;  // now and then, the layers that do not lie on the gpu
  std::vector<std::byte> disk_;
  std::unique_ptr<KvCache> cache_;
  std::map<SequenceId, Model> sequences_;
  int64_t num_rows_computed_ = 0;
  int64_t num_tokens_finished_ = 0;
};

void RunModel(const KvCacheOptions& options) {
  for (uint32_t seed = 0; seed < 16 && !::testing::Test::HasFatalFailure(); ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    KvCacheModel model(seed, options);
    for (int64_t step = 0; step < 400 && !::testing::Test::HasFatalFailure(); ++step) model.Step();
    model.LeaveAll();
    if (options.prefix_sharing == PrefixSharing::kOn) {
      EXPECT_LT(model.num_rows_computed(), model.num_tokens_finished());
    }
  }
}

TEST(KvCacheModelTest, Roomy) { RunModel(Options(200, 0, 0.0, PrefixSharing::kOn)); }
TEST(KvCacheModelTest, NearlyFull) { RunModel(Options(25, 0, 0.0, PrefixSharing::kOn)); }
TEST(KvCacheModelTest, WithoutSharing) { RunModel(Options(25, 0, 0.0, PrefixSharing::kOff)); }
TEST(KvCacheModelTest, OverflowToDisk) { RunModel(Options(7, 20, 0.0, PrefixSharing::kOn)); }
TEST(KvCacheModelTest, AShareOnDisk) { RunModel(Options(100, 100, 0.4, PrefixSharing::kOn)); }
TEST(KvCacheModelTest, AllOnDisk) { RunModel(Options(0, 25, 1.0, PrefixSharing::kOn)); }

// Of the layers, some on a gpu; the others in host memory and on disk, travelling now and then.
void RunModelOnGpu(KvCacheOptions options, std::vector<bool> layer_is_on_gpu) {
  testing::FakeDevice gpu;
  options.gpu = &gpu;
  options.max_gpu_pages = 40;
  options.layer_is_on_gpu = std::move(layer_is_on_gpu);
  RunModel(options);
}
TEST(KvCacheModelTest, AllOnTheGpu) {
  RunModelOnGpu(Options(200, 0, 0.0, PrefixSharing::kOn), {true, true, true});
}
TEST(KvCacheModelTest, OneLayerOnTheGpu) {
  RunModelOnGpu(Options(200, 0, 0.0, PrefixSharing::kOn), {false, true, false});
}
TEST(KvCacheModelTest, TwoLayersOnTheGpuAndAFullHost) {
  RunModelOnGpu(Options(7, 18, 0.3, PrefixSharing::kOn), {true, false, true});
}
TEST(KvCacheModelTest, TravellingFromDisk) {
  RunModelOnGpu(Options(9, 25, 0.7, PrefixSharing::kOff), {});
}
TEST(KvCacheModelTest, OnDiskWithoutSharing) { RunModel(Options(9, 25, 0.7, PrefixSharing::kOff)); }

}  // namespace
}  // namespace strata
