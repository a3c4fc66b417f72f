// ThreadPool: a fixed set of threads that share the tasks of one loop at a time.
//
// ParallelFor hands out task numbers from one atomic counter; the caller takes tasks too, so a pool
// of one thread has no other threads and runs everything inline. Waiting threads spin for some
// microseconds, the time between two operations of a decode step, and then sleep.
// One thread at a time may call ParallelFor, and a task must not call it on its own pool.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"

namespace strata {

class ThreadPool {
 public:
  // A task: its number in [0, num_tasks) and the thread that runs it, in [0, num_threads).
  using Task = absl::FunctionRef<void(int64_t task, int thread)>;

  // `num_threads` >= 1 counts the caller of ParallelFor.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Runs `task` once for every number in [0, num_tasks), in any order and on any thread; returns
  // when all have run. What the tasks wrote is visible to the caller afterwards.
  void ParallelFor(int64_t num_tasks, Task task);

 private:
  void RunWorker(int thread);
  // Takes and runs tasks of the loop in progress until none is left.
  void RunTasks(int thread);

  // The loop in progress. Its number in the high half and the tasks not yet taken in the low half
  // of one word, so that a thread that comes late cannot take a task of a loop that has ended.
  std::atomic<uint64_t> ticket_ = 0;
  std::atomic<int64_t> num_done_ = 0;
  int64_t num_tasks_ = 0;       // written before the ticket, read after a task was taken
  const Task* task_ = nullptr;  // likewise

  std::mutex mutex_;  // for sleeping only
  std::condition_variable work_;
  std::condition_variable done_;
  std::atomic<int> num_sleeping_ = 0;          // workers that sleep or are about to
  std::atomic<bool> caller_sleeping_ = false;  // likewise
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace strata
