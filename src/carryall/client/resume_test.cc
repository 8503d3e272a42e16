// Streams that go on where an endpoint broke off, and how late is too late.
#include "carryall/base/clock.h"
#include "carryall/base/log.h"
#include "carryall/client/client_testing.h"
#include "carryall/client/deadlines.h"
#include "carryall/flight/tcp_relay_testing.h"

namespace carryall::client {
namespace {

using flight::TcpRelay;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Status Gone() { return Error(ErrorKind::kUnavailable, "gone"); }
Status Well() { return Status::OK(); }

class ResumeTest : public ClientTest {
 protected:
  struct Part {
    double begin, end;  // what comes, whatever was asked for
    std::function<Status()> last;
  };
  // The nth request for data gets the nth part; then the last one again.
  void Script(FakePlatform* platform, std::vector<Part> parts) {
    platform->stream = [this, platform,
                        parts](const wire::StreamArgs& args) -> Result<StreamPtr> {
      const Part& part = parts[std::min(asked_.size(), parts.size() - 1)];
      asked_.push_back(args.start);
      const auto set = platform->Set(args);
      return StreamOf(TestSchema(*set),
                      TestBatches(*set, At(part.begin), At(part.end), kSecond),
                      part.last);
    };
  }
  static StreamOptions Live(Duration reconnect = kSecond * 20) {
    StreamOptions options;
    options.reconnect = reconnect;
    options.on_drop = mux::OnDrop::kRaise;
    return options;
  }
  // The next blocks of a stream that has no end.
  std::vector<std::string> Take(BlockStream& stream, size_t count) {
    std::vector<std::string> texts;
    while (texts.size() < count) {
      auto block = stream.Next();
      if (!block.ok() || !*block) {
        texts.push_back(block.ok() ? "end" : block.status().message());
        break;
      }
      texts.push_back(Text(**block));
    }
    return texts;
  }

  std::vector<std::optional<GpsTime>> asked_;
};

TEST_F(ResumeTest, ALiveStreamGoesOnWhereItBrokeOff) {
  Script(&platform_, {{100, 102, Gone}, {102, 103, Well}, {103, 105, platform_.Stall()}});
  const auto stream = *client_->Stream({"X1:B"}, Live());
  EXPECT_THAT(Take(*stream, 5),
              ElementsAre("[100+1] 200 201", "[101+1] 202 203", "[102+1] 204 205",
                          "[103+1] 206 207", "[104+1] 208 209"));
  EXPECT_THAT(asked_, ElementsAre(std::nullopt, At(102), At(103)));
}

TEST_F(ResumeTest, WhatIsLostForGoodIsAGapAndWhatComesTwiceIsNotGivenTwice) {
  Script(&platform_, {{100, 102, Gone}, {104, 105, Gone}, {103, 106, platform_.Stall()}});
  const auto stream = *client_->Stream({"X1:B"}, Live());
  EXPECT_THAT(Take(*stream, 6),
              ElementsAre("[100+1] 200 201", "[101+1] 202 203", "[102+1] - -",
                          "[103+1] - -", "[104+1] 208 209", "[105+1] 210 211"));
}

TEST_F(ResumeTest, OneEndpointOfSeveralGoesOnAlone) {
  FakePlatform other(SomeChannels());
  other.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    const auto set = other.Set(args);
    return StreamOf(TestSchema(*set), TestBatches(*set, At(100), At(104), kSecond),
                    other.Stall());
  };
  Script(&platform_, {{100, 101, Gone}, {101, 104, platform_.Stall()}});
  platform_.plan = [&](const wire::Request& request) {
    if (request.type != wire::RequestType::kStream) return FakePlatform::Here(request);
    return std::vector<FakeServer::Endpoint>{
        {FakePlatform::Ticket({"X1:B"}, std::nullopt, std::nullopt), {kReuse}},
        {FakePlatform::Ticket({"X1:A"}, std::nullopt, std::nullopt), {other.url()}}};
  };
  const auto stream = *client_->Stream({"X1:B", "X1:A"}, Live());
  for (int64_t t = 100; t < 104; ++t) {
    const auto block = **stream->Next();
    EXPECT_EQ(Text(block), fmt::format("[{}+1] {} {}", t, 2 * t, 2 * t + 1));
    EXPECT_EQ(Samples(block, 1),
              fmt::format("{} {} {} {}", 4 * t, 4 * t + 1, 4 * t + 2, 4 * t + 3));
  }
}

TEST_F(ResumeTest, AServerThatIsGoneIsReplacedByWhoTheNewPlanNames) {
  FakePlatform heir(SomeChannels());
  Script(&heir, {{102, 104, heir.Stall()}});
  TcpRelay relay(platform_.server().port());
  platform_.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    const auto set = platform_.Set(args);
    return StreamOf(TestSchema(*set), TestBatches(*set, At(100), At(102), kSecond),
                    platform_.Stall());
  };
  std::atomic<bool> died = false;
  platform_.plan = [&](const wire::Request& request) {
    if (request.type != wire::RequestType::kStream) return FakePlatform::Here(request);
    const auto& args = request.stream();
    if (!died) {
      return std::vector<FakeServer::Endpoint>{
          {FakePlatform::Ticket(args.channels, args.start, args.end), {relay.url()}}};
    }
    // In slices, of which the first one that has all channels is the one to read.
    return std::vector<FakeServer::Endpoint>{
        {FakePlatform::Ticket(args.channels, At(103), {}), {relay.url()}},
        {FakePlatform::Ticket({"X1:A"}, At(90), At(103)), {relay.url()}},
        {FakePlatform::Ticket(args.channels, At(102), At(104)), {heir.url()}}};
  };
  const auto stream = *client_->Stream({"X1:B"}, Live());
  EXPECT_THAT(Take(*stream, 2), ElementsAre("[100+1] 200 201", "[101+1] 202 203"));
  died = true;
  relay.Break();
  EXPECT_THAT(Take(*stream, 2), ElementsAre("[102+1] 204 205", "[103+1] 206 207"));
  EXPECT_THAT(asked_, ElementsAre(At(102)));
}

TEST_F(ResumeTest, ABoundedStreamIsTakenUpWhereItWas) {
  Script(&platform_, {{10, 12, Gone}, {12, 12, Gone}, {12, 14, Well}});
  StreamOptions options = Span(10, 14);
  options.reconnect = kSecond * 20;
  EXPECT_THAT(Stream({"X1:B"}, options), ElementsAre("[10+1] 20 21", "[11+1] 22 23",
                                                     "[12+1] 24 25", "[13+1] 26 27"));
  EXPECT_THAT(asked_, ElementsAre(At(10), At(12), At(12)));
  asked_.clear();
  EXPECT_EQ(Fetch({"X1:B"}, options)->duration(), kSecond * 4);
  EXPECT_THAT(asked_, ElementsAre(At(10), At(12), At(12)));
}

TEST_F(ResumeTest, ItIsGivenUpInTheEndAfterAllThatCame) {
  Script(&platform_, {{100, 102, Gone}, {102, 102, Gone}});
  const auto stream = *client_->Stream({"X1:B"}, Live(Duration::FromMs(300)));
  const auto texts = Take(*stream, 9);
  ASSERT_EQ(texts.size(), 3u);
  EXPECT_EQ(texts[1], "[101+1] 202 203");
  EXPECT_THAT(texts[2], HasSubstr(platform_.url() + ": gone"));
  EXPECT_THAT(texts[2], HasSubstr("given up"));
}

TEST_F(ResumeTest, WithoutItABreakIsAnErrorAndAnEndTheEnd) {
  Script(&platform_, {{100, 102, Gone}});
  EXPECT_THAT(Stream({"X1:B"}, {}).back(), HasSubstr("gone"));
  EXPECT_EQ(asked_.size(), 1u);
  Script(&platform_, {{100, 102, Well}});
  EXPECT_THAT(Stream({"X1:B"}, {}), ElementsAre("[100+1] 200 201", "[101+1] 202 203"));
  EXPECT_EQ(asked_.size(), 2u);
}

std::vector<std::string>& Lines() {
  static std::vector<std::string> lines;
  return lines;
}

TEST_F(ResumeTest, TheLogSaysWhatBrokeOffAndWhenItGoesOn) {
  static std::mutex mutex;
  Lines().clear();
  SetLogSink(
      [](LogLevel, std::string_view line) {
        std::lock_guard lock(mutex);
        Lines().emplace_back(line);
      },
      LogLevel::kWarning);
  Script(&platform_, {{100, 102, Gone}, {102, 103, platform_.Stall()}});
  const auto stream = *client_->Stream({"X1:B"}, Live());
  EXPECT_EQ(Take(*stream, 3).size(), 3u);
  SetLogSink(nullptr, LogLevel::kInfo);
  std::lock_guard lock(mutex);
  ASSERT_GE(Lines().size(), 1u);
  EXPECT_THAT(Lines()[0], HasSubstr("the stream of X1:B broke off"));
  EXPECT_THAT(Lines()[0], HasSubstr(platform_.url() + ": gone"));
}

// What is given up does not come late: it was given up because of whoever waits.
TEST_F(ResumeTest, WithALatencyToleranceNobodyWaitsForWhoIsAway) {
  const GpsTime begin = Clock::System().Now().Floor(kSecond) - kSecond;
  int64_t calls = 0;
  Gate given_up;
  platform_.stream = [&](const wire::StreamArgs& args) -> Result<StreamPtr> {
    const auto set = platform_.Set(args);
    if (calls++ == 0) {
      return StreamOf(TestSchema(*set),
                      TestBatches(*set, begin, begin + kSecond, kSecond), Gone);
    }
    given_up.Wait();
    return StreamOf(TestSchema(*set),
                    TestBatches(*set, *args.start, begin + kSecond * 4, kSecond),
                    platform_.Stall());
  };
  StreamOptions options = Live();
  options.latency_tolerance = Duration::FromMs(50);
  const auto stream = *client_->Stream({"X1:B"}, options);
  const int64_t n = begin.ns() / 1'000'000'000 * 2;
  const auto text = [&](int64_t s, const std::string& samples) {
    return fmt::format("[{}+1] {}", FormatSeconds((begin + kSecond * s).ns()), samples);
  };
  EXPECT_THAT(Take(*stream, 2),
              ElementsAre(text(0, fmt::format("{} {}", static_cast<int32_t>(n),
                                              static_cast<int32_t>(n + 1))),
                          text(1, "- -")));
  given_up.Open();
  const auto rest = Take(*stream, 2);
  ASSERT_EQ(rest.size(), 2u);
  EXPECT_THAT(rest[1], HasSubstr(FormatSeconds((begin + kSecond * 3).ns()) + "+1]"));
}

TEST_F(ResumeTest, OurServersAreAskedForTheLatencyAndForHeartbeats) {
  Script(&platform_, {{100, 101, platform_.Stall()}});
  StreamOptions options;
  options.latency_tolerance = Duration::FromMs(500);
  auto stream = *client_->Stream({"X1:B"}, options);
  ASSERT_EQ(Take(*stream, 1).size(), 1u);
  EXPECT_THAT(platform_.server().header("x-carryall-accept"),
              ElementsAre("rows=1; form=row; codec=none; latency=0.25; heartbeat=5"));
  ClientOptions plain;
  plain.compact = false;
  client_ = MakeClient(plain);
  stream = *client_->Stream({"X1:B"}, options);
  ASSERT_EQ(Take(*stream, 1).size(), 1u);
  EXPECT_THAT(platform_.server().header("x-carryall-accept"), IsEmpty());
}

TEST_F(ResumeTest, DataOfThePastAreNotQuiet) {
  ASSERT_EQ(Stream({"X1:B"}, Span(10, 12)).size(), 2u);
  const auto header = platform_.server().header("x-carryall-accept");
  ASSERT_EQ(header.size(), 1u);
  EXPECT_THAT(header[0], testing::Not(HasSubstr("heartbeat")));
}

TEST(DeadlinesTest, AToleranceCountsFromTheEndOfAStrideAndTheServerGivesUpEarlier) {
  const auto set = SetOf({TestChannel("X1:A", 4, kSecond)});
  EXPECT_FALSE(SlotTimeout(*set, *set, {}).has_value());
  EXPECT_EQ(SlotTimeout(*set, *set, Duration::FromMs(300)), Duration::FromMs(1300));
  EXPECT_EQ(ServerLatency(Duration::FromMs(300), kSecond), Duration::FromMs(150));
  EXPECT_EQ(ServerLatency(kSecond * 10, kSecond), kSecond * 8);
  EXPECT_EQ(ServerLatency(kSecond * 100, kSecond * 5), kSecond * 90);
  EXPECT_EQ(ServerLatency(Duration::FromMs(10), kSecond), Duration::FromMs(10));
}

}  // namespace
}  // namespace carryall::client
