#include "kernels/device/thread_pool.h"

#include "kernels/base/status.h"

namespace strata {
namespace {

// Turns of the spin loop before a thread sleeps; about 50 us at 40 cycles each.
constexpr int kSpinTurns = 4000;

constexpr uint64_t kRemainingMask = 0xffffffffu;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int num_threads) {
  STRATA_CHECK(num_threads >= 1, "a thread pool needs a thread");
  workers_.reserve(static_cast<size_t>(num_threads - 1));
  for (int thread = 1; thread < num_threads; ++thread) {
    workers_.emplace_back([this, thread] { RunWorker(thread); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::ParallelFor(int64_t num_tasks, Task task) {
  if (workers_.empty() || num_tasks <= 1) {
    for (int64_t i = 0; i < num_tasks; ++i) task(i, 0);
    return;
  }
  STRATA_CHECK(num_tasks <= static_cast<int64_t>(kRemainingMask), "too many tasks for one loop");
  task_ = &task;
  num_tasks_ = num_tasks;
  num_done_.store(0, std::memory_order_relaxed);
  const uint64_t loop = (ticket_.load(std::memory_order_relaxed) >> 32) + 1;
  // Sequentially consistent, as is the sleepers' check: either they see the ticket or we see them.
  ticket_.store((loop << 32) | static_cast<uint64_t>(num_tasks));
  if (num_sleeping_.load() > 0) {
    { const std::lock_guard lock(mutex_); }
    work_.notify_all();
  }
  RunTasks(0);
  for (int turn = 0; turn < kSpinTurns; ++turn) {
    if (num_done_.load(std::memory_order_acquire) == num_tasks) return;
    Pause();
  }
  std::unique_lock lock(mutex_);
  caller_sleeping_ = true;
  done_.wait(lock, [&] { return num_done_.load() == num_tasks; });
  caller_sleeping_ = false;
}

void ThreadPool::RunTasks(int thread) {
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while ((ticket & kRemainingMask) != 0) {
    if (!ticket_.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acq_rel)) continue;
    // The loop cannot end before this task has run, so its members stand still until then.
    const int64_t num_tasks = num_tasks_;
    (*task_)(num_tasks - static_cast<int64_t>(ticket & kRemainingMask), thread);
    if (num_done_.fetch_add(1) + 1 == num_tasks && caller_sleeping_.load()) {
      { const std::lock_guard lock(mutex_); }
      done_.notify_one();
    }
    ticket = ticket_.load(std::memory_order_acquire);
  }
}

void ThreadPool::RunWorker(int thread) {
  const auto has_work = [this] { return (ticket_.load() & kRemainingMask) != 0; };
  while (!stopping_.load(std::memory_order_relaxed)) {
    RunTasks(thread);
    bool found = false;
    for (int turn = 0; turn < kSpinTurns && !found; ++turn) {
      found = has_work();
      if (!found) Pause();
    }
    if (found) continue;
    std::unique_lock lock(mutex_);
    ++num_sleeping_;
    work_.wait(lock, [&] { return stopping_.load() || has_work(); });
    --num_sleeping_;
  }
}

}  // namespace strata
