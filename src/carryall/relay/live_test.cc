#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "carryall/model/sample_grid.h"
#include "carryall/relay/site_for_test.h"

namespace carryall::relay {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

/// A relay on a site, and streams whose topics are being read.
class LiveTest : public ::testing::Test {
 protected:
  void Start(SiteOptions options, std::function<void(RelayOptions*)> change = {}) {
    site_ = std::make_unique<Site>(std::move(options));
    RelayOptions relay = site_->relay_options();
    if (change) change(&relay);
    relay_ = Value(Relay::Make(std::move(relay)));
  }
  std::unique_ptr<backend::BlockSource> Stream(std::shared_ptr<const ChannelSet> channels,
                                               backend::StreamRequest request = {}) {
    std::set<std::string> topics;
    for (const Channel& channel : channels->channels()) {
      topics.insert("arrakis-" + *channel.partition_id);
    }
    request.channels = std::move(channels);
    auto source = Value(relay_->Stream(std::move(request)));
    EXPECT_TRUE(Eventually([&] {
      std::set<std::string> assigned;
      for (size_t i = 0; i < site_->options().clusters; ++i) {
        assigned.merge(site_->cluster(i).assigned());
      }
      return std::includes(assigned.begin(), assigned.end(), topics.begin(),
                           topics.end());
    }));
    return source;
  }
  Duration stride() const { return site_->options().stride; }
  GpsTime At(int64_t n) const { return kNow + stride() * n; }
  void Skip(int64_t strides) { site_->clock().Set(At(strides)); }

  std::unique_ptr<Site> site_;
  std::unique_ptr<Relay> relay_;
};

TEST_F(LiveTest, RowsOfSeveralTopicsBecomeStridesInTheOrderAsked) {
  for (const DataType type :
       {DataType::kFloat32, DataType::kFloat64, DataType::kInt16, DataType::kUint8}) {
    Start({.type = type});
    const auto source = Stream(site_->Channels({{2, 1}, {0, 3}, {0, 0}, {1, 2}, {0, 1}}));
    for (int64_t n = 0; n < 5; ++n) {
      site_->PublishAll(At(n));
      const auto block = NextBlock(source.get());
      ASSERT_TRUE(block);
      EXPECT_EQ(block->time(), At(n));
      EXPECT_EQ(block->duration(), stride());
      EXPECT_EQ(Site::CheckAll(*block), "");
    }
    EXPECT_TRUE(IsQuiet(source.get()));
  }
}

TEST_F(LiveTest, OnlyWantedTopicsAreReadAndOnlyAsLongAsTheyAre) {
  Start({.topics = 5});
  auto first = Stream(site_->Channels({{1, 0}, {3, 0}}));
  auto second = Stream(site_->Channels({{3, 1}, {4, 0}}));
  EXPECT_THAT(site_->cluster().assigned(),
              UnorderedElementsAre("arrakis-P1", "arrakis-P3", "arrakis-P4"));
  EXPECT_EQ(site_->cluster().feeds(), 1u);
  first.reset();
  EXPECT_TRUE(Eventually([&] { return site_->cluster().assigned().size() == 2; }));
  site_->PublishAll(At(0));
  EXPECT_EQ(Site::CheckAll(*NextBlock(second.get())), "");
  second.reset();
  EXPECT_TRUE(Eventually([&] { return site_->cluster().assigned().empty(); }));
  EXPECT_EQ(relay_->counters().subscribers.load(), 0);
}

TEST_F(LiveTest, AMessageIsDecodedOnceForAllSubscribers) {
  Start({});
  std::vector<std::unique_ptr<backend::BlockSource>> sources;
  for (size_t i = 0; i < 4; ++i) {
    sources.push_back(Stream(site_->Channels({{0, i}, {1, 3 - i}, {2, 0}})));
  }
  for (int64_t n = 0; n < 3; ++n) {
    site_->PublishAll(At(n));
    for (const auto& source : sources) {
      EXPECT_EQ(Site::CheckAll(*NextBlock(source.get())), "");
    }
  }
  EXPECT_EQ(relay_->counters().messages.load(), 9);
}

TEST_F(LiveTest, WhatDoesNotComeIsAGapOnceItsLatencyHasPassed) {
  Start({.hz = 16});
  const auto source = Stream(site_->Channels({{0, 0}, {1, 0}}));
  site_->PublishAll(At(0));
  EXPECT_EQ(Site::CheckAll(*NextBlock(source.get())), "");
  site_->Publish(0, At(1));
  EXPECT_TRUE(IsQuiet(source.get()));
  site_->clock().Set(At(1) + stride() + Duration::FromMs(999));
  EXPECT_TRUE(IsQuiet(source.get()));
  site_->clock().Set(At(1) + stride() + Duration::FromSeconds(1));
  auto block = NextBlock(source.get());
  ASSERT_TRUE(block);
  EXPECT_EQ(block->time(), At(1));
  EXPECT_EQ(Site::CheckAll(*block), "X1:T00001-C00000:g ");
  // Too late.
  site_->Publish(1, At(1));
  site_->PublishAll(At(2));
  EXPECT_EQ(Site::CheckAll(*NextBlock(source.get())), "");
  EXPECT_EQ(relay_->counters().late_strides.load(), 1);
}

TEST_F(LiveTest, ALaterMessageMakesTheMissingOnesGapsAtOnce) {
  Start({.topics = 1, .hz = 16});
  const auto source = Stream(site_->AllChannels());
  site_->Publish(0, At(0));
  site_->Publish(0, At(3));
  EXPECT_EQ(Site::CheckAll(*NextBlock(source.get())), "");
  for (int64_t n = 1; n < 3; ++n) {
    const auto block = NextBlock(source.get());
    EXPECT_EQ(block->time(), At(n));
    for (size_t i = 0; i < block->size(); ++i) EXPECT_EQ(Site::Check(*block, i), "g");
  }
  EXPECT_EQ(NextBlock(source.get())->time(), At(3));
}

TEST_F(LiveTest, ARequestMayHaveMorePatience) {
  Start({.topics = 2, .hz = 16});
  backend::StreamRequest request;
  request.latency = Duration::FromSeconds(10);
  const auto source = Stream(site_->AllChannels(), request);
  site_->PublishAll(At(0));
  ASSERT_TRUE(NextBlock(source.get()));
  site_->Publish(0, At(1));
  Skip(16 * 9);
  EXPECT_TRUE(IsQuiet(source.get()));
  site_->Publish(1, At(1));
  EXPECT_EQ(Site::CheckAll(*NextBlock(source.get())), "");
}

TEST_F(LiveTest, MissingSamplesRowsAndChannelsStayMissing) {
  Start({.topics = 2, .per_topic = 3});
  const auto source = Stream(site_->Channels({{0, 0}, {0, 1}, {1, 2}}));
  site_->Publish(0, At(0), 1, {1});
  site_->Publish(1, At(0), 1, {}, /*nulls=*/true);
  auto block = NextBlock(source.get());
  ASSERT_TRUE(block);
  EXPECT_EQ(Site::Check(*block, 0), "....");
  EXPECT_EQ(Site::Check(*block, 1), "gggg");
  std::string holes;
  for (int64_t i = 0; i < 4; ++i) {
    holes += (FirstSampleAt(*SampleRate::Make(64), At(0)) + i) % 3 == 0 ? 'g' : '.';
  }
  EXPECT_EQ(Site::Check(*block, 2), holes);
  site_->PublishAll(At(1));
  EXPECT_EQ(Site::CheckAll(*NextBlock(source.get())), "");
}

TEST_F(LiveTest, AMessageOfSeveralStridesIsCutIntoThem) {
  Start({.topics = 2});
  const auto source = Stream(site_->AllChannels());
  site_->Publish(0, At(0), 4);
  for (int64_t n = 0; n < 4; ++n) {
    site_->Publish(1, At(n));
    const auto block = NextBlock(source.get());
    EXPECT_EQ(block->time(), At(n));
    EXPECT_EQ(Site::CheckAll(*block), "");
  }
}

TEST_F(LiveTest, MalformedMessagesHarmNobodyElse) {
  Start({});
  const auto source = Stream(site_->AllChannels());
  site_->PublishAll(At(0));
  EXPECT_EQ(Site::CheckAll(*NextBlock(source.get())), "");
  const auto good = site_->Message(0, At(1));
  for (const int64_t bytes :
       {int64_t{0}, int64_t{7}, good->size() / 2, good->size() - 100}) {
    site_->cluster().Send("arrakis-P0", arrow::SliceBuffer(good, 0, bytes), kNow);
  }
  // Far from now, and off the grid of strides.
  site_->Publish(0, At(1) + Duration::FromSeconds(100'000));
  site_->Publish(0, At(1) + Duration::FromNs(15'625'000));
  site_->PublishAll(At(1));
  const auto block = NextBlock(source.get());
  EXPECT_EQ(block->time(), At(1));
  EXPECT_EQ(Site::CheckAll(*block), "");
  EXPECT_EQ(relay_->counters().malformed.load(), 6);
}

TEST_F(LiveTest, AMessageOfNoWholeStridesHarmsNotTheNextOne) {
  Start({.topics = 1});
  // Of a site like this one but for its strides, which are half as long again.
  const Site longer({.topics = 1, .stride = Duration::FromNs(93'750'000)});
  const auto source = Stream(site_->AllChannels());
  site_->PublishAll(At(0));
  EXPECT_EQ(Site::CheckAll(*NextBlock(source.get())), "");
  site_->cluster().Send("arrakis-P0", longer.Message(0, At(1)), kNow);
  site_->PublishAll(At(2));
  EXPECT_TRUE(NextBlock(source.get())->view(0).all_missing());
  EXPECT_EQ(Site::CheckAll(*NextBlock(source.get())), "");
  EXPECT_EQ(relay_->counters().malformed.load(), 1);
}

TEST_F(LiveTest, SeveralClustersMakeOneTimeLine) {
  Start({.topics = 4, .clusters = 2});
  const auto source = Stream(site_->AllChannels());
  for (int64_t n = 0; n < 3; ++n) {
    site_->PublishAll(At(n));
    EXPECT_EQ(Site::CheckAll(*NextBlock(source.get())), "");
  }
}

TEST_F(LiveTest, AnOutageIsAllGapsAndThenGoesOn) {
  Start({.hz = 16});
  const auto source = Stream(site_->AllChannels());
  site_->PublishAll(At(0));
  ASSERT_TRUE(NextBlock(source.get()));
  site_->cluster().SetReachable(false);
  EXPECT_TRUE(IsQuiet(source.get()));
  Skip(40);  // strides up to 23 are over by more than a second
  for (int64_t n = 1; n <= 23; ++n) {
    const auto block = NextBlock(source.get());
    ASSERT_TRUE(block);
    EXPECT_EQ(block->time(), At(n));
    EXPECT_EQ(Site::Check(*block, 0), "g");
  }
  EXPECT_TRUE(IsQuiet(source.get()));
  for (int64_t n = 20; n < 26; ++n) site_->PublishAll(At(n));
  site_->cluster().SetReachable(true);
  for (int64_t n = 24; n < 26; ++n) {
    const auto block = NextBlock(source.get());
    EXPECT_EQ(block->time(), At(n));
    EXPECT_EQ(Site::CheckAll(*block), "");
  }
}

TEST_F(LiveTest, AFeedThatBreaksEndsItsStreamsAndTheNextHaveAnother) {
  Start({});
  const auto broken = Stream(site_->AllChannels());
  site_->PublishAll(At(0));
  ASSERT_TRUE(NextBlock(broken.get()));
  site_->cluster().BreakAFeed(Error(ErrorKind::kInternal, "out of order"));
  Result<backend::SourceStep> step = backend::SourceStep{};
  while (step.ok()) step = broken->Next({}, SteadyNow() + std::chrono::seconds(60));
  EXPECT_EQ(KindOf(step.status()), ErrorKind::kInternal);
  const auto next = Stream(site_->AllChannels());
  site_->PublishAll(At(1));
  const auto block = NextBlock(next.get());
  ASSERT_TRUE(block);
  EXPECT_EQ(Site::CheckAll(*block), "");
}

TEST_F(LiveTest, ATopicThatAppearsLaterIsReadFromItsBeginning) {
  Start({.topics = 1, .per_topic = 2});
  backend::StreamRequest request;
  request.channels = site_->Channels({{0, 0}, {7, 0}});
  const auto source = Value(relay_->Stream(std::move(request)));
  EXPECT_TRUE(Eventually([&] { return site_->cluster().assigned().size() == 1; }));
  site_->Publish(0, At(0));
  EXPECT_TRUE(IsQuiet(source.get()));
  site_->Publish(7, At(0));
  EXPECT_EQ(Site::CheckAll(*NextBlock(source.get())), "");
}

TEST_F(LiveTest, AStreamDoesNotBeginBeforeItsTopicsAreRead) {
  Start({.topics = 2});
  site_->cluster().SetReachable(false);
  backend::StreamRequest request;
  request.channels = site_->AllChannels();
  const auto source = Value(relay_->Stream(std::move(request)));
  EXPECT_TRUE(IsQuiet(source.get()));
  Skip(100);
  site_->cluster().SetReachable(true);
  EXPECT_TRUE(Eventually([&] { return site_->cluster().assigned().size() == 2; }));
  EXPECT_TRUE(IsQuiet(source.get()));
  site_->PublishAll(At(100));
  const auto block = NextBlock(source.get());
  EXPECT_EQ(block->time(), At(100));
  EXPECT_EQ(Site::CheckAll(*block), "");
}

TEST_F(LiveTest, AStreamEndsAtItsEndOverWhateverIsAbsent) {
  for (const auto latency :
       {std::optional<Duration>(), std::optional(Duration::FromSeconds(1))}) {
    Start({.topics = 2, .latency = latency});
    backend::StreamRequest request;
    request.end = At(3);
    const auto source = Stream(site_->AllChannels(), request);
    site_->Publish(0, At(0));
    EXPECT_TRUE(Eventually([&] { return relay_->counters().messages.load() == 1; }));
    EXPECT_TRUE(IsQuiet(source.get()));
    Skip(3 + 16 * 5);
    for (int64_t n = 0; n < 3; ++n) {
      const auto block = NextBlock(source.get());
      ASSERT_TRUE(block);
      EXPECT_EQ(block->time(), At(n));
      EXPECT_EQ(Site::Check(*block, 0), n == 0 ? "...." : "gggg");
    }
    EXPECT_FALSE(NextBlock(source.get()));
  }
}

TEST_F(LiveTest, ChannelsThatChangedEndTheirStreams) {
  Start({});
  const auto one = Stream(site_->Channels({{0, 0}}));
  const auto other = Stream(site_->Channels({{0, 1}}));
  relay_->EndStreams(std::vector<std::string>{"X1:T00000-C00000"}, "it has changed");
  const auto step = one->Next({}, SteadyNow() + std::chrono::seconds(10));
  EXPECT_EQ(KindOf(step.status()), ErrorKind::kUnavailable);
  EXPECT_THAT(step.status().message(), HasSubstr("X1:T00000-C00000"));
  site_->PublishAll(At(0));
  EXPECT_TRUE(NextBlock(other.get()));
}

TEST_F(LiveTest, ChannelsWithoutAPlaceAreRefused) {
  Start({});
  std::vector<Channel> channels = site_->AllChannels()->channels();
  channels[1].partition_index.reset();
  backend::StreamRequest request;
  request.channels = *ChannelSet::Make(std::move(channels));
  const Status status = relay_->Stream(std::move(request)).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("X1:T00000-C00001"));
}

TEST(StandardTopic, IsNamedAfterThePartitionAndTheReplay) {
  Channel channel;
  channel.name = "X1:A-B";
  EXPECT_EQ(KindOf(StandardTopic(channel).status()), ErrorKind::kUnavailable);
  channel.partition_id = "PUB_A_123456";
  EXPECT_EQ(Value(StandardTopic(channel)).topic, "arrakis-PUB_A_123456");
  channel.replay_id = "r1";
  EXPECT_EQ(Value(StandardTopic(channel)).topic, "arrakis-replay-r1-PUB_A_123456");
}

TEST_F(LiveTest, BrokersThatMustBeReachedAndAreNotEndTheStreamButNoOther) {
  Start({}, [](RelayOptions* options) { options->must_reach = true; });
  const auto first = Stream(site_->AllChannels());
  site_->PublishAll(At(0));
  ASSERT_TRUE(NextBlock(first.get()));
  site_->cluster().SetReachable(false);
  // All of its topics are being read already.
  backend::StreamRequest request;
  request.channels = site_->AllChannels();
  const auto second = Value(relay_->Stream(std::move(request)));
  Status status;
  EXPECT_TRUE(Eventually([&] {
    status = second->Next({}, SteadyNow() + std::chrono::milliseconds(20)).status();
    return !status.ok();
  }));
  EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable) << status;
  EXPECT_TRUE(IsQuiet(first.get()));
  site_->cluster().SetReachable(true);
  site_->PublishAll(At(1));
  EXPECT_EQ(NextBlock(first.get())->time(), At(1));
}

}  // namespace
}  // namespace carryall::relay
