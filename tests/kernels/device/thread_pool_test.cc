#include "kernels/device/thread_pool.h"

#include <atomic>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace strata {
namespace {

class ThreadPoolTest : public testing::TestWithParam<int> {};

TEST_P(ThreadPoolTest, RunsEveryTaskOnce) {
  ThreadPool pool(GetParam());
  EXPECT_EQ(pool.num_threads(), GetParam());
  for (const int64_t num_tasks : {0, 1, 2, 3, 17, 1000}) {
    std::vector<std::atomic<int>> runs(static_cast<size_t>(num_tasks));
    pool.ParallelFor(num_tasks, [&](int64_t task, int thread) {
      EXPECT_GE(thread, 0);
      EXPECT_LT(thread, GetParam());
      ++runs[static_cast<size_t>(task)];
    });
    for (const std::atomic<int>& count : runs) EXPECT_EQ(count, 1);
  }
}

// Many short loops in a row: late workers meet the next loop's tasks.
TEST_P(ThreadPoolTest, WritesAreVisibleAfterEachOfManyLoops) {
  ThreadPool pool(GetParam());
  std::vector<int64_t> values(64, 0);
  for (int64_t loop = 0; loop < 2000; ++loop) {
    const int64_t num_tasks = 1 + loop % 64;
    pool.ParallelFor(num_tasks, [&](int64_t task, int) { ++values[static_cast<size_t>(task)]; });
  }
  int64_t expected = 0;
  for (int64_t loop = 0; loop < 2000; ++loop) expected += 1 + loop % 64;
  EXPECT_EQ(std::accumulate(values.begin(), values.end(), int64_t{0}), expected);
}

// A loop whose tasks outlast the spinning: the caller and the workers sleep and are woken.
TEST_P(ThreadPoolTest, WakesSleepers) {
  ThreadPool pool(GetParam());
  for (int loop = 0; loop < 3; ++loop) {
    std::atomic<int64_t> sum = 0;
    pool.ParallelFor(2, [&](int64_t task, int) {
      int64_t local = 0;
      const int64_t turns = task == 0 ? 1 : 3'000'000;
      for (int64_t i = 0; i < turns; ++i) {
        local += i % 3;
        std::atomic_signal_fence(std::memory_order_seq_cst);  // keeps the loop
      }
      sum += local > 0 ? 1 : 1;
    });
    EXPECT_EQ(sum, 2);
  }
}

TEST_P(ThreadPoolTest, ScratchOfAThreadIsItsOwn) {
  ThreadPool pool(GetParam());
  std::vector<int64_t> per_thread(static_cast<size_t>(GetParam()), 0);
  pool.ParallelFor(500, [&](int64_t, int thread) { ++per_thread[static_cast<size_t>(thread)]; });
  EXPECT_EQ(std::accumulate(per_thread.begin(), per_thread.end(), int64_t{0}), 500);
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, testing::Values(1, 2, 3, 8));

TEST(ThreadPoolDeathTest, RefusesZeroThreads) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(ThreadPool(0), "a thread pool needs a thread");
}

}  // namespace
}  // namespace strata
