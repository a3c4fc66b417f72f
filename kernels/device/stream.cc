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

void Stream::Submit(Work work) {
  Push({.work = std::move(work), .device_work = nullptr, .event = {}});
}

void Stream::SubmitToDevice(DeviceWork work) {
  Push({.work = nullptr, .device_work = std::move(work), .event = {}});
}

Event Stream::Record() {
  Event event = Event::Pending();
  Push({.work = nullptr, .device_work = nullptr, .event = event});
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
  Event recorded;  // all of them
  for (;;) {
    Item item;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) break;
      item = std::move(queue_.front());
      queue_.pop_front();
    }
    if (status_.ok() && on_device_.Done()) status_ = on_device_.Synchronize();
    if (item.work == nullptr && item.device_work == nullptr) {
      recorded = Event::Both(recorded, item.event);
      on_device_.OnComplete([event = item.event, status = status_](const absl::Status& device) {
        event.Complete(status.ok() ? device : status);
      });
    } else if (status_.ok() && item.work != nullptr) {
      status_ = item.work();
    } else if (status_.ok()) {
      on_device_ = Event::Both(on_device_, item.device_work());
    }
  }
  on_device_.Synchronize().IgnoreError();  // what it borrows may go when the stream has gone
  // Whoever completes the device's work does so for the events behind it only afterwards.
  recorded.Synchronize().IgnoreError();
}

}  // namespace strata
