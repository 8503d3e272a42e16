#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "carryall/relay/site_for_test.h"

namespace carryall::relay {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

/// Data of the last strides before now in the topics, and streams over them.
class PastTest : public ::testing::Test {
 protected:
  void Start(SiteOptions options, std::function<void(RelayOptions*)> change = {}) {
    site_ = std::make_unique<Site>(std::move(options));
    RelayOptions relay = site_->relay_options();
    if (change) change(&relay);
    relay_ = Value(Relay::Make(std::move(relay)));
  }
  /// Over strides [begin, end), which are counted from now; end 0: for ever.
  std::unique_ptr<backend::BlockSource> Stream(int64_t begin, std::optional<int64_t> end,
                                               int64_t max_strides = 1) {
    backend::StreamRequest request;
    request.channels = site_->AllChannels();
    request.start = At(begin);
    if (end) request.end = At(*end);
    request.max_strides = max_strides;
    return Value(relay_->Stream(std::move(request)));
  }
  void PublishAll(int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) site_->PublishAll(At(n));
  }
  Duration stride() const { return site_->options().stride; }
  GpsTime At(int64_t n) const { return kNow + stride() * n; }

  /// Reads [begin, end), in blocks of any length; a letter a stride: '.' all there, 'g'
  /// all missing, 'x' anything else.
  std::string Read(backend::BlockSource* source, int64_t begin, int64_t end) {
    std::string out;
    GpsTime at = At(begin);
    while (at < At(end)) {
      const auto block = NextBlock(source);
      if (!block) return out + "END";
      if (block->time() != at) return out + "JUMP";
      for (; at < block->end(); at = at + stride()) {
        const SeriesBlock one = Value(block->Slice(at, stride()));
        std::string all;
        for (size_t i = 0; i < one.size(); ++i) all += Site::Check(one, i);
        const bool right = all.find_first_not_of('.') == std::string::npos;
        const bool gap = all.find_first_not_of('g') == std::string::npos;
        out += right ? '.' : gap ? 'g' : 'x';
      }
    }
    return out;
  }

  std::unique_ptr<Site> site_;
  std::unique_ptr<Relay> relay_;
};

TEST_F(PastTest, ASpanIsReadByTimeWithAsManyStridesABlockAsAllowed) {
  for (const int64_t max_strides : {1, 4, 100}) {
    Start({});
    PublishAll(-200, -10);
    const auto source = Stream(-100, -50, max_strides);
    EXPECT_EQ(Read(source.get(), -100, -50), std::string(50, '.'));
    EXPECT_FALSE(NextBlock(source.get()));
    EXPECT_TRUE(Eventually([&] { return site_->cluster().assigned().empty(); }));
  }
}

TEST_F(PastTest, BlocksOfSeveralStridesAreFewer) {
  Start({});
  PublishAll(-200, -10);
  const auto source = Stream(-96, -32, 16);
  // The reader has placed all that it counted once it reads nothing any more.
  ASSERT_TRUE(Eventually([&] {
    return relay_->counters().messages.load() >= 3 * 64 &&
           site_->cluster().assigned().empty();
  }));
  int blocks = 0;
  while (NextBlock(source.get())) ++blocks;
  EXPECT_EQ(blocks, 4);
}

TEST_F(PastTest, UnalignedEdgesAreCut) {
  Start({.hz = 64});
  PublishAll(-20, 0);
  backend::StreamRequest request;
  request.channels = site_->AllChannels();
  const Duration sample = Duration::FromNs(15'625'000);
  request.start = At(-10) + sample;
  request.end = At(-8) + sample * 2;
  const auto source = Value(relay_->Stream(std::move(request)));
  auto block = NextBlock(source.get());
  ASSERT_TRUE(block);
  EXPECT_EQ(block->time(), At(-10) + sample);
  EXPECT_EQ(block->end(), At(-9));
  EXPECT_EQ(Site::CheckAll(*block), "");
  EXPECT_EQ(Site::CheckAll(*NextBlock(source.get())), "");
  block = NextBlock(source.get());
  EXPECT_EQ(block->time(), At(-8));
  EXPECT_EQ(block->duration(), sample * 2);
  EXPECT_EQ(Site::CheckAll(*block), "");
  EXPECT_FALSE(NextBlock(source.get()));
}

TEST_F(PastTest, WhereNothingIsThereAreGapsAtOnce) {
  Start({});
  PublishAll(-100, -50);
  EXPECT_EQ(Read(Stream(-500, -490, 4).get(), -500, -490), std::string(10, 'g'));
  EXPECT_EQ(Read(Stream(-45, -40, 4).get(), -45, -40), std::string(5, 'g'));
  EXPECT_EQ(Read(Stream(-55, -45, 4).get(), -55, -45), ".....ggggg");
  EXPECT_EQ(Read(Stream(-105, -95, 4).get(), -105, -95), "ggggg.....");
}

TEST_F(PastTest, ATopicThatIsNotThereIsAGap) {
  Start({.topics = 2, .per_topic = 1});
  PublishAll(-100, -50);
  backend::StreamRequest request;
  request.channels = site_->Channels({{0, 0}, {9, 0}});
  request.start = At(-80);
  request.end = At(-70);
  request.max_strides = 100;
  const auto source = Value(relay_->Stream(std::move(request)));
  GpsTime at = At(-80);
  while (const auto block = NextBlock(source.get())) {
    EXPECT_EQ(block->time(), at);
    at = block->end();
    EXPECT_EQ(Site::Check(*block, 0).find_first_not_of('.'), std::string::npos);
    EXPECT_EQ(Site::Check(*block, 1).find_first_not_of('g'), std::string::npos);
  }
  EXPECT_EQ(at, At(-70));
}

TEST_F(PastTest, OneTopicFarAheadOfTheOthersWaitsForThem) {
  // Room for a few strides only.
  Start({.topics = 2, .per_topic = 4, .hz = 4096},
        [](RelayOptions* options) { options->max_queued_bytes = 100'000; });
  for (int64_t n = -200; n < -20; ++n) site_->Publish(0, At(n));
  for (int64_t n = -200; n < -20; ++n) site_->Publish(1, At(n));
  const auto source = Stream(-150, -50, 4);
  EXPECT_EQ(Read(source.get(), -150, -50), std::string(100, '.'));
}

TEST_F(PastTest, HistoryRunsIntoLiveWithoutASeam) {
  // The clock of this test runs fast.
  Start({.latency = Duration::FromSeconds(10'000)});
  PublishAll(-64, 0);
  const auto source = Stream(-32, std::nullopt, 8);
  std::jthread publisher([&] {
    for (int64_t n = 0; n < 300; ++n) {
      site_->clock().Set(At(n + 1));
      site_->PublishAll(At(n));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  EXPECT_EQ(Read(source.get(), -32, 300), std::string(332, '.'));
  // By then nothing but the shared reader is left.
  EXPECT_TRUE(Eventually([&] { return site_->cluster().feeds() == 1; }));
  site_->clock().Set(At(301));
  site_->PublishAll(At(300));
  EXPECT_EQ(Read(source.get(), 300, 301), ".");
}

TEST_F(PastTest, ADeadTopicHoldsUpNothingBeforeOrAfterTheSeam) {
  Start({.topics = 2, .per_topic = 1, .hz = 16});
  for (int64_t n = -64; n < 0; ++n) site_->Publish(0, At(n));
  const auto source = Stream(-32, std::nullopt, 1);
  EXPECT_EQ(Read(source.get(), -32, -16), std::string(16, 'x'));
  EXPECT_TRUE(Eventually([&] { return site_->cluster().feeds() == 1; }));
  for (int64_t n = 0; n < 100; ++n) {
    const int64_t before = relay_->counters().messages.load();
    site_->Publish(0, At(n));
    EXPECT_TRUE(Eventually([&] { return relay_->counters().messages.load() > before; }));
    site_->clock().Set(At(n + 1));
  }
  EXPECT_EQ(Read(source.get(), -16, 80), std::string(96, 'x'));
}

TEST_F(PastTest, TheEndIsReachedWhenItLiesAhead) {
  Start({});
  PublishAll(-20, 0);
  const auto source = Stream(-10, 5);
  EXPECT_EQ(Read(source.get(), -10, 0), std::string(10, '.'));
  EXPECT_TRUE(IsQuiet(source.get()));
  PublishAll(0, 3);
  EXPECT_EQ(Read(source.get(), 0, 3), "...");
  site_->clock().Set(At(5) + Duration::FromSeconds(4));
  EXPECT_EQ(Read(source.get(), 3, 5), "gg");
  EXPECT_FALSE(NextBlock(source.get()));
}

TEST_F(PastTest, BrokersThatAreAwayAreWaitedForAndThenAnError) {
  Start({}, [](RelayOptions* options) { options->silence = Duration::FromSeconds(3); });
  PublishAll(-20, 0);
  site_->cluster().SetReachable(false);
  auto source = Stream(-10, -5);
  EXPECT_TRUE(IsQuiet(source.get()));
  site_->cluster().SetReachable(true);
  EXPECT_EQ(Read(source.get(), -10, -5), ".....");
  site_->cluster().SetReachable(false);
  source = Stream(-10, -5);
  Status status;
  EXPECT_TRUE(Eventually([&] {
    status = source->Next({}, SteadyNow() + std::chrono::milliseconds(20)).status();
    return !status.ok();
  }));
  EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable) << status;
}

TEST_F(PastTest, BrokersThatMustBeReachedAndAreNotEndTheStream) {
  Start({.topics = 4, .clusters = 2},
        [](RelayOptions* options) { options->must_reach = true; });
  PublishAll(-20, 0);
  EXPECT_EQ(Read(Stream(-10, -5).get(), -10, -5), ".....");
  site_->cluster(1).SetReachable(false);
  const auto source = Stream(-10, -5);
  Status status;
  EXPECT_TRUE(Eventually([&] {
    const auto step = source->Next({}, SteadyNow() + std::chrono::milliseconds(20));
    status = step.status();
    EXPECT_TRUE(!step.ok() || step->kind == backend::SourceStep::Kind::kHeartbeat);
    return !status.ok();
  }));
  EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable) << status;
}

TEST_F(PastTest, SeveralClustersAreReadAtTheSameTime) {
  Start({.topics = 4, .clusters = 2});
  PublishAll(-200, 0);
  EXPECT_EQ(Read(Stream(-100, -20, 8).get(), -100, -20), std::string(80, '.'));
}

}  // namespace
}  // namespace carryall::relay
