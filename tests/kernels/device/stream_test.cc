#include "kernels/device/stream.h"

#include <atomic>
#include <future>
#include <vector>

#include "gtest/gtest.h"

namespace strata {
namespace {

TEST(StreamTest, RunsWorkInOrder) {
  std::vector<int> order;
  Stream stream;
  for (int i = 0; i < 100; ++i) {
    stream.Submit([&order, i] {
      order.push_back(i);
      return absl::OkStatus();
    });
  }
  EXPECT_TRUE(stream.Synchronize().ok());
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(StreamTest, IsAsynchronous) {
  std::promise<void> gate;
  Stream stream;
  stream.Submit([&] {
    gate.get_future().wait();
    return absl::OkStatus();
  });
  const Event event = stream.Record();  // reached while the work still waits for us
  EXPECT_FALSE(event.Done());
  gate.set_value();
  EXPECT_TRUE(event.Synchronize().ok());
  EXPECT_TRUE(event.Done());
}

TEST(StreamTest, AnEventCoversWhatWasBeforeItOnly) {
  std::promise<void> gate;
  int value = 0;
  Stream stream;
  stream.Submit([&] {
    value = 1;
    return absl::OkStatus();
  });
  const Event first = stream.Record();
  stream.Submit([&] {
    gate.get_future().wait();
    return absl::InternalError("later");
  });
  EXPECT_TRUE(first.Synchronize().ok());
  EXPECT_EQ(value, 1);
  gate.set_value();
  EXPECT_EQ(stream.Synchronize().code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(first.Synchronize().ok());
}

TEST(StreamTest, WaitOrdersTwoStreams) {
  std::promise<void> gate;
  int value = 0;
  Stream producer;
  Stream consumer;
  producer.Submit([&] {
    gate.get_future().wait();
    value = 42;
    return absl::OkStatus();
  });
  consumer.Wait(producer.Record());
  int seen = 0;
  consumer.Submit([&] {
    seen = value;
    return absl::OkStatus();
  });
  gate.set_value();
  EXPECT_TRUE(consumer.Synchronize().ok());
  EXPECT_EQ(seen, 42);
}

TEST(StreamTest, AnErrorStopsTheStreamAndTravelsWithEvents) {
  Stream producer;
  Stream consumer;
  bool ran = false;
  producer.Submit([] { return absl::DataLossError("bytes are gone"); });
  producer.Submit([&] {
    ran = true;
    return absl::OkStatus();
  });
  const Event event = producer.Record();
  consumer.Wait(event);
  consumer.Submit([&] {
    ran = true;
    return absl::OkStatus();
  });
  EXPECT_EQ(consumer.Synchronize(), absl::DataLossError("bytes are gone"));
  EXPECT_EQ(producer.Synchronize(), absl::DataLossError("bytes are gone"));
  EXPECT_EQ(event.Synchronize(), absl::DataLossError("bytes are gone"));
  EXPECT_FALSE(ran);
}

TEST(StreamTest, TheDestructorFinishesTheQueue) {
  std::atomic<int> runs = 0;
  Event event;
  {
    Stream stream;
    for (int i = 0; i < 10; ++i) {
      stream.Submit([&] {
        ++runs;
        return absl::OkStatus();
      });
    }
    event = stream.Record();
  }
  EXPECT_EQ(runs, 10);
  EXPECT_TRUE(event.Done());
}

TEST(EventTest, OfNothingHasPassed) {
  const Event event;
  EXPECT_TRUE(event.Done());
  EXPECT_TRUE(event.Synchronize().ok());
}

}  // namespace
}  // namespace strata
