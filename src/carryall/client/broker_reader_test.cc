#include "carryall/base/clock.h"
#include "carryall/client/client_testing.h"
#include "carryall/client/session.h"
#include "carryall/relay/site_for_test.h"

namespace carryall::client {
namespace {

using relay::testing::Eventually;
using relay::testing::Site;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const GpsTime kThen = GpsTime::FromSeconds(1'400'000'000);
const std::string kFirst = "cluster0:1";  // as Site names its clusters

/// Two clusters of brokers, each with a topic of two channels, and a server that knows
/// these, those of SomeChannels(), and one whose topic does not exist.
class BrokerReaderTest : public testing::Test {
 protected:
  static std::vector<Channel> AllChannels(Site& site) {
    std::vector<Channel> channels = SomeChannels();
    const auto set = site.AllChannels();
    for (const Channel& channel : set->channels()) channels.push_back(channel);
    channels.push_back(channels.back());
    channels.back().name = "X1:NOWHERE";
    channels.back().partition_id = "NOWHERE";
    return channels;
  }
  BrokerReaderTest() : platform_(AllChannels(site_)) {
    ClientOptions options;
    options.url = platform_.url();
    client_ = Client::Of(*Session::Make(options, site_.relay_options().make_feed));
    platform_.plan = [this](const wire::Request& request) {
      if (request.type == wire::RequestType::kStream) ++plans_;
      return endpoints_ ? endpoints_(request) : FakePlatform::Here(request);
    };
  }

  Duration stride() const { return site_.options().stride; }
  GpsTime At(int64_t n) const { return kThen + stride() * n; }
  StreamOptions Span(int64_t begin, int64_t end) const {
    StreamOptions options;
    options.start = At(begin);
    options.end = At(end);
    return options;
  }
  StreamOptions Direct(int64_t begin, int64_t end) const {
    StreamOptions options = Span(begin, end);
    options.kafka_url = "kafka://" + kFirst;
    return options;
  }
  void PublishAll(int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) site_.PublishAll(At(n));
  }
  /// Streams are to be read from these places: channels and locations of each.
  void Plan(
      std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> parts) {
    endpoints_ = [parts](const wire::Request& request) {
      if (request.type != wire::RequestType::kStream) return FakePlatform::Here(request);
      std::vector<flight::FakeServer::Endpoint> endpoints;
      for (const auto& [channels, locations] : parts) {
        endpoints.push_back(
            {FakePlatform::Ticket(channels, request.stream().start, request.stream().end),
             locations});
      }
      return endpoints;
    };
  }

  /// All blocks: "begin+strides:what differs", strides counted from At(0).
  std::vector<std::string> Blocks(const std::vector<std::string>& channels,
                                  const StreamOptions& options) {
    std::vector<std::string> texts;
    auto stream = client_->Stream(channels, options);
    if (!stream.ok()) return {stream.status().message()};
    for (;;) {
      auto block = (*stream)->Next();
      if (!block.ok()) texts.push_back(block.status().message());
      if (!block.ok() || !*block) return texts;
      texts.push_back(fmt::format("{}+{}:{}", ((*block)->time() - kThen) / stride(),
                                  (*block)->duration() / stride(),
                                  Site::CheckAll(**block)));
    }
  }

  // Nothing is late on a machine that is busy.
  Site site_{{.topics = 2,
              .per_topic = 2,
              .hz = 32,
              .latency = Duration::FromSeconds(60),
              .clusters = 2}};
  FakePlatform platform_;
  std::shared_ptr<Client> client_;
  std::function<std::vector<flight::FakeServer::Endpoint>(const wire::Request&)>
      endpoints_;
  int plans_ = 0;
};

const std::vector<std::string> kChannels = {"X1:T00000-C00001", "X1:T00000-C00000"};

TEST_F(BrokerReaderTest, AllChannelsComeFromTheBrokersThatTheUserNames) {
  PublishAll(-40, 40);
  const auto block = client_->Fetch(kChannels, Direct(0, 16));
  ASSERT_TRUE(block.ok()) << block.status();
  EXPECT_EQ(Site::CheckAll(*block), "");
  EXPECT_EQ(block->duration(), kSecond);
  EXPECT_THAT(Blocks(kChannels, Direct(-3, 1)),
              ElementsAre("-3+1:", "-2+1:", "-1+1:", "0+1:"));
  StreamOptions options = Direct(0, 8);
  options.stride = stride() * 4;
  EXPECT_THAT(Blocks(kChannels, options), ElementsAre("0+4:", "4+4:"));
  EXPECT_EQ(plans_, 0);
}

TEST_F(BrokerReaderTest, ASpanOfWhichNothingIsThereEnds) {
  EXPECT_THAT(Blocks({kChannels[0], "X1:NOWHERE"}, Direct(0, 2)),
              ElementsAre("0+1:X1:T00000-C00001:gg X1:NOWHERE:gg ",
                          "1+1:X1:T00000-C00001:gg X1:NOWHERE:gg "));
  PublishAll(0, 1);
  EXPECT_THAT(
      Blocks({kChannels[0], "X1:NOWHERE"}, Direct(0, 2)),
      ElementsAre("0+1:X1:NOWHERE:gg ", "1+1:X1:T00000-C00001:gg X1:NOWHERE:gg "));
}

TEST_F(BrokerReaderTest, GapsAreSkippedOrAnErrorWhereAskedFor) {
  PublishAll(0, 2);
  PublishAll(5, 6);
  StreamOptions options = Direct(0, 8);
  options.on_gap = mux::OnGap::kSkip;
  EXPECT_THAT(Blocks(kChannels, options), ElementsAre("0+1:", "1+1:", "5+1:"));
  options.on_gap = mux::OnGap::kRaise;
  EXPECT_THAT(Blocks(kChannels, options),
              ElementsAre("0+1:", "1+1:", HasSubstr(ToString(At(2)))));
  EXPECT_EQ(KindOf(client_->Fetch(kChannels, options).status()), ErrorKind::kGap);
}

TEST_F(BrokerReaderTest, SeveralClustersAndServersMakeOneTimeLine) {
  PublishAll(-40, 60);
  Plan({{kChannels, {"kafka://" + kFirst, "kafka://ignored:1", kReuse}},
        {{"X1:B"}, {kReuse}},
        {{"X1:T00001-C00000"}, {"kafka://cluster1:1"}}});
  const auto stream = client_->Stream(
      {"X1:T00001-C00000", "X1:B", kChannels[0], kChannels[1]}, Span(0, 32));
  ASSERT_TRUE(stream.ok()) << stream.status();
  for (int64_t second = 0; second < 2; ++second) {
    const auto block = (*stream)->Next();
    ASSERT_TRUE(block.ok() && *block) << block.status();
    EXPECT_EQ((*block)->time(), kThen + kSecond * second);
    EXPECT_EQ((*block)->duration(), kSecond);
    for (const size_t i : {0, 2, 3}) {
      EXPECT_EQ(Site::Check(**block, i), std::string(32, '.'));
    }
    const int64_t first = (1'400'000'000 + second) * 2;
    EXPECT_EQ(Samples(**block, 1), fmt::format("{} {}", static_cast<int32_t>(first),
                                               static_cast<int32_t>(first + 1)));
  }
  EXPECT_FALSE((*stream)->Next()->has_value());
}

TEST_F(BrokerReaderTest, LiveStreamsOfOneClusterShareItsReader) {
  StreamOptions options;
  options.kafka_url = kFirst;
  const auto one = client_->Stream({kChannels[0]}, options);
  const auto other = client_->Stream({kChannels[1]}, options);
  ASSERT_TRUE(one.ok() && other.ok()) << one.status() << other.status();
  ASSERT_TRUE(Eventually([&] { return site_.cluster().assigned().size() == 1; }));
  std::jthread publisher([this](const std::stop_token& stop) {
    for (GpsTime next = Clock::System().Now().Floor(stride()); !stop.stop_requested();) {
      if (Clock::System().Now() < next + stride()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        continue;
      }
      site_.Publish(0, next);
      next = next + stride();
    }
  });
  for (const auto* stream : {&*one, &*other}) {
    GpsTime next = GpsTime::Min();
    for (int n = 0; n < 10; ++n) {
      const auto block = (*stream)->Next();
      ASSERT_TRUE(block.ok() && *block) << block.status();
      EXPECT_EQ(Site::CheckAll(**block), "");
      EXPECT_TRUE(n == 0 || (*block)->time() == next);
      next = (*block)->end();
    }
  }
  EXPECT_EQ(site_.cluster().feeds(), 1);
}

TEST_F(BrokerReaderTest, ServersAreReadWhereBrokersDoNotAnswer) {
  PublishAll(-40, 20);
  Plan({{kChannels, {"kafka://" + kFirst, kReuse}},
        {{"X1:T00001-C00000"}, {"kafka://cluster1:1", kReuse}}});
  site_.cluster(0).SetReachable(false);
  int read = 0;
  platform_.stream = [&](const wire::StreamArgs& args) {
    ++read;
    EXPECT_EQ(args.channels.size(), 2);
    return platform_.Serve(args);
  };
  const std::vector<std::string> all{kChannels[0], kChannels[1], "X1:T00001-C00000"};
  const auto block = client_->Fetch(all, Span(0, 16));
  ASSERT_TRUE(block.ok()) << block.status();
  EXPECT_EQ(read, 1);
  EXPECT_EQ(Site::Check(*block, 2), std::string(32, '.'));
  // What a server gives is not what Site publishes.
  EXPECT_THAT(Site::Check(*block, 0), Not(HasSubstr("g")));
  EXPECT_THAT(Site::Check(*block, 0), Not(HasSubstr(".")));
  EXPECT_EQ(Blocks(all, Span(0, 16)).size(), 16);
  EXPECT_EQ(read, 2);
}

TEST_F(BrokerReaderTest, BrokersThatDoNotAnswerAreAnErrorWhereNothingElseIsNamed) {
  site_.cluster(0).SetReachable(false);
  for (const auto& options : {Direct(0, 16), [] {
                                StreamOptions live;
                                live.kafka_url = kFirst;
                                return live;
                              }()}) {
    EXPECT_THAT(Blocks(kChannels, options),
                ElementsAre(HasSubstr("no broker can be reached")));
  }
  EXPECT_EQ(KindOf(client_->Fetch(kChannels, Direct(0, 16)).status()),
            ErrorKind::kUnavailable);
}

TEST_F(BrokerReaderTest, WhatCannotBeReadFromBrokersIsNamed) {
  EXPECT_THAT(Blocks({kChannels[0], "X1:A"}, Direct(0, 16)),
              ElementsAre("channel is in no partition: X1:A"));
  Plan({{{"X1:A"}, {"kafka://" + kFirst, kReuse}}});
  EXPECT_THAT(Blocks({"X1:A"}, Span(0, 16)),
              ElementsAre("channel is in no partition: X1:A"));
  EXPECT_EQ(KindOf(client_->Fetch({"X1:GONE"}, Direct(0, 16)).status()),
            ErrorKind::kUnavailable);
  StreamOptions options = Direct(0, 16);
  options.kafka_url = "http://k:1";
  EXPECT_EQ(KindOf(client_->Fetch(kChannels, options).status()),
            ErrorKind::kInvalidArgument);
  EXPECT_THAT(Blocks(kChannels, options), ElementsAre(HasSubstr("not 'http://k:1'")));
  options = Direct(0, 16);
  options.replay_start = At(0);
  options.replay_end = At(160);
  EXPECT_EQ(KindOf(client_->Fetch(kChannels, options).status()), ErrorKind::kUnsupported);
}

}  // namespace
}  // namespace carryall::client
