#include "engine/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "engine/engine.h"
#include "engine/model_shape_of.h"
#include "models/activations.h"
#include "offload/plan/hidden_places.h"
#include "offload/plan/kv_layers.h"
#include "tests/support/fake_disk_queue.h"
#include "tests/support/fake_gpu.h"
#include "tests/support/golden_case.h"

namespace strata {
namespace {

enum class Waiting : uint8_t { kInMemory, kOnDisk };     // hidden rows, between their turns
enum class Attention : uint8_t { kInPlace, kOnTheGpu };  // of KV pages, that travel there

// One sequence through a model whose weights and KV pages all lie on a disk that is scripted.
class ExecutorTest : public ::testing::TestWithParam<std::tuple<Waiting, Attention>> {
 protected:
  static constexpr int64_t kLength = 20;
  static constexpr int64_t kMicroBatches = 7;

  void SetUp() override { Begin(); }

  // Everything anew, with transfers counted from 0.
  void Begin() {
    executor_.reset();
    disk_ = std::make_unique<FakeDiskQueue>(FakeDiskQueue::Order::kNewestFirst);
    const testing::GoldenCase golden = *testing::LoadGoldenCase("llama-mha");
    engine_ = *Engine::Create({.model = golden.directory, .kv_dtype = DType::kF32});
    const ModelConfig& config = engine_->decoder().config();
    policy_ = engine_->policy();
    for (StagePolicy& stage : policy_.stages) {
      std::fill(stage.tensor_homes.begin(), stage.tensor_homes.end(), Tier::kDisk);
    }
    policy_.kv = {.gpu = 0, .host = 0, .disk = 1};
    policy_.host_staging_bytes = 2 * SmallestStaging(engine_->model_shape(), policy_).host_bytes;
    const auto [waiting, attention] = GetParam();
    if (waiting == Waiting::kOnDisk) policy_.activations = {.gpu = 0, .host = 0, .disk = 1};
    const bool travels = attention == Attention::kOnTheGpu;
    PlaceAttention(engine_->model_shape(), travels ? 1 : 0, policy_);
    schedule_ = MakeSchedule(engine_->model_shape(), policy_, kMicroBatches);
    kv_cache_.reset();  // all that lies on the gpu before it
    gpu_activations_.reset();
    gpu_staging_ = {};
    gpu_ = {};
    if (travels) gpu_ = *testing::MakeFakeGpu();

    const std::vector<std::vector<TensorSpec>> units = WeightUnits(engine_->decoder());
    WeightStoreOptions weights = {.staging_bytes = policy_.host_staging_bytes,
                                  .staging_offsets = std::vector<int64_t>(units.size(), -1),
                                  .spill_directory = ::testing::TempDir(),
                                  .disk_queue = disk_.get()};
    for (const StagePolicy& stage : policy_.stages) weights.homes.push_back(stage.tensor_homes);
    for (const Step& step : schedule_.steps) {
      if (step.kind != StepKind::kReadWeights) continue;
      weights.staging_offsets[static_cast<size_t>(step.stage)] = step.staging_offset;
    }
    weights_ = *WeightStore::Open(*TensorCatalog::OpenCheckpoint(golden.directory, units), weights);

    KvCacheOptions kv = {.layout = {.dtype = DType::kF32,
                                    .page_size = 16,
                                    .num_kv_heads = config.num_kv_heads,
                                    .head_dim = config.head_dim,
                                    .v_head_dim = config.head_dim},
                         .num_layers = config.num_layers,
                         .max_host_pages = 1,
                         .max_disk_pages = 8,
                         .gpu = gpu_.device.get(),
                         .disk_share = 1.0,
                         .prefix_sharing = PrefixSharing::kOff};
    spill_ =
        std::make_unique<DiskFile>(*DiskFile::CreateSpill(::testing::TempDir(), KvSpillBytes(kv)));
    kv.spill = spill_.get();
    kv_cache_ = *KvCache::Create(kv);
    slot_bytes_ = KvSpillBytes(kv) / config.num_layers;
    staging_ = *Buffer::Allocate(std::max(kNumKvSlots * slot_bytes_, Buffer::kHugePageBytes),
                                 MemoryKind::kPageable);
    ActivationExtents extents = {
        .max_tokens = 5,
        .max_micro_batches = kMicroBatches,
        .max_logit_rows = 1,
        .hidden_places = HiddenPlacesInHost(policy_.activations, kMicroBatches),
        .hidden_alignment = kDiskAlignment};
    Buffer memory =
        *Buffer::Allocate(std::max(Activations::BytesFor(config, extents), Buffer::kHugePageBytes),
                          MemoryKind::kPageable);
    activations_.emplace(Activations::Within(config, extents, std::move(memory)));
    const int64_t place_bytes = HiddenPlaceBytes(extents.max_tokens, config.hidden_dim);
    hidden_spill_ = std::make_unique<DiskFile>(
        *DiskFile::CreateSpill(::testing::TempDir(), kMicroBatches * place_bytes));
    Executor::Parts parts = {.decoder = &engine_->decoder(),
                             .weights = weights_.get(),
                             .kv_cache = kv_cache_.get(),
                             .backend = &engine_->backend(),
                             .disk_queue = disk_.get(),
                             .kv_host_slots = {staging_.data(), slot_bytes_},
                             .hidden = {.activations = policy_.activations,
                                        .spill = hidden_spill_.get(),
                                        .place_bytes = place_bytes}};
    if (travels) {
      extents.hidden_places = HiddenPlacesOnGpu(policy_.activations, kMicroBatches);
      gpu_activations_.emplace(Activations::Within(
          config, extents, *gpu_.device->Allocate(Activations::BytesFor(config, extents))));
      gpu_staging_ = *gpu_.device->Allocate(kNumKvSlots * slot_bytes_);
      parts.kv_gpu_slots = {gpu_staging_.data(), slot_bytes_};
      parts.gpu = {.device = gpu_.device.get(),
                   .backend = gpu_.backend.get(),
                   .activations = &*gpu_activations_};
    }
    executor_ = std::make_unique<Executor>(parts, schedule_);
    sequence_ = kv_cache_->AddSequence();
    ASSERT_TRUE(kv_cache_->Reserve(sequence_, 2 * kLength).ok());
  }

  // The pass of positions [begin, end) in micro-batches of `rows`; logits of the last.
  absl::Status RunPass(int64_t begin, int64_t end, int64_t rows) {
    std::vector<ScheduledBatch> batches;
    for (int64_t first = begin; first < end; first += rows) {
      const int64_t last = std::min(first + rows, end);
      ScheduledBatch batch;
      batch.batch.index = static_cast<int64_t>(batches.size());
      for (int64_t i = first; i < last; ++i) {
        batch.batch.token_ids.push_back(static_cast<int32_t>(3 + 5 * i % 90));
        batch.batch.positions.push_back(static_cast<int32_t>(i));
      }
      batch.batch.sequences = {
          {.num_tokens = last - first, .first_position = first, .sequence_length = end}};
      if (last == end) batch.batch.logit_rows = {static_cast<int32_t>(last - first - 1)};
      batch.appends = {
          {.sequence = sequence_, .num_queries = last - first, .first_position = first}};
      batches.push_back(std::move(batch));
    }
    kv_cache_->PlanRows(sequence_, end - begin);
    STRATA_RETURN_IF_ERROR(executor_->RunPass(batches, *activations_));
    kv_cache_->MarkComputed(sequence_, std::vector<int32_t>(static_cast<size_t>(end), 0));
    return absl::OkStatus();
  }

  std::vector<float> Logits() const {
    const MutableTensorView logits = activations_->Logits(0, 1);
    return std::vector<float>(logits.Row<float>(0), logits.Row<float>(0) + logits.num_columns());
  }

  // Logits of a prompt, then of three single tokens.
  std::vector<std::vector<float>> RunAll() {
    std::vector<std::vector<float>> logits;
    EXPECT_TRUE(RunPass(0, kLength, 3).ok());
    logits.push_back(Logits());
    for (int64_t i = kLength; i < kLength + 3; ++i) {
      const absl::Status status = RunPass(i, i + 1, 1);
      EXPECT_TRUE(status.ok()) << status;
      logits.push_back(Logits());
    }
    return logits;
  }

  std::unique_ptr<Engine> engine_;
  Policy policy_;
  Schedule schedule_;
  std::unique_ptr<WeightStore> weights_;
  std::unique_ptr<DiskFile> spill_;
  GpuParts gpu_;
  std::unique_ptr<KvCache> kv_cache_;
  int64_t slot_bytes_ = 0;
  Buffer staging_;
  Buffer gpu_staging_;
  std::unique_ptr<DiskFile> hidden_spill_;
  std::optional<Activations> activations_, gpu_activations_;
  SequenceId sequence_ = 0;
  std::unique_ptr<FakeDiskQueue> disk_;
  std::unique_ptr<Executor> executor_;
};

TEST_P(ExecutorTest, ASlowDiskThatEndsNewestFirstChangesNothing) {
  const std::vector<std::vector<float>> expected = RunAll();
  Begin();
  disk_->Hold();
  std::atomic<bool> done = false;
  std::thread slow([&] {
    while (!done) {
      // Several wait whenever the executor reads ahead; then the newest of them ends first.
      if (disk_->num_waiting() > 1 || disk_->num_submissions() % 2 == 0) disk_->Release(1);
      std::this_thread::yield();
    }
    disk_->ReleaseAll();
  });
  std::thread ticking([&] {
    while (!done) {
      disk_->Release(1);
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  });
  const std::vector<std::vector<float>> actual = RunAll();
  done = true;
  slow.join();
  ticking.join();
  EXPECT_TRUE(actual == expected);
  const ExecutorTotals& totals = executor_->totals();
  EXPECT_EQ(totals.num_passes, 4);
  EXPECT_GT(totals.bytes[static_cast<size_t>(Lane::kDiskRead)], 0);
  EXPECT_GT(totals.bytes[static_cast<size_t>(Lane::kDiskWrite)], 0);
}

// Whichever transfer fails, the pass that needs it says so, and nothing hangs or is torn down
// early.
TEST_P(ExecutorTest, EveryFailingTransferEndsThePassWithItsError) {
  int num_failed = 0;
  for (int64_t index = 0; index < 150; index += index < 20 ? 3 : 13) {
    Begin();
    disk_->FailTransfer(index, absl::DataLossError("sector 7 is gone"));
    absl::Status status = RunPass(0, kLength, 3);
    for (int64_t i = kLength; status.ok() && i < kLength + 3; ++i) status = RunPass(i, i + 1, 1);
    if (status.ok()) continue;  // read ahead for a pass that never came
    ++num_failed;
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_NE(status.message().find("sector 7 is gone"), absl::string_view::npos) << status;
  }
  EXPECT_GE(num_failed, 8);
}

INSTANTIATE_TEST_SUITE_P(Placements, ExecutorTest,
                         ::testing::Combine(::testing::Values(Waiting::kInMemory, Waiting::kOnDisk),
                                            ::testing::Values(Attention::kInPlace,
                                                              Attention::kOnTheGpu)));

}  // namespace
}  // namespace strata
