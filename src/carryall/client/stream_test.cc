#include "carryall/base/clock.h"
#include "carryall/client/client_testing.h"
#include "carryall/flight/tcp_relay_testing.h"

namespace carryall::client {
namespace {

using flight::TcpRelay;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StreamTest : public ClientTest {
 protected:
  // Serves these batches whatever was asked for, then does `last`.
  void Send(
      std::function<std::vector<std::shared_ptr<arrow::RecordBatch>>(const ChannelSet&)>
          batches,
      std::function<Status()> last = [] { return Status::OK(); }) {
    platform_.stream = [this, batches,
                        last](const wire::StreamArgs& args) -> Result<StreamPtr> {
      const auto set = platform_.Set(args);
      return StreamOf(TestSchema(*set), batches(*set), last);
    };
  }
  std::unique_ptr<BlockStream> Open(const std::vector<std::string>& channels,
                                    const StreamOptions& options) {
    auto stream = client_->Stream(channels, options);
    EXPECT_TRUE(stream.ok()) << stream.status().ToString();
    return std::move(stream).ValueOrDie();
  }
};

TEST_F(StreamTest, HistoryComesInNativeStrides) {
  EXPECT_THAT(Stream({"X1:B"}, Span(10, 13)),
              ElementsAre("[10+1] 20 21", "[11+1] 22 23", "[12+1] 24 25"));
}

TEST_F(StreamTest, MixedStridesComeInTheirCommonOne) {
  const auto stream = Open({"X1:SLOW", "X1:B"}, Span(10, 14));
  const auto block = **stream->Next();
  EXPECT_EQ(Text(block), "[10+2] 10 11");
  EXPECT_EQ(Samples(block, 1), "20 21 22 23");
  EXPECT_EQ(stream->channels(), block.channels());
  EXPECT_EQ(Text(**stream->Next()), "[12+2] 12 13");
  EXPECT_FALSE((*stream->Next()).has_value());
  EXPECT_FALSE((*stream->Next()).has_value());
}

TEST_F(StreamTest, StridesAreAggregatedAndTheRestComesShorter) {
  StreamOptions options = Span(10, 15);
  options.stride = kSecond * 2;
  EXPECT_THAT(Stream({"X1:B"}, options),
              ElementsAre("[10+2] 20 21 22 23", "[12+2] 24 25 26 27", "[14+1] 28 29"));
  options.stride = Duration::FromMs(1500);
  EXPECT_THAT(Stream({"X1:B"}, options), ElementsAre(HasSubstr("integer multiple")));
}

TEST_F(StreamTest, UnalignedSpansHaveShortEdges) {
  EXPECT_THAT(Stream({"X1:B"}, Span(10.5, 12.5)),
              ElementsAre("[10.5+0.5] 21", "[11+1] 22 23", "[12+0.5] 24"));
  EXPECT_THAT(Stream({"X1:A"}, Span(10.1, 12)), ElementsAre(HasSubstr("X1:A at 4 Hz")));
}

TEST_F(StreamTest, BatchesOfManyStridesAreCutWithoutCopies) {
  Send([](const ChannelSet& set) {
    return TestBatches(set, At(10), At(16), kSecond * 3);
  });
  const auto stream = Open({"X1:B"}, Span(10, 16));
  const auto first = **stream->Next();
  const auto second = **stream->Next();
  EXPECT_EQ(Text(first), "[10+1] 20 21");
  EXPECT_EQ(Text(second), "[11+1] 22 23");
  EXPECT_EQ(second.view(0).values, first.view(0).values + 8);
}

TEST_F(StreamTest, EmptyAndInvertedSpansGiveNothing) {
  EXPECT_THAT(Stream({"X1:B"}, Span(10, 10)), IsEmpty());
  EXPECT_THAT(Stream({"X1:B"}, Span(10, 5)), IsEmpty());
}

TEST_F(StreamTest, LiveStreamsEndAfterTheirDuration) {
  Send([](const ChannelSet& set) { return TestBatches(set, At(100), At(110), kSecond); },
       platform_.Stall());
  StreamOptions options;
  options.duration = Duration::FromMs(1500);
  EXPECT_THAT(Stream({"X1:B"}, options),
              ElementsAre("[100+1] 200 201", "[101+1] 202 203"));
  options.duration = Duration();
  EXPECT_THAT(Stream({"X1:B"}, options), ElementsAre("[100+1] 200 201"));
}

TEST_F(StreamTest, LiveStreamsAreAskedForWithoutAStartAndEndAtTheirEnd) {
  const GpsTime now = Clock::System().Now().Floor(kSecond);
  std::optional<wire::StreamArgs> asked;
  platform_.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    asked = args;
    const auto set = platform_.Set(args);
    return StreamOf(TestSchema(*set), TestBatches(*set, now, now + kSecond * 9, kSecond));
  };
  StreamOptions options;
  options.end = now + kSecond * 3;
  const auto blocks = Stream({"X1:B"}, options);
  ASSERT_FALSE(blocks.empty());
  EXPECT_THAT(blocks.back(), HasSubstr(FormatSeconds((now + kSecond * 2).ns())));
  EXPECT_FALSE(asked->start.has_value());
  EXPECT_EQ(asked->end, options.end);
  EXPECT_THAT(platform_.server().header("x-carryall-accept"),
              ElementsAre("rows=1; form=row; codec=none; heartbeat=5"));
}

// K5.
TEST_F(StreamTest, DuplicatesAndLateBlocksAreDroppedOrTold) {
  Send([](const ChannelSet& set) {
    auto batches = TestBatches(set, At(10), At(13), kSecond);
    batches.insert(batches.begin() + 2, batches[0]);
    batches.insert(batches.begin() + 2, batches[1]);
    return batches;
  });
  StreamOptions options = Span(10, 13);
  EXPECT_THAT(Stream({"X1:B"}, options),
              ElementsAre("[10+1] 20 21", "[11+1] 22 23", "[12+1] 24 25"));
  options.on_drop = mux::OnDrop::kRaise;
  const auto stream = Open({"X1:B"}, options);
  Status status;
  for (int i = 0; i < 3 && status.ok(); ++i) status = stream->Next().status();
  EXPECT_EQ(KindOf(status), ErrorKind::kDropped) << status.ToString();
}

// K6.
TEST_F(StreamTest, NullItemsAreMissingSamplesAndNoGapForThePolicy) {
  Send([](const ChannelSet& set) {
    return TestBatches(set, At(10), At(12), kSecond,
                       [](const Channel&, int64_t n) { return n == 20 || n >= 22; });
  });
  StreamOptions options = Span(10, 12);
  EXPECT_THAT(Stream({"X1:B"}, options), ElementsAre("[10+1] - 21", "[11+1] - -"));
  options.on_gap = mux::OnGap::kRaise;
  EXPECT_THAT(Stream({"X1:B"}, options), ElementsAre("[10+1] - 21", "[11+1] - -"));
}

TEST_F(StreamTest, GapsFollowThePolicy) {
  Send([](const ChannelSet& set) {
    auto batches = TestBatches(set, At(10), At(13), kSecond);
    batches.erase(batches.begin() + 1);
    return batches;
  });
  StreamOptions options = Span(10, 13);
  EXPECT_THAT(Stream({"X1:B"}, options),
              ElementsAre("[10+1] 20 21", "[11+1] - -", "[12+1] 24 25"));
  options.on_gap = mux::OnGap::kSkip;
  EXPECT_THAT(Stream({"X1:B"}, options), ElementsAre("[10+1] 20 21", "[12+1] 24 25"));
  options.on_gap = mux::OnGap::kRaise;
  const auto stream = Open({"X1:B"}, options);
  ASSERT_TRUE(stream->Next().ok());
  const Status status = stream->Next().status();
  EXPECT_EQ(KindOf(status), ErrorKind::kGap) << status.ToString();
}

// Q16: bounded reads end with their endpoints, and what is absent is a gap up to the end.
TEST_F(StreamTest, ABoundedStreamIsFilledUpToItsEnd) {
  platform_.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    const auto set = platform_.Set(args);
    if (args.start > At(10)) return StreamOf(TestSchema(*set), {});
    return StreamOf(TestSchema(*set), TestBatches(*set, At(10), At(11), kSecond));
  };
  EXPECT_THAT(Stream({"X1:B"}, Span(10, 13)),
              ElementsAre("[10+1] 20 21", "[11+1] - -", "[12+1] - -"));
}

// K7.
TEST_F(StreamTest, ALiveStreamThatItsServerEndsIsOver) {
  Send([](const ChannelSet& set) { return TestBatches(set, At(100), At(102), kSecond); });
  EXPECT_THAT(Stream({"X1:B"}, {}), ElementsAre("[100+1] 200 201", "[101+1] 202 203"));
}

TEST_F(StreamTest, EndpointsOfSeveralServersAreJoinedByTime) {
  FakePlatform other(SomeChannels());
  platform_.plan = [&](const wire::Request& request) {
    if (request.type != wire::RequestType::kStream) return FakePlatform::Here(request);
    const auto& args = request.stream();
    return std::vector<FakeServer::Endpoint>{
        {FakePlatform::Ticket({"X1:B"}, args.start, args.end), {other.url()}},
        {FakePlatform::Ticket({"X1:A"}, args.start, args.end), {kReuse}}};
  };
  const auto stream = Open({"X1:B", "X1:A"}, Span(10, 12));
  const auto first = **stream->Next();
  EXPECT_EQ(Text(first), "[10+1] 20 21");
  EXPECT_EQ(Samples(first, 1), "40 41 42 43");
  EXPECT_EQ(Text(**stream->Next()), "[11+1] 22 23");
  EXPECT_FALSE((*stream->Next()).has_value());
}

// K4 and Q2.
TEST_F(StreamTest, TimeSlicesAreReadInTheirOrderAndTheirOverlapDropped) {
  std::vector<std::optional<GpsTime>> asked;
  platform_.plan = [&](const wire::Request& request) {
    if (request.type != wire::RequestType::kStream) return FakePlatform::Here(request);
    return std::vector<FakeServer::Endpoint>{
        {FakePlatform::Ticket({"X1:B"}, At(12), At(14)), {kReuse}},
        {FakePlatform::Ticket({"X1:B"}, At(10), At(13)), {kReuse}}};
  };
  platform_.stream = [&](const wire::StreamArgs& args) {
    asked.push_back(args.start);
    return platform_.Serve(args);
  };
  StreamOptions options = Span(10, 14);
  options.on_drop = mux::OnDrop::kRaise;  // an overlap of slices is no drop
  EXPECT_THAT(Stream({"X1:B"}, options), ElementsAre("[10+1] 20 21", "[11+1] 22 23",
                                                     "[12+1] 24 25", "[13+1] 26 27"));
  EXPECT_THAT(asked, ElementsAre(At(10), At(12)));
}

TEST_F(StreamTest, SlicesMayGroupTheirChannelsDifferently) {
  platform_.plan = [&](const wire::Request& request) {
    if (request.type != wire::RequestType::kStream) return FakePlatform::Here(request);
    return std::vector<FakeServer::Endpoint>{
        {FakePlatform::Ticket({"X1:A"}, At(11), At(12)), {kReuse}},
        {FakePlatform::Ticket({"X1:B"}, At(11), At(12)), {kReuse}},
        {FakePlatform::Ticket({"X1:B", "X1:A"}, At(10), At(11)), {kReuse}}};
  };
  const auto stream = Open({"X1:B", "X1:A"}, Span(10, 12));
  for (const char* expected : {"[10+1] 20 21/40 41 42 43", "[11+1] 22 23/44 45 46 47"}) {
    const auto block = **stream->Next();
    EXPECT_EQ(Text(block) + "/" + Samples(block, 1), expected);
  }
  EXPECT_FALSE((*stream->Next()).has_value());
}

TEST_F(StreamTest, AServerThatDiesIsReplacedWithoutLossOrRepetition) {
  FakePlatform replica(SomeChannels());
  TcpRelay relay(platform_.server().port());
  Send([](const ChannelSet& set) { return TestBatches(set, At(10), At(12), kSecond); },
       platform_.Stall());
  platform_.plan = [&](const wire::Request& request) {
    auto endpoints = FakePlatform::Here(request);
    if (request.type == wire::RequestType::kStream) {
      endpoints[0].locations = {relay.url(), replica.url()};
    }
    return endpoints;
  };
  StreamOptions options = Span(10, 14);
  options.on_drop = mux::OnDrop::kRaise;
  const auto stream = Open({"X1:B"}, options);
  EXPECT_EQ(Text(**stream->Next()), "[10+1] 20 21");
  EXPECT_EQ(Text(**stream->Next()), "[11+1] 22 23");
  relay.Break();
  EXPECT_EQ(Text(**stream->Next()), "[12+1] 24 25");
  EXPECT_EQ(Text(**stream->Next()), "[13+1] 26 27");
  EXPECT_FALSE((*stream->Next()).has_value());
}

TEST_F(StreamTest, WhatCameBeforeAnErrorIsGivenOutFirst) {
  Send([](const ChannelSet& set) { return TestBatches(set, At(10), At(12), kSecond); },
       [] { return Error(ErrorKind::kInternal, "shared reader died"); });
  const auto texts = Stream({"X1:B"}, Span(10, 20));
  ASSERT_EQ(texts.size(), 3u);
  EXPECT_EQ(texts[1], "[11+1] 22 23");
  EXPECT_THAT(texts[2], HasSubstr(platform_.url() + ": shared reader died"));
}

TEST_F(StreamTest, AStallIsATimeoutAndStaysOne) {
  Send([](const ChannelSet& set) { return TestBatches(set, At(10), At(11), kSecond); },
       platform_.Stall());
  ClientOptions client_options;
  client_options.silence_timeout = Duration::FromMs(200);
  client_ = MakeClient(client_options);
  const auto stream = Open({"X1:B"}, Span(10, 20));
  ASSERT_TRUE((*stream->Next()).has_value());
  for (int i = 0; i < 2; ++i) {
    const Status status = stream->Next().status();
    EXPECT_EQ(KindOf(status), ErrorKind::kTimeout) << status.ToString();
    EXPECT_THAT(status.message(), HasSubstr("X1:B"));
    EXPECT_THAT(status.message(), HasSubstr(platform_.url()));
  }
}

TEST_F(StreamTest, OneStreamMayBeSilentForAnotherTime) {
  Send([](const ChannelSet& set) { return TestBatches(set, At(10), At(11), kSecond); },
       platform_.Stall());
  StreamOptions options = Span(10, 20);
  options.silence_timeout = Duration::FromMs(200);  // of 30 s
  const auto stream = Open({"X1:B"}, options);
  ASSERT_TRUE((*stream->Next()).has_value());
  const SteadyTime began = SteadyNow();
  EXPECT_EQ(KindOf(stream->Next().status()), ErrorKind::kTimeout);
  EXPECT_LT(SteadyNow() - began, std::chrono::seconds(20));
}

TEST_F(StreamTest, ASilentEndpointIsNoticedWhileAnotherOneTalks) {
  FakePlatform mute(SomeChannels());
  mute.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    return StreamOf(TestSchema(*mute.Set(args)), {}, mute.Stall());
  };
  platform_.plan = [&](const wire::Request& request) {
    if (request.type != wire::RequestType::kStream) return FakePlatform::Here(request);
    return std::vector<FakeServer::Endpoint>{
        {FakePlatform::Ticket({"X1:B"}, std::nullopt, std::nullopt), {mute.url()}},
        {FakePlatform::Ticket({"X1:A"}, std::nullopt, std::nullopt), {kReuse}}};
  };
  platform_.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    const auto set = platform_.Set(args);
    return std::make_unique<ScriptedStream>(
        TestSchema(*set), [set, n = 0]() mutable -> Result<flight::Payload> {
          std::this_thread::sleep_for(std::chrono::milliseconds(10));
          return PayloadOf(*TestBatch(*set, At(100 + n++), kSecond));
        });
  };
  ClientOptions client_options;
  client_options.silence_timeout = Duration::FromMs(300);
  client_ = MakeClient(client_options);
  const auto stream = Open({"X1:B", "X1:A"}, {});
  const Status status = stream->Next().status();
  EXPECT_EQ(KindOf(status), ErrorKind::kTimeout) << status.ToString();
  EXPECT_THAT(status.message(), HasSubstr(mute.url()));
}

TEST_F(StreamTest, TheCallerCanStopAWaitAndGoOn) {
  Send(
      [](const ChannelSet&) {
        return std::vector<std::shared_ptr<arrow::RecordBatch>>{};
      },
      platform_.Stall());
  const auto stream = Open({"X1:B"}, Span(10, 20));
  CallContext context;
  context.poll = [] { return Error(ErrorKind::kCancelled, "Ctrl-C"); };
  EXPECT_EQ(stream->Next(context).status().message(), "Ctrl-C");
  EXPECT_EQ(stream->Next(context).status().message(), "Ctrl-C");
}

TEST_F(StreamTest, CancelFromAnotherThreadEndsAWait) {
  Send(
      [](const ChannelSet&) {
        return std::vector<std::shared_ptr<arrow::RecordBatch>>{};
      },
      platform_.Stall());
  const auto stream = Open({"X1:B"}, Span(10, 20));
  std::thread canceller;
  CallContext context;
  context.poll = [&] {
    if (!canceller.joinable()) canceller = std::thread([&] { stream->Cancel(); });
    return Status::OK();
  };
  EXPECT_EQ(KindOf(stream->Next(context).status()), ErrorKind::kCancelled);
  canceller.join();
  EXPECT_EQ(KindOf(stream->Next().status()), ErrorKind::kCancelled);
}

TEST_F(StreamTest, ASlowConsumerHoldsTheServerUp) {
  std::atomic<int64_t> sent = 0;
  // 2 MiB a stride.
  FakePlatform wide({TestChannel("X1:WIDE", 1 << 18, kSecond)});
  wide.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    const auto set = wide.Set(args);
    const auto batch = TestBatch(*set, At(10), kSecond);
    return std::make_unique<ScriptedStream>(
        TestSchema(*set), [&, batch]() -> Result<flight::Payload> {
          const int64_t n = sent++;
          if (n >= 64) return flight::Payload{};
          arrow::Int64Builder time;
          ARROW_RETURN_NOT_OK(time.Append(At(static_cast<double>(10 + n)).ns()));
          return PayloadOf(*batch->SetColumn(0, batch->schema()->field(0), *time.Finish())
                                .ValueOrDie());
        });
  };
  ClientOptions client_options;
  client_options.url = wide.url();
  const auto client = *Client::Make(client_options);
  StreamOptions options = Span(10, 74);
  options.max_queued_bytes = 4 << 20;
  auto stream = *client->Stream({"X1:WIDE"}, options);
  ASSERT_TRUE((*stream->Next()).has_value());
  // Whatever gRPC keeps under way, it is far from all there is.
  int64_t before = -1;
  while (before != sent) {
    before = sent;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  EXPECT_LT(before, 32);
  int64_t blocks = 1;
  while ((*stream->Next()).has_value()) ++blocks;
  EXPECT_EQ(blocks, 64);
}

TEST_F(StreamTest, AnOutputStrideLargerThanTheBoundIsNotHeldUp) {
  StreamOptions options = Span(10, 30);
  options.stride = kSecond * 10;
  options.max_queued_bytes = 1;
  EXPECT_EQ(Stream({"X1:B"}, options).size(), 2u);
}

TEST_F(StreamTest, ACatchUpStreamGoesOnFromThePast) {
  std::optional<wire::StreamArgs> asked;
  platform_.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    asked = args;
    const auto set = platform_.Set(args);
    return StreamOf(TestSchema(*set), TestBatches(*set, At(10), At(12), kSecond));
  };
  StreamOptions options;
  options.start = At(10.5);
  EXPECT_THAT(Stream({"X1:B"}, options), ElementsAre("[10.5+0.5] 21", "[11+1] 22 23"));
  EXPECT_EQ(asked->start, At(10));
  EXPECT_FALSE(asked->end.has_value());
}

TEST_F(StreamTest, ReplayArgumentsAreSent) {
  std::optional<wire::Request> described, streamed;
  platform_.plan = [&](const wire::Request& request) {
    (request.type == wire::RequestType::kStream ? streamed : described) = request;
    return FakePlatform::Here(request);
  };
  StreamOptions options = Span(1150, 1152);
  options.replay_start = At(1000);
  options.replay_end = At(1100);
  ASSERT_EQ(Stream({"X1:B"}, options).size(), 2u);
  EXPECT_EQ(described->describe().time, At(1050));
  EXPECT_EQ(streamed->stream().replay_start, At(1000));
  EXPECT_EQ(streamed->stream().replay_end, At(1100));
  options = Span(1150, 1152);
  options.replay_id = "R";
  ASSERT_EQ(Stream({"X1:B"}, options).size(), 2u);
  EXPECT_EQ(described->describe().replay_id, "R");
  EXPECT_EQ(streamed->stream().replay_id, "R");
}

TEST_F(StreamTest, ConnectionsAreUsedAgain) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Stream({"X1:B"}, Span(10, 12)).size(), 2u);
}

}  // namespace
}  // namespace carryall::client
