// The relay on a real broker: offsets by time, real hand-overs, transactions. The
// broker's address is in CARRYALL_KAFKA; every test has topics of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "live_site.h"

namespace carryall::relay {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

kafka::Wait Soon() { return kafka::Wait::For(Duration::FromSeconds(60)); }

class RelayBrokerTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    const char* address = std::getenv("CARRYALL_KAFKA");
    if (address == nullptr) {
      if (std::getenv("CI") != nullptr) FAIL() << "CARRYALL_KAFKA names no broker";
      GTEST_SKIP() << "CARRYALL_KAFKA names no broker; run tests/kafka/test_relay.py";
    }
    std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::replace(name.begin(), name.end(), '/', '_');
    // A busy machine may be late, but loses nothing.
    site_ = std::make_unique<LiveSite>(address, name + "-", Duration::FromSeconds(60));
    ASSERT_OK(site_->CreateTopics(Soon()));
    ASSERT_OK(
        site_->Connect(GetParam() ? std::optional("t-" + name) : std::nullopt, Soon()));
    relay_ = Value(site_->NewRelay());
  }
  std::unique_ptr<backend::BlockSource> Stream(std::optional<GpsTime> start,
                                               std::optional<GpsTime> end) {
    backend::StreamRequest request;
    request.channels = site_->site().AllChannels();
    request.start = start;
    request.end = end;
    request.max_strides = 8;
    return Value(relay_->Stream(std::move(request)));
  }
  /// Letters from where the stream begins (into `*begin`) or up to its end.
  std::string Read(backend::BlockSource* source, size_t strides,
                   GpsTime* begin = nullptr) {
    std::string out;
    std::optional<GpsTime> at;
    while (out.size() < strides) {
      const auto block = NextBlock(source);
      if (!block) break;
      if (begin != nullptr && !at) *begin = block->time();
      if (at && block->time() != *at) return out + "JUMP";
      at = block->end();
      out += Letters(*block, site_->stride());
    }
    return out;
  }

  std::unique_ptr<LiveSite> site_;
  std::unique_ptr<Relay> relay_;
};

TEST_P(RelayBrokerTest, ASpanIsFoundByTime) {
  const Duration stride = site_->stride();
  const GpsTime now = Clock::System().Now().Floor(stride);
  const GpsTime begin = now - stride * 480;
  for (int64_t n = 0; n < 320; ++n) ASSERT_OK(site_->Publish(begin + stride * n, Soon()));
  ASSERT_OK(site_->Flush(Soon()));
  const auto read = [&](int64_t first, int64_t last) {
    const auto source = Stream(begin + stride * first, begin + stride * last);
    return Read(source.get(), 10'000);
  };
  EXPECT_EQ(read(100, 200), std::string(100, '.'));
  EXPECT_EQ(read(0, 320), std::string(320, '.'));
  EXPECT_EQ(read(-100, -80), std::string(20, 'g'));
  EXPECT_EQ(read(-10, 10), std::string(10, 'g') + std::string(10, '.'));
  EXPECT_EQ(read(310, 330), std::string(10, '.') + std::string(10, 'g'));
  EXPECT_EQ(read(400, 410), std::string(10, 'g'));
}

TEST_P(RelayBrokerTest, LiveAndThePastRunningIntoItHaveEverySample) {
  std::jthread publisher([this](const std::stop_token& stop) {
    const Status status = site_->PublishLive(stop);
    EXPECT_TRUE(status.ok()) << status;
  });
  const auto live = Stream(std::nullopt, std::nullopt);
  GpsTime begin;
  EXPECT_EQ(Read(live.get(), 40, &begin), std::string(40, '.'));
  const auto past = Stream(begin, std::nullopt);
  EXPECT_EQ(Read(past.get(), 80), std::string(80, '.'));
  EXPECT_EQ(Read(live.get(), 40), std::string(40, '.'));
  EXPECT_EQ(relay_->live_topics(), 3u);
}

INSTANTIATE_TEST_SUITE_P(WithTransactions, RelayBrokerTest, ::testing::Bool());

}  // namespace
}  // namespace carryall::relay
