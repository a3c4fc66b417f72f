#include "kernels/device/stream.h"

#include <utility>

namespace strata {

Stream::Stream() : thread_([this] { Run(); }) {}

Stream::~Stream() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Stream::Submit(Work work) { Push({.work = std::move(work), .event = {}}); }

Event Stream::Record() {
  Event event = Event::Pending();
  Push({.work = nullptr, .event = event});
  return event;
}

void Stream::Wait(Event event) {
  Submit([event = std::move(event)] { return event.Synchronize(); });
}

void Stream::Push(Item item) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(item));
  }
  changed_.notify_one();
}

void Stream::Run() {
  for (;;) {
    Item item;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      item = std::move(queue_.front());
      queue_.pop_front();
    }
    if (item.work == nullptr) {
      item.event.Complete(status_);
    } else if (status_.ok()) {
      status_ = item.work();
    }
  }
}

}  // namespace strata
