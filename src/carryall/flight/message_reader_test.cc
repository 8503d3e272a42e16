#include "carryall/flight/message_reader_testing.h"
#include "carryall/flight/tcp_relay_testing.h"

namespace carryall::flight {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(MessageReaderTest, SchemaAndMessagesComeInOrderThenTheEnd) {
  const auto sink = ReadToEnd({a_->url()});
  EXPECT_TRUE(sink->outcome.ok()) << sink->outcome.ToString();
  EXPECT_EQ(sink->next(), 5);
  EXPECT_EQ(sink->schemas, 1);
  reader_.reset();
  EXPECT_EQ(pool_->idle(), 1u);
}

TEST_F(MessageReaderTest, HeadersAreSent) {
  ReadOptions options;
  options.headers = {{"x-carryall-accept", "rows=4"}};
  const auto sink = Read({a_->url()}, options);
  EXPECT_TRUE(sink->finished.WaitBriefly());
  EXPECT_THAT(a_->header("x-carryall-accept"), ElementsAre("rows=4"));
}

TEST_F(MessageReaderTest, GoesOnWhereTheFirstLocationIsDead) {
  const std::string dead = a_->url();
  a_->Stop();
  const auto sink = ReadToEnd({dead, b_->url()});
  EXPECT_TRUE(sink->outcome.ok()) << sink->outcome.ToString();
  EXPECT_EQ(sink->next(), 5);
}

TEST_F(MessageReaderTest, GoesOnAtTheNextLocationWhereAStreamBecomesUnavailable) {
  a_->on_get = [](const std::string& ticket) -> Result<StreamPtr> {
    return From(ticket, 2,
                [] { return Error(ErrorKind::kUnavailable, "metadata changed"); });
  };
  std::string asked;
  b_->on_get = [&](const std::string& ticket) -> Result<StreamPtr> {
    asked = ticket;
    return From(ticket, 5);
  };
  const auto sink = ReadToEnd({a_->url(), b_->url()});
  EXPECT_TRUE(sink->outcome.ok()) << sink->outcome.ToString();
  EXPECT_EQ(asked, "2");
  EXPECT_EQ(sink->next(), 5);
}

TEST_F(MessageReaderTest, GoesOnAtTheNextLocationWhereAMachineDies) {
  TcpRelay relay(a_->port());
  a_->on_get = [&](const std::string& ticket) -> Result<StreamPtr> {
    return From(ticket, 2, [&] {
      gate_.Wait();
      return Status::OK();
    });
  };
  const auto sink = Read({relay.url(), b_->url()});
  ASSERT_TRUE(sink->arrived.WaitBriefly());
  relay.Break();
  EXPECT_TRUE(sink->finished.WaitBriefly());
  EXPECT_TRUE(sink->outcome.ok()) << sink->outcome.ToString();
  EXPECT_EQ(sink->next(), 5);
}

TEST_F(MessageReaderTest, WithoutAnotherLocationABreakIsAnErrorNamingTheEndpoint) {
  TcpRelay relay(a_->port());
  a_->on_get = [&](const std::string& ticket) -> Result<StreamPtr> {
    return From(ticket, 2, [&] {
      gate_.Wait();
      return Status::OK();
    });
  };
  const auto sink = Read({relay.url()});
  ASSERT_TRUE(sink->arrived.WaitBriefly());
  relay.Break();
  EXPECT_TRUE(sink->finished.WaitBriefly());
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kUnavailable) << sink->outcome.ToString();
  EXPECT_THAT(sink->outcome.message(), HasSubstr(relay.url()));
}

TEST_F(MessageReaderTest, WhereAllLocationsFailTheErrorTellsOfEach) {
  const std::string dead = a_->url();
  a_->Stop();
  b_->on_get = [](const std::string&) -> Result<StreamPtr> {
    return Error(ErrorKind::kUnavailable, "not here");
  };
  const auto sink = ReadToEnd({dead, b_->url()});
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kUnavailable);
  EXPECT_THAT(sink->outcome.message(), HasSubstr(dead));
  EXPECT_THAT(sink->outcome.message(), HasSubstr(b_->url() + ": not here"));
}

TEST_F(MessageReaderTest, OtherErrorsAreFinal) {
  a_->on_get = [](const std::string& ticket) -> Result<StreamPtr> {
    return From(ticket, 2, [] { return Error(ErrorKind::kPermissionDenied, "no"); });
  };
  const auto sink = ReadToEnd({a_->url(), b_->url()});
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kPermissionDenied);
  EXPECT_EQ(sink->next(), 2);
}

TEST_F(MessageReaderTest, ASinkThatCannotResumeEndsWithTheError) {
  auto sink = std::make_shared<Numbers>(5);
  sink->resumable = false;
  a_->on_get = [](const std::string& ticket) -> Result<StreamPtr> {
    return From(ticket, 2, [] { return Error(ErrorKind::kUnavailable, "gone"); });
  };
  ReadToEnd({a_->url(), b_->url()}, sink);
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kUnavailable);
  EXPECT_EQ(sink->next(), 2);
}

TEST_F(MessageReaderTest, AnEarlyEndIsAskedOnceMoreFromThere) {
  std::vector<std::string> asked;
  a_->on_get = [&](const std::string& ticket) -> Result<StreamPtr> {
    asked.push_back(ticket);
    return From(ticket, asked.size() == 1 ? 3 : 5);
  };
  const auto sink = ReadToEnd({a_->url()});
  EXPECT_TRUE(sink->outcome.ok());
  EXPECT_THAT(asked, ElementsAre("0", "3"));
  EXPECT_EQ(sink->next(), 5);
}

TEST_F(MessageReaderTest, AnEarlyEndThatStandsIsBelieved) {
  std::vector<std::string> asked;
  a_->on_get = [&](const std::string& ticket) -> Result<StreamPtr> {
    asked.push_back(ticket);
    return From(ticket, 3);
  };
  const auto sink = ReadToEnd({a_->url()});
  EXPECT_TRUE(sink->outcome.ok());
  EXPECT_THAT(asked, ElementsAre("0", "3"));
  EXPECT_EQ(sink->next(), 3);
}

TEST_F(MessageReaderTest, SilenceIsATimeoutThatSaysWhatWasWaitedFor) {
  a_->on_get = [&](const std::string& ticket) -> Result<StreamPtr> {
    return From(ticket, 2, [&] {
      gate_.Wait();
      return Status::OK();
    });
  };
  ReadOptions options;
  options.silence_timeout = Duration::FromMs(100);
  const auto sink = Read({a_->url()}, options);
  ASSERT_TRUE(sink->arrived.WaitBriefly());
  const Status status = ExpireAtDeadline();
  EXPECT_EQ(KindOf(status), ErrorKind::kTimeout);
  EXPECT_THAT(status.message(), HasSubstr(a_->url()));
  EXPECT_THAT(status.message(), HasSubstr("no further data"));
  EXPECT_THAT(status.message(), HasSubstr("X1:A +3 more"));
  EXPECT_TRUE(sink->finished.WaitBriefly());
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kCancelled);
}

TEST_F(MessageReaderTest, NoFirstMessageIsATimeoutToo) {
  a_->on_get = [&](const std::string&) -> Result<StreamPtr> {
    gate_.Wait();
    return Error(ErrorKind::kCancelled, "late");
  };
  ReadOptions options;
  options.answer_timeout = Duration::FromMs(100);
  Read({a_->url()}, options);
  const Status status = ExpireAtDeadline();
  EXPECT_EQ(KindOf(status), ErrorKind::kTimeout);
  EXPECT_THAT(status.message(), HasSubstr("no answer"));
}

TEST_F(MessageReaderTest, SilenceBeforeItsTimeCountsForNothing) {
  a_->on_get = [&](const std::string& ticket) -> Result<StreamPtr> {
    return From(ticket, 2, [&] {
      gate_.Wait();
      return Status::OK();
    });
  };
  ReadOptions options;
  options.silence_timeout = Duration::FromSeconds(1);
  options.silent_until = SteadyNow() + std::chrono::hours(1);
  const auto sink = Read({a_->url()}, options);
  ASSERT_TRUE(sink->arrived.WaitBriefly());
  EXPECT_TRUE(reader_->Expired(SteadyNow() + std::chrono::minutes(59)).ok());
}

TEST_F(MessageReaderTest, AReaderThatIsHeldUpByItsSinkIsNotSilent) {
  auto sink = std::make_shared<Numbers>(5);
  Gate hold;
  sink->hold = &hold;
  ReadOptions options;
  options.silence_timeout = Duration::FromMs(1);
  Read({a_->url()}, options, sink);
  ASSERT_TRUE(sink->entered.WaitBriefly());
  EXPECT_EQ(reader_->deadline(), SteadyTime::max());
  EXPECT_TRUE(reader_->Expired(SteadyNow() + std::chrono::hours(1)).ok());
  hold.Open();
  EXPECT_TRUE(sink->finished.WaitBriefly());
}

TEST_F(MessageReaderTest, AnErrorOfTheSinkEndsTheRead) {
  auto sink = std::make_shared<Numbers>(5);
  sink->refuse = Error(ErrorKind::kCorrupt, "nonsense at byte 7");
  ReadToEnd({a_->url(), b_->url()}, sink);
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kCorrupt);
  EXPECT_EQ(sink->outcome.message(), a_->url() + ": nonsense at byte 7");
}

TEST_F(MessageReaderTest, AStreamThatDoesNotBeginWithASchemaIsCorrupt) {
  class Headless final : public arrow::flight::FlightDataStream {
   public:
    std::shared_ptr<arrow::Schema> schema() override { return OneColumn(); }
    Result<Payload> GetSchemaPayload() override { return PayloadOf(*Row(0)); }
    Result<Payload> Next() override { return Payload{}; }
  };
  a_->on_get = [](const std::string&) -> Result<StreamPtr> {
    return std::make_unique<Headless>();
  };
  const auto sink = ReadToEnd({a_->url()});
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kCorrupt) << sink->outcome.ToString();
}

TEST_F(MessageReaderTest, CancelEndsAReadThatWaits) {
  a_->on_get = [&](const std::string& ticket) -> Result<StreamPtr> {
    return From(ticket, 2, [&] {
      gate_.Wait();
      return Status::OK();
    });
  };
  const auto sink = Read({a_->url()});
  ASSERT_TRUE(sink->arrived.WaitBriefly());
  reader_->Cancel();
  EXPECT_TRUE(sink->finished.WaitBriefly());
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kCancelled);
}

TEST_F(MessageReaderTest, DestructionDoesNotWaitForAConnection) {
  TcpRelay mute(0);
  ConnectionOptions options;
  options.connect_timeout = Duration::FromSeconds(3);
  pool_ = std::make_shared<ConnectionPool>(options);
  const auto sink = Read({mute.url()});
  reader_.reset();
  // The thread that was left ends by the connect timeout and says so.
  EXPECT_TRUE(sink->finished.WaitBriefly());
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kCancelled);
}

TEST_F(MessageReaderTest, NoLocationAtAllIsUnavailable) {
  const auto sink = ReadToEnd({});
  EXPECT_EQ(KindOf(sink->outcome), ErrorKind::kUnavailable);
  EXPECT_THAT(sink->outcome.message(), HasSubstr("X1:A +3 more"));
}

}  // namespace
}  // namespace carryall::flight
