// Subscribers that do not keep up, and what they cost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "carryall/relay/site_for_test.h"

namespace {
std::atomic<int64_t> allocations = 0;
}  // namespace

// Counts what C++ allocates, in any thread.
void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace carryall::relay {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

/// Counts what an Arrow pool is asked for.
class CountingPool final : public arrow::ProxyMemoryPool {
 public:
  CountingPool() : arrow::ProxyMemoryPool(arrow::default_memory_pool()) {}
  using arrow::ProxyMemoryPool::Allocate;
  arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    ++allocated;
    return arrow::ProxyMemoryPool::Allocate(size, alignment, out);
  }
  std::atomic<int64_t> allocated{0};
};

class SlowTest : public ::testing::Test {
 protected:
  void Start(SiteOptions options, std::function<void(RelayOptions*)> change = {}) {
    site_ = std::make_unique<Site>(std::move(options));
    RelayOptions relay = site_->relay_options();
    if (change) change(&relay);
    relay_ = Value(Relay::Make(std::move(relay)));
  }
  std::unique_ptr<backend::BlockSource> Stream(arrow::MemoryPool* pool) {
    backend::StreamRequest request;
    request.channels = site_->AllChannels();
    request.pool = pool;
    auto source = Value(relay_->Stream(std::move(request)));
    EXPECT_TRUE(Eventually(
        [&] { return site_->cluster().assigned().size() == site_->options().topics; }));
    return source;
  }
  Duration stride() const { return site_->options().stride; }
  GpsTime At(int64_t n) const { return kNow + stride() * n; }

  std::unique_ptr<Site> site_;
  std::unique_ptr<Relay> relay_;
};

TEST_F(SlowTest, AStrideCostsNoAllocation) {
  constexpr int64_t kWarm = 64, kCounted = 64;
  Start({.topics = 20, .per_topic = 8});
  CountingPool pool;
  const auto source = Stream(&pool);
  // Every message there is, made beforehand.
  std::vector<std::vector<std::shared_ptr<arrow::Buffer>>> messages;
  for (int64_t n = 0; n < kWarm + kCounted; ++n) {
    messages.emplace_back();
    for (size_t topic = 0; topic < 20; ++topic) {
      messages.back().push_back(site_->Message(topic, At(n)));
    }
  }
  site_->cluster().Reserve(kWarm + kCounted);
  std::vector<std::string> names;
  for (size_t topic = 0; topic < 20; ++topic) names.push_back(site_->TopicName(topic));
  int64_t before = 0, before_pool = 0;
  for (int64_t n = 0; n < kWarm + kCounted; ++n) {
    if (n == kWarm) {
      before = allocations;
      before_pool = pool.allocated;
    }
    for (size_t topic = 0; topic < 20; ++topic) {
      site_->cluster().Send(names[topic], messages[static_cast<size_t>(n)][topic], kNow);
    }
    for (;;) {
      const auto step = source->Next({}, SteadyNow() + std::chrono::seconds(10));
      if (!step.ok()) break;
      if (step->kind != backend::SourceStep::Kind::kBlock) continue;
      if (step->block.time() != At(n)) before = -1;
      break;
    }
  }
  EXPECT_EQ(allocations - before, 0);
  EXPECT_EQ(pool.allocated - before_pool, 0);
}

TEST_F(SlowTest, WhoDoesNotReadLosesItsQueueAndFindsGaps) {
  Start({.hz = 16},
        [](RelayOptions* options) { options->stall = Duration::FromMs(200); });
  CountingPool slow_pool, quick_pool;
  const auto slow = Stream(&slow_pool);
  const auto quick = Stream(&quick_pool);
  const int64_t nothing = slow_pool.bytes_allocated();
  for (int64_t n = 0; n < 20; ++n) {
    site_->PublishAll(At(n));
    EXPECT_EQ(NextBlock(quick.get())->time(), At(n));
  }
  EXPECT_TRUE(Eventually([&] {
    // The other one reads on.
    (void)quick->Next({}, SteadyNow() + std::chrono::milliseconds(10));
    return relay_->counters().released.load() == 1;
  }));
  EXPECT_EQ(slow_pool.bytes_allocated(), nothing);
  for (int64_t n = 20; n < 30; ++n) {
    site_->PublishAll(At(n));
    EXPECT_EQ(Site::CheckAll(*NextBlock(quick.get())), "");
  }
  EXPECT_EQ(slow_pool.bytes_allocated(), nothing);
  site_->clock().Set(At(60));
  // It reads again: all that it missed is gaps, what comes now is there.
  auto block = NextBlock(slow.get());
  ASSERT_TRUE(block);
  EXPECT_EQ(block->time(), At(0));
  site_->PublishAll(At(60));
  for (int64_t n = 0;; ++n) {
    EXPECT_EQ(block->time(), At(n));
    if (n == 60) break;
    EXPECT_EQ(Site::Check(*block, 0), "g");
    block = NextBlock(slow.get());
    ASSERT_TRUE(block);
  }
  EXPECT_EQ(Site::CheckAll(*block), "");
}

TEST_F(SlowTest, ByPolicyItIsToldThatItsStreamIsOver) {
  Start({}, [](RelayOptions* options) {
    options->stall = Duration::FromMs(100);
    options->on_stall = OnStall::kFail;
  });
  const auto source = Stream(arrow::default_memory_pool());
  site_->PublishAll(At(0));
  EXPECT_TRUE(Eventually([&] { return relay_->counters().released.load() == 1; }));
  const auto step = source->Next({}, SteadyNow() + std::chrono::seconds(1));
  EXPECT_EQ(KindOf(step.status()), ErrorKind::kUnavailable);
}

TEST_F(SlowTest, AQueueStaysWithinItsBoundAndTheOldestGoes) {
  constexpr int64_t kBound = 200'000;
  Start({.topics = 2, .per_topic = 2, .hz = 16384},
        [](RelayOptions* options) { options->max_queued_bytes = kBound; });
  CountingPool pool;
  const auto source = Stream(&pool);
  // A stride has 16 KB.
  site_->PublishAll(At(0));
  ASSERT_EQ(NextBlock(source.get())->time(), At(0));
  for (int64_t n = 1; n < 40; ++n) site_->PublishAll(At(n));
  EXPECT_TRUE(Eventually([&] { return relay_->counters().messages.load() == 80; }));
  EXPECT_LE(pool.max_memory(), kBound);
  int64_t gaps = 0, data = 0;
  for (int64_t n = 1; n < 40; ++n) {
    const auto block = NextBlock(source.get());
    ASSERT_TRUE(block);
    EXPECT_EQ(block->time(), At(n));
    if (block->view(0).all_missing()) {
      ++gaps;
      EXPECT_EQ(data, 0) << "the newest are kept";
    } else {
      ++data;
      EXPECT_EQ(Site::CheckAll(*block), "");
    }
  }
  EXPECT_GT(data, 5);
  EXPECT_EQ(relay_->counters().dropped_strides.load(), gaps);
}

TEST_F(SlowTest, WhoIsGoneGetsNothingMore) {
  Start({.topics = 1, .hz = 16});
  for (int64_t n = 0; n < 50; ++n) {
    CountingPool pool;  // gone when its stream is
    site_->clock().Set(At(200 * n));
    auto source = Stream(&pool);
    // The reader has much to give when the stream goes.
    for (int64_t i = 0; i < 200; ++i) site_->PublishAll(At(200 * n + i));
    ASSERT_TRUE(Eventually([&] { return pool.allocated > 0; }));
    source.reset();
    const int64_t allocated = pool.allocated;
    ASSERT_TRUE(Eventually([&] { return relay_->live_topics() == 0; }));
    ASSERT_EQ(pool.allocated, allocated);
    ASSERT_EQ(pool.bytes_allocated(), 0);
  }
}

TEST_F(SlowTest, AStrideThatIsTooLargeIsRefused) {
  Start({.hz = 1 << 20},
        [](RelayOptions* options) { options->max_queued_bytes = 1 << 20; });
  backend::StreamRequest request;
  request.channels = site_->AllChannels();
  EXPECT_EQ(KindOf(relay_->Stream(std::move(request)).status()),
            ErrorKind::kResourceExhausted);
}

}  // namespace
}  // namespace carryall::relay
