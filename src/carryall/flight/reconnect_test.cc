// Reads that are taken up again, and servers that say that they are alive.
#include "carryall/flight/message_reader_testing.h"
#include "carryall/flight/tcp_relay_testing.h"
#include "carryall/wire/accept.h"

namespace carryall::flight {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Duration kLong = Duration::FromSeconds(20);

class ReconnectTest : public MessageReaderTest {
 protected:
  static ReadOptions Reconnecting(Duration limit = kLong) {
    ReadOptions options;
    options.reconnect = Reconnect{limit, {}};
    return options;
  }
  // Serves up to `until[n]` at the nth call, then ends it so; the last one is repeated.
  void Script(FakeServer* server, std::vector<int64_t> until,
              std::vector<std::function<Status()>> last) {
    server->on_get = [this, until, last](const std::string& ticket) -> Result<StreamPtr> {
      const size_t n = std::min(asked_.size(), until.size() - 1);
      asked_.push_back(ticket);
      return From(ticket, until[n], last[n]);
    };
  }
  static Status Gone() { return Error(ErrorKind::kUnavailable, "gone"); }
  static Status Well() { return Status::OK(); }
  std::function<Status()> Stall() {
    return [this] {
      gate_.Wait();
      return Status::OK();
    };
  }
  // As a consumer that waits for the end.
  void WatchUntilFinished(Numbers* sink) {
    const SteadyTime patience = SteadyNow() + std::chrono::seconds(20);
    while (SteadyNow() < patience) {
      const Status status = reader_->Expired(SteadyNow());
      ASSERT_TRUE(status.ok()) << status.ToString();
      if (sink->finished.IsOpen()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    FAIL() << "not finished";
  }

  std::vector<std::string> asked_;
};

TEST_F(ReconnectTest, ABreakIsTakenUpWhereItWasAtTheOnlyLocation) {
  Script(a_.get(), {2, 2, 2, 5}, {Gone, Gone, Gone, Well});
  const auto sink = Read({a_->url()}, Reconnecting());
  ASSERT_TRUE(sink->finished.WaitBriefly());
  EXPECT_TRUE(sink->outcome.ok()) << sink->outcome.ToString();
  EXPECT_THAT(asked_, ElementsAre("0", "2", "2", "2"));
  EXPECT_EQ(sink->next(), 5);
  EXPECT_EQ(sink->breaks, 1);
}

TEST_F(ReconnectTest, ADeadConnectionIsMadeAnew) {
  auto relay = std::make_unique<TcpRelay>(a_->port());
  Script(a_.get(), {2, 5}, {Stall(), Well});
  auto options = Reconnecting();
  options.reconnect->renew = [&](const std::string& ticket, const auto&) {
    return Result<Place>(Place{ticket, {a_->url()}});
  };
  const auto sink = Read({relay->url()}, options);
  ASSERT_TRUE(sink->arrived.WaitBriefly());
  relay->Break();
  ASSERT_TRUE(sink->finished.WaitBriefly());
  EXPECT_TRUE(sink->outcome.ok()) << sink->outcome.ToString();
  EXPECT_EQ(sink->next(), 5);
}

TEST_F(ReconnectTest, SomeProgressGivesTheWholeTimeAgain) {
  Script(a_.get(), {1, 2, 3, 4, 5}, {Gone, Gone, Gone, Gone, Well});
  const auto sink = Read({a_->url()}, Reconnecting());
  ASSERT_TRUE(sink->finished.WaitBriefly());
  EXPECT_TRUE(sink->outcome.ok()) << sink->outcome.ToString();
  EXPECT_EQ(sink->breaks, 4);
}

TEST_F(ReconnectTest, ItIsGivenUpInTheEndWithWhatWasWrong) {
  Script(a_.get(), {2}, {Gone});
  const auto sink = Read({a_->url()}, Reconnecting(Duration::FromMs(200)));
  ASSERT_TRUE(sink->finished.WaitBriefly());
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kUnavailable);
  EXPECT_THAT(sink->outcome.message(), HasSubstr("given up after"));
  EXPECT_THAT(sink->outcome.message(), HasSubstr(a_->url() + ": gone"));
  EXPECT_GE(asked_.size(), 3u);
  EXPECT_EQ(sink->next(), 2);
}

TEST_F(ReconnectTest, OtherErrorsAndWhatTheSinkRefusesAreFinal) {
  Script(a_.get(), {2}, {[] { return Error(ErrorKind::kPermissionDenied, "no"); }});
  auto sink = Read({a_->url()}, Reconnecting());
  ASSERT_TRUE(sink->finished.WaitBriefly());
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kPermissionDenied);
  EXPECT_EQ(asked_.size(), 1u);
  sink = std::make_shared<Numbers>(5);
  sink->refuse = Error(ErrorKind::kResourceExhausted, "too large");
  Read({a_->url()}, Reconnecting(), sink);
  ASSERT_TRUE(sink->finished.WaitBriefly());
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kResourceExhausted);
  EXPECT_EQ(asked_.size(), 2u);
}

TEST_F(ReconnectTest, SilenceIsABreak) {
  Script(a_.get(), {2, 5}, {Stall(), Well});
  auto options = Reconnecting();
  options.silence_timeout = Duration::FromMs(100);
  const auto sink = Read({a_->url()}, options);
  WatchUntilFinished(sink.get());
  EXPECT_TRUE(sink->outcome.ok()) << sink->outcome.ToString();
  EXPECT_THAT(asked_, ElementsAre("0", "2"));
  EXPECT_EQ(sink->breaks, 1);
}

TEST_F(ReconnectTest, SilenceThatLastsIsATimeoutInTheEnd) {
  Script(a_.get(), {2}, {Stall()});
  auto options = Reconnecting(Duration::FromMs(300));
  options.silence_timeout = Duration::FromMs(50);
  const auto sink = Read({a_->url()}, options);
  WatchUntilFinished(sink.get());
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kTimeout) << sink->outcome.ToString();
  EXPECT_THAT(sink->outcome.message(), HasSubstr("no further data"));
}

// K7.
TEST_F(ReconnectTest, AnEndWhileThereIsMoreToComeIsABreak) {
  Script(a_.get(), {2, 2, 2, 5}, {Well, Well, Well, Well});
  auto sink = std::make_shared<Numbers>(5);
  sink->endless = true;
  Read({a_->url()}, Reconnecting(), sink);
  ASSERT_TRUE(sink->finished.WaitBriefly());
  EXPECT_TRUE(sink->outcome.ok()) << sink->outcome.ToString();
  EXPECT_EQ(sink->next(), 5);
  Script(a_.get(), {2}, {Well});
  sink = std::make_shared<Numbers>(5);
  sink->endless = true;
  Read({a_->url()}, Reconnecting(Duration::FromMs(200)), sink);
  ASSERT_TRUE(sink->finished.WaitBriefly());
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kUnavailable);
  EXPECT_THAT(sink->outcome.message(), HasSubstr("the server ended the stream"));
}

TEST_F(ReconnectTest, AfterTwoFailuresTheRestIsPlannedAnew) {
  const std::string dead = a_->url();
  a_->Stop();
  Script(b_.get(), {5}, {Well});
  std::vector<std::string> renewed;
  auto options = Reconnecting();
  options.reconnect->renew = [&](const std::string& ticket,
                                 const auto&) -> Result<Place> {
    renewed.push_back(ticket);
    if (renewed.size() == 1) return Error(ErrorKind::kUnavailable, "not yet");
    return Place{"00", {b_->url()}};
  };
  auto sink = std::make_shared<Numbers>(5);
  Read({dead}, options, sink);
  ASSERT_TRUE(sink->finished.WaitBriefly());
  EXPECT_TRUE(sink->outcome.ok()) << sink->outcome.ToString();
  EXPECT_THAT(renewed, ElementsAre("0", "0"));
  EXPECT_THAT(asked_, ElementsAre("00"));
}

TEST_F(ReconnectTest, CancelEndsAPause) {
  Script(a_.get(), {2}, {Gone});
  const auto sink = Read({a_->url()}, Reconnecting(Duration::FromSeconds(3600)));
  ASSERT_TRUE(sink->arrived.WaitBriefly());
  reader_->Cancel();
  EXPECT_TRUE(sink->finished.WaitBriefly());
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kCancelled);
}

TEST_F(ReconnectTest, AServerThatSaysSoIsNotSilent) {
  a_->on_get = [this](const std::string&) -> Result<StreamPtr> {
    return std::make_unique<ScriptedStream>(OneColumn(), [this, n = 0]() mutable {
      Payload payload;
      if (n++ == 0) {
        payload.app_metadata = arrow::Buffer::FromString(std::string(wire::kHeartbeat));
        payload.ipc_message.metadata = std::make_shared<arrow::Buffer>("");
      } else {
        gate_.Wait();
      }
      return Result<Payload>(payload);
    });
  };
  ReadOptions options;
  options.silence_timeout = Duration::FromSeconds(3600);
  options.heartbeat_timeout = Duration::FromSeconds(60);
  options.silent_until = SteadyNow() + std::chrono::hours(2);
  const auto sink = Read({a_->url()}, options);
  // It is heard, and from then on what counts is hearing it.
  const SteadyTime patience = SteadyNow() + std::chrono::seconds(20);
  const auto heard = [&] {
    const auto left = reader_->deadline() - SteadyNow();
    return left > std::chrono::seconds(45) && left < std::chrono::minutes(2);
  };
  while (!heard() && SteadyNow() < patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(reader_->Expired(SteadyNow() + std::chrono::seconds(30)).ok());
  const Status status = reader_->Expired(SteadyNow() + std::chrono::minutes(2));
  EXPECT_EQ(KindOf(status), ErrorKind::kTimeout);
  EXPECT_THAT(status.message(), HasSubstr("no sign of life within 60 s"));
  EXPECT_EQ(sink->next(), 0);
}

}  // namespace
}  // namespace carryall::flight
