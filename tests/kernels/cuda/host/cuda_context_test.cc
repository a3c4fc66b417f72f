#include "kernels/cuda/host/cuda_context.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/base/status.h"
#include "tests/support/fake_cuda_runtime.h"

namespace strata::cuda {
namespace {

using ::strata::testing::FakeCudaRuntime;

class CudaContextTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto runtime = std::make_unique<FakeCudaRuntime>();
    runtime_ = runtime.get();
    absl::StatusOr<std::unique_ptr<CudaDevice>> device =
        CudaDevice::Create(std::move(runtime), 0, 64 << 20);
    ASSERT_TRUE(device.ok());
    device_ = *std::move(device);
    absl::StatusOr<std::unique_ptr<CudaContext>> context =
        CudaContext::Create(*device_, {.scratch_bytes = 4096, .upload_bytes = 4096});
    ASSERT_TRUE(context.ok()) << context.status();
    context_ = *std::move(context);
  }

  FakeCudaRuntime* runtime_ = nullptr;  // the device's
  std::unique_ptr<CudaDevice> device_;
  std::unique_ptr<CudaContext> context_;
};

TEST_F(CudaContextTest, ScratchOfOneOperationIsDisjointAndAligned) {
  ASSERT_TRUE(context_->BeginOperation().ok());
  char* previous_end = nullptr;
  for (const int64_t bytes : {1, 300, 256, 0, 2000}) {
    const absl::StatusOr<void*> memory = context_->Scratch(bytes);
    ASSERT_TRUE(memory.ok());
    char* const begin = static_cast<char*>(*memory);
    EXPECT_TRUE(previous_end == nullptr || begin >= previous_end);
    previous_end = begin + bytes;
  }
}

TEST_F(CudaContextTest, ScratchGrowsOnceAndIsUsedAgain) {
  const auto take = [&](int64_t bytes) {
    absl::StatusOr<void*> memory = context_->Scratch(bytes);
    EXPECT_TRUE(memory.ok());
    std::memset(*memory, 1, static_cast<size_t>(bytes));  // as a kernel may, all of it
    return *memory;
  };
  ASSERT_TRUE(context_->BeginOperation().ok());
  void* const small = take(1000);
  void* const large = take(100000);  // the small one stays
  std::memset(small, 2, 1000);
  EXPECT_NE(small, large);
  ASSERT_TRUE(context_->BeginOperation().ok());
  const int64_t used = device_->used_bytes();
  void* const whole = take(101000);
  ASSERT_TRUE(context_->BeginOperation().ok());
  EXPECT_EQ(take(101000), whole);
  EXPECT_EQ(device_->used_bytes(), used);
}

// Not the sum of what several operations took.
TEST_F(CudaContextTest, ScratchGrowsToTheLargestOperation) {
  const int64_t at_first = device_->used_bytes();
  for (const int64_t bytes : {3000, 20000, 30000, 10000, 40960, 5000}) {
    ASSERT_TRUE(context_->BeginOperation().ok());
    ASSERT_TRUE(context_->Scratch(bytes).ok());
  }
  ASSERT_TRUE(context_->BeginOperation().ok());
  EXPECT_EQ(device_->used_bytes() - at_first, 40960 - 4096);
}

TEST_F(CudaContextTest, ScratchBeyondTheDeviceIsExhausted) {
  ASSERT_TRUE(context_->BeginOperation().ok());
  EXPECT_TRUE(absl::IsResourceExhausted(context_->Scratch(int64_t{1} << 30).status()));
  EXPECT_TRUE(context_->Scratch(16).ok());
  EXPECT_TRUE(context_->Scratch(100000).ok());
  ASSERT_TRUE(
      context_->BeginOperation().ok());  // makes room for what was given, not for what was not
  EXPECT_TRUE(context_->Scratch(100000).ok());
}

// The stream reads every upload when its turn comes, long after the host has overwritten what it
// was made from, around the ring many times and beyond its size.
TEST_F(CudaContextTest, UploadsHoldWhatTheHostHad) {
  std::mt19937 random(7);
  std::vector<int32_t> host(3000);
  std::vector<int> wrong(1, 0);  // by the stream's thread
  for (int operation = 0; operation < 200; ++operation) {
    ASSERT_TRUE(context_->BeginOperation().ok());
    struct Upload {
      const int32_t* data;
      size_t count;
      int32_t first;
    };
    std::vector<Upload> uploads;
    for (int i = 0; i < 1 + operation % 3; ++i) {
      const size_t count = 1 + random() % (operation % 50 == 49 ? 3000 : 200);
      const int32_t first = operation * 1000 + i * 100;
      std::iota(host.begin(), host.begin() + static_cast<int64_t>(count), first);
      const absl::StatusOr<const int32_t*> data =
          context_->Upload(absl::MakeConstSpan(host).first(count));
      ASSERT_TRUE(data.ok()) << data.status();
      EXPECT_EQ(reinterpret_cast<uintptr_t>(*data) % 16, 0u);
      uploads.push_back({*data, count, first});
    }
    std::fill(host.begin(), host.end(), -1);
    runtime_->Submit(context_->stream(), [uploads, &wrong] {
      for (const Upload& upload : uploads) {
        for (size_t k = 0; k < upload.count; ++k) {
          if (upload.data[k] != upload.first + static_cast<int32_t>(k)) ++wrong[0];
        }
      }
      return absl::OkStatus();
    });
  }
  ASSERT_TRUE(context_->Record().Synchronize().ok());
  EXPECT_EQ(wrong[0], 0);
}

// Passes as graphs, with work of the test's in the place of kernels: each adds the numbers that it
// finds in what was uploaded for it.
class PassGraphTest : public CudaContextTest {
 protected:
  // The stream's work is over before what it adds up goes.
  void TearDown() override { context_.reset(); }

  // A pass of `num_kernels` operations that each upload `count` numbers and add them up; what the
  // last step of the pass said. `num_extra` more kernels upload nothing.
  absl::Status Issue(int num_kernels, size_t count, int num_extra = 0) {
    for (int i = 0; i < num_kernels; ++i) {
      STRATA_RETURN_IF_ERROR(context_->BeginOperation());
      std::vector<int32_t> host(count);
      std::iota(host.begin(), host.end(), next_);
      next_ += static_cast<int32_t>(count);
      STRATA_ASSIGN_OR_RETURN(const int32_t* data, context_->Upload(absl::MakeConstSpan(host)));
      runtime_->Submit(context_->stream(), [this, data, count] {
        for (size_t k = 0; k < count; ++k) sum_ += data[k];
        return absl::OkStatus();
      });
    }
    for (int i = 0; i < num_extra; ++i) {
      runtime_->Submit(context_->stream(), [] { return absl::OkStatus(); });
    }
    return absl::OkStatus();
  }

  absl::Status RunPass(int num_kernels, size_t count, int num_extra = 0) {
    STRATA_RETURN_IF_ERROR(context_->BeginPass());
    absl::Status status = Issue(num_kernels, count, num_extra);
    const absl::Status ended = context_->EndPass();
    return status.ok() ? ended : status;
  }

  // The sum of all numbers so far.
  int64_t Expected() const { return int64_t{next_} * (next_ - 1) / 2; }
  int64_t Sum() {
    EXPECT_TRUE(context_->Record().Synchronize().ok());
    return sum_;
  }

  int32_t next_ = 0;
  int64_t sum_ = 0;  // by the stream's thread
};

TEST_F(PassGraphTest, LaterPassesAreOneLaunchWithTheirOwnData) {
  for (int pass = 0; pass < 50; ++pass) {
    ASSERT_TRUE(RunPass(7, 100 + static_cast<size_t>(pass)).ok()) << pass;
  }
  EXPECT_EQ(Sum(), Expected());
  EXPECT_EQ(runtime_->num_graph_launches(), 49);
  EXPECT_EQ(runtime_->num_instantiated(), 1);
  EXPECT_EQ(runtime_->num_updated(), 48);
}

TEST_F(PassGraphTest, OtherKernelsMakeAnotherGraph) {
  for (int pass = 0; pass < 9; ++pass) ASSERT_TRUE(RunPass(3, 10, pass / 3).ok());
  EXPECT_EQ(Sum(), Expected());
  EXPECT_EQ(runtime_->num_instantiated(), 3);
  EXPECT_EQ(runtime_->num_updated(), 5);
}

TEST_F(PassGraphTest, PlainOperationsMayComeBetween) {
  for (int pass = 0; pass < 9; ++pass) {
    ASSERT_TRUE(RunPass(3, 10).ok());
    ASSERT_TRUE(Issue(2, 300).ok());
  }
  EXPECT_EQ(Sum(), Expected());
  EXPECT_EQ(runtime_->num_graph_launches(), 8);
}

// More data than the block has room for: that pass is done by operations alone, the next has room.
TEST_F(PassGraphTest, APassThatDoesNotFitIsAbortedAndTheNextFits) {
  ASSERT_TRUE(RunPass(1, 10).ok());
  ASSERT_TRUE(RunPass(1, 10).ok());
  const int32_t before = next_;
  EXPECT_TRUE(absl::IsAborted(RunPass(5, 200000)));
  next_ = before;  // nothing of it has run
  EXPECT_EQ(Sum(), Expected());
  ASSERT_TRUE(Issue(5, 200000).ok());
  ASSERT_TRUE(RunPass(2, 200000).ok());
  EXPECT_EQ(Sum(), Expected());
  EXPECT_EQ(runtime_->num_graph_launches(), 2);
}

TEST_F(PassGraphTest, ScratchThatGrowsAbortsThePass) {
  ASSERT_TRUE(RunPass(1, 10).ok());
  ASSERT_TRUE(context_->BeginPass().ok());
  ASSERT_TRUE(context_->BeginOperation().ok());
  EXPECT_TRUE(context_->Scratch(1000).ok());
  EXPECT_TRUE(absl::IsAborted(context_->Scratch(100000).status()));
  EXPECT_TRUE(absl::IsAborted(context_->EndPass()));
  ASSERT_TRUE(context_->BeginOperation().ok());
  EXPECT_TRUE(context_->Scratch(100000).ok());
  ASSERT_TRUE(context_->BeginPass().ok());
  ASSERT_TRUE(context_->BeginOperation().ok());
  EXPECT_TRUE(context_->Scratch(100000).ok());
  EXPECT_TRUE(context_->EndPass().ok());
}

// After a failure of CUDA's the pass is done again by operations alone, and so are all later ones.
TEST_F(PassGraphTest, AFailureOfCudaEndsTheUseOfGraphs) {
  for (const char* method : {"EndCapture", "Instantiate", "LaunchGraph"}) {
    context_.reset();
    SetUp();
    next_ = 0;
    sum_ = 0;
    ASSERT_TRUE(RunPass(2, 10).ok());
    runtime_->FailGraphs(method);
    const int32_t before = next_;
    EXPECT_TRUE(absl::IsAborted(RunPass(2, 10))) << method;
    next_ = before;
    runtime_->FailGraphs("");
    for (int pass = 0; pass < 3; ++pass) ASSERT_TRUE(RunPass(2, 10).ok()) << method;
    EXPECT_EQ(Sum(), Expected()) << method;
    EXPECT_EQ(runtime_->num_graph_launches(), 0);
  }
}

// A launch that CUDA refuses while it is captured: the same.
TEST_F(PassGraphTest, AnOperationThatFailsInACaptureIsAborted) {
  ASSERT_TRUE(RunPass(1, 10).ok());
  EXPECT_TRUE(absl::IsInternal(context_->EndOperation(absl::InternalError("launch"))));
  ASSERT_TRUE(context_->BeginPass().ok());
  EXPECT_TRUE(absl::IsInvalidArgument(context_->EndOperation(absl::InvalidArgumentError("args"))));
  EXPECT_TRUE(absl::IsAborted(context_->EndOperation(absl::InternalError("launch"))));
  EXPECT_TRUE(absl::IsAborted(context_->EndPass()));
  ASSERT_TRUE(RunPass(1, 10).ok());
  EXPECT_EQ(runtime_->num_graph_launches(), 0);
}

}  // namespace
}  // namespace strata::cuda
