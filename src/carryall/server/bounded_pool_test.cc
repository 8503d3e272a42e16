#include "carryall/server/bounded_pool.h"

#include <arrow/buffer.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace carryall::server {
namespace {

TEST(BoundedPool, FailsBeyondItsCapAndRecovers) {
  const BoundedPool::Ptr pool = BoundedPool::Make(1000);
  auto first = arrow::AllocateBuffer(640, pool.get());
  ASSERT_TRUE(first.ok());
  const auto second = arrow::AllocateBuffer(640, pool.get());
  EXPECT_TRUE(second.status().IsOutOfMemory()) << second.status();
  EXPECT_EQ(pool->bytes_allocated(), 640);
  first->reset();
  EXPECT_EQ(pool->bytes_allocated(), 0);
  EXPECT_TRUE(arrow::AllocateBuffer(640, pool.get()).ok());
  EXPECT_EQ(pool->max_memory(), 640);
}

TEST(BoundedPool, CountsWhatAReallocationAddsAndFrees) {
  const BoundedPool::Ptr pool = BoundedPool::Make(1000);
  auto buffer = *arrow::AllocateResizableBuffer(128, pool.get());
  EXPECT_TRUE(buffer->Resize(960).ok());
  EXPECT_EQ(pool->bytes_allocated(), 960);
  EXPECT_TRUE(buffer->Resize(2000).IsOutOfMemory());
  EXPECT_TRUE(buffer->Resize(64, /*shrink_to_fit=*/true).ok());
  EXPECT_EQ(pool->bytes_allocated(), 64);
}

TEST(BoundedPool, OutlivesItsOwnerWhileSomebodyHoldsABuffer) {
  BoundedPool::Ptr pool = BoundedPool::Make(1000);
  std::shared_ptr<arrow::Buffer> buffer = *arrow::AllocateBuffer(64, pool.get());
  pool.reset();
  buffer->mutable_data()[63] = 1;
  std::thread([held = std::move(buffer)] {}).join();
}

TEST(BoundedPool, ConcurrentAllocationsNeverExceedTheCap) {
  const BoundedPool::Ptr pool = BoundedPool::Make(64 * 10);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      std::vector<std::unique_ptr<arrow::Buffer>> held;
      for (int k = 0; k < 2000; ++k) {
        auto buffer = arrow::AllocateBuffer(64, pool.get());
        if (buffer.ok()) held.push_back(*std::move(buffer));
        if (held.size() > 3) held.clear();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(pool->max_memory(), 640);
  EXPECT_EQ(pool->bytes_allocated(), 0);
}

}  // namespace
}  // namespace carryall::server
