#include "carryall/proxy/flight_proxy.h"

#include <arrow/array.h>
#include <arrow/flight/client.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "carryall/flight/connection.h"
#include "carryall/flight/flight_testing.h"
#include "carryall/flight/read_data.h"

namespace carryall::proxy {
namespace {

namespace af = arrow::flight;
using flight::FakeServer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Duration kLong = Duration::FromSeconds(20);

std::shared_ptr<arrow::Schema> NumbersSchema() {
  return arrow::schema({arrow::field("n", arrow::int64())});
}

std::shared_ptr<arrow::RecordBatch> Numbers(int64_t first, int64_t count) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < count; ++i) EXPECT_TRUE(builder.Append(first + i).ok());
  return arrow::RecordBatch::Make(NumbersSchema(), count, {*builder.Finish()});
}

class FlightProxyTest : public testing::Test {
 protected:
  std::unique_ptr<FlightProxy> StartProxy(LocationMap map = {}) {
    auto proxy = FlightProxy::Start(*FlightProxy::Place::Reserve("localhost:0"),
                                    server_->url(), std::move(map));
    EXPECT_TRUE(proxy.ok()) << proxy.status().ToString();
    return *std::move(proxy);
  }
  std::unique_ptr<af::FlightClient> Client(const FlightProxy& proxy) {
    return *af::FlightClient::Connect(*af::Location::Parse(proxy.url()));
  }
  std::shared_ptr<flight::Connection> Connect(const FlightProxy& proxy,
                                              flight::ConnectionOptions options = {}) {
    return *flight::Connection::Make(proxy.url(), options);
  }

  flight::Gate gate_;  // outlives the server, whose threads may still be leaving it
  std::unique_ptr<FakeServer> server_ = FakeServer::Start();
};

TEST_F(FlightProxyTest, PlansComeWithMappedLocations) {
  server_->on_info = [](const std::string& command) {
    return std::vector<FakeServer::Endpoint>{
        {command, {"grpc://far:1", "arrow-flight-reuse-connection://?"}},
        {"second", {"grpc://elsewhere:2"}}};
  };
  server_->plan_metadata = "described";
  const auto proxy = StartProxy({{"far:1", "localhost:9"}});
  const auto info = *Connect(*proxy)->GetFlightInfo("the command", {}, kLong, {});
  EXPECT_EQ(info->app_metadata(), "described");
  ASSERT_EQ(info->endpoints().size(), 2u);
  EXPECT_EQ(info->endpoints()[0].ticket.ticket, "the command");
  EXPECT_EQ(info->endpoints()[0].locations[0].ToString(), "grpc://localhost:9");
  EXPECT_EQ(info->endpoints()[0].locations[1].ToString(),
            "arrow-flight-reuse-connection://?");
  EXPECT_EQ(info->endpoints()[1].locations[0].ToString(), "grpc://elsewhere:2");
  proxy->SetLocations({});
  EXPECT_EQ((*Connect(*proxy)->GetFlightInfo("c", {}, kLong, {}))
                ->endpoints()[0]
                .locations[0]
                .ToString(),
            "grpc://far:1");
}

TEST_F(FlightProxyTest, OnlyWhatIsMeantForTheServerIsRelayed) {
  server_->on_action = [](const std::string& type) { return "did " + type; };
  const auto proxy = StartProxy();
  const flight::Headers headers = {
      {"x-request-id", "r1"}, {"x-carryall-accept", "rows=2"}, {"x-other", "o"}};
  flight::ConnectionOptions options;
  options.token = "tok";
  EXPECT_EQ(*flight::Connection::DoAction(Connect(*proxy, options), "server-info",
                                          headers, kLong, {}),
            "did server-info");
  EXPECT_THAT(server_->header("authorization"), ElementsAre("Bearer tok"));
  EXPECT_THAT(server_->header("x-request-id"), ElementsAre("r1"));
  EXPECT_THAT(server_->header("x-carryall-accept"), ElementsAre("rows=2"));
  EXPECT_THAT(server_->header("x-other"), IsEmpty());
  ASSERT_TRUE(flight::Connection::DoAction(Connect(*proxy), "a", {}, kLong, {}).ok());
  EXPECT_THAT(server_->header("authorization"), IsEmpty());
}

TEST_F(FlightProxyTest, DataComesAsItWasSent) {
  const auto a = Numbers(1, 3), b = Numbers(4, 100'000), none = Numbers(0, 0);
  server_->on_get = [&](const std::string&) -> Result<flight::StreamPtr> {
    return flight::StreamOf(NumbersSchema(), {a, none, b});
  };
  const auto proxy = StartProxy();
  const auto client = Client(*proxy);
  const auto reader = *client->DoGet(af::Ticket("t"));
  EXPECT_TRUE((*reader->GetSchema())->Equals(*NumbersSchema(), true));
  const auto batches = *reader->ToRecordBatches();
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_TRUE(batches[0]->Equals(*a));
  EXPECT_TRUE(batches[1]->Equals(*none));
  EXPECT_TRUE(batches[2]->Equals(*b));
}

TEST_F(FlightProxyTest, MessagesWithoutArrowDataPass) {
  auto sent = std::make_shared<int>(0);
  server_->on_get = [&](const std::string&) -> Result<flight::StreamPtr> {
    return std::make_unique<flight::ScriptedStream>(
        NumbersSchema(), [sent]() -> Result<flight::Payload> {
          flight::Payload payload;
          if (++*sent == 1) {
            payload.app_metadata = arrow::Buffer::FromString("heartbeat");
            payload.ipc_message.metadata = std::make_shared<arrow::Buffer>("");
          }
          return payload;
        });
  };
  const auto proxy = StartProxy();
  const auto connection = Connect(*proxy);
  const auto stream = *connection->DoGet("t", {});
  af::internal::FlightData data;
  ASSERT_TRUE(*flight::ReadData(*stream, &data));  // the schema
  ASSERT_TRUE(*flight::ReadData(*stream, &data));
  ASSERT_NE(data.app_metadata, nullptr);
  EXPECT_EQ(data.app_metadata->ToString(), "heartbeat");
  EXPECT_FALSE(*flight::ReadData(*stream, &data));
  EXPECT_TRUE(stream->Finish(Status::OK()).ok());
}

TEST_F(FlightProxyTest, ErrorsKeepTheirKindAndWords) {
  const auto proxy = StartProxy();
  const auto connection = Connect(*proxy);
  for (const ErrorKind kind :
       {ErrorKind::kInvalidArgument, ErrorKind::kInvalidRequest, ErrorKind::kNoEndpoint,
        ErrorKind::kInvalidReplay, ErrorKind::kUnavailable, ErrorKind::kUnauthenticated,
        ErrorKind::kPermissionDenied, ErrorKind::kResourceExhausted}) {
    const Status fail = MakeError(kind, "because {X1:A} [request: 7]");
    server_->on_info = [&](const std::string&) { return fail; };
    server_->on_action = [&](const std::string&) { return fail; };
    server_->on_get = [&](const std::string& ticket) -> Result<flight::StreamPtr> {
      if (ticket == "at once") return fail;
      return flight::StreamOf(NumbersSchema(), {Numbers(0, 1)}, [&] { return fail; });
    };
    const std::string text = proxy->url() + ": because {X1:A} [request: 7]";
    const Status info = connection->GetFlightInfo("c", {}, kLong, {}).status();
    EXPECT_EQ(KindOf(info), kind) << info.ToString();
    EXPECT_EQ(info.message(), text);
    const Status action =
        flight::Connection::DoAction(connection, "a", {}, kLong, {}).status();
    EXPECT_EQ(KindOf(action), kind) << action.ToString();
    EXPECT_EQ(action.message(), text);
    for (const auto& [ticket, messages] : {std::pair{"at once", 0}, {"later", 2}}) {
      const auto stream = *connection->DoGet(ticket, {});
      int count = 0;
      for (af::internal::FlightData data; *flight::ReadData(*stream, &data);) ++count;
      EXPECT_EQ(count, messages);
      const Status got =
          flight::FromFlightStatus(stream->Finish(Status::OK()), proxy->url());
      EXPECT_EQ(KindOf(got), kind) << got.ToString();
      EXPECT_EQ(got.message(), text);
    }
  }
}

TEST_F(FlightProxyTest, WhatTheServerDoesNotHaveStaysUnimplemented) {
  const auto proxy = StartProxy();
  const Status status = Client(*proxy)->ListActions().status();
  EXPECT_TRUE(status.IsNotImplemented()) << status.ToString();
}

TEST_F(FlightProxyTest, UploadsAreRefused) {
  const auto proxy = StartProxy();
  const auto client = Client(*proxy);
  // The refusal may come before the first message has gone out, or after.
  auto put = client->DoPut(af::FlightDescriptor::Path({"p"}), NumbersSchema());
  const Status refused = put.ok() ? put->writer->Close() : put.status();
  EXPECT_THAT(refused.message(), HasSubstr(kPublishUnsupported));
  auto exchange = client->DoExchange(af::FlightDescriptor::Path({"p"}));
  const Status status =
      exchange.ok() ? exchange->reader->Next().status() : exchange.status();
  EXPECT_THAT(status.message(), HasSubstr(kPublishUnsupported));
  if (exchange.ok()) (void)exchange->writer->Close();
}

TEST_F(FlightProxyTest, AServerThatIsDownIsUnavailable) {
  const auto proxy = StartProxy();
  server_->Stop();
  const auto connection = Connect(*proxy);
  EXPECT_EQ(KindOf(connection->GetFlightInfo("c", {}, kLong, {}).status()),
            ErrorKind::kUnavailable);
  const auto stream = *connection->DoGet("t", {});
  af::internal::FlightData data;
  EXPECT_FALSE(*flight::ReadData(*stream, &data));
  EXPECT_EQ(KindOf(flight::FromFlightStatus(stream->Finish(Status::OK()), "e")),
            ErrorKind::kUnavailable);
}

// A stream of the server that waits after its first batch, and says when it was left.
class WaitingStreamTest : public FlightProxyTest {
 protected:
  void SetUp() override {
    server_->on_get = [this](const std::string&) -> Result<flight::StreamPtr> {
      return flight::StreamOf(NumbersSchema(), {Numbers(0, 1)}, [this] {
        gate_.Wait();
        return Status::OK();
      });
    };
  }
  void TearDown() override { gate_.Open(); }
};

TEST_F(WaitingStreamTest, AClientThatGoesEndsTheReadOfTheServer) {
  auto proxy = StartProxy();
  const auto connection = Connect(*proxy);
  const auto stream = *connection->DoGet("t", {});
  af::internal::FlightData data;
  ASSERT_TRUE(*flight::ReadData(*stream, &data));
  ASSERT_TRUE(*flight::ReadData(*stream, &data));
  stream->TryCancel();
  EXPECT_FALSE(stream->Finish(Status::OK()).ok());
  // With all the patience there is: the call does end, while the server still waits.
  proxy->Stop(kLong);
  EXPECT_FALSE(gate_.IsOpen());
}

TEST_F(WaitingStreamTest, StoppingEndsStreamsWithAReason) {
  auto proxy = StartProxy();
  const auto connection = Connect(*proxy);
  const auto stream = *connection->DoGet("t", {});
  af::internal::FlightData data;
  ASSERT_TRUE(*flight::ReadData(*stream, &data));
  ASSERT_TRUE(*flight::ReadData(*stream, &data));
  std::thread stopping([&] { proxy->Stop(kLong); });
  EXPECT_FALSE(*flight::ReadData(*stream, &data));
  const Status status = flight::FromFlightStatus(stream->Finish(Status::OK()), "e");
  EXPECT_EQ(status.message(), "e: the proxy is shutting down");
  stopping.join();
}

TEST_F(WaitingStreamTest, StoppingEndsQuestionsThatNobodyAnswers) {
  server_->on_action = [this](const std::string&) {
    gate_.Wait();
    return std::string();
  };
  auto proxy = StartProxy();
  std::thread asking([connection = Connect(*proxy)] {
    EXPECT_EQ(
        KindOf(flight::Connection::DoAction(connection, "a", {}, kLong, {}).status()),
        ErrorKind::kCancelled);
  });
  // The question has arrived at the server when its headers have.
  while (server_->header("user-agent").empty()) std::this_thread::yield();
  proxy->Stop(kLong);
  asking.join();
  EXPECT_FALSE(gate_.IsOpen());
}

TEST_F(FlightProxyTest, ItsPlaceIsTaken) {
  const auto proxy = StartProxy();
  EXPECT_THAT(proxy->url(), testing::MatchesRegex("grpc://localhost:[1-9][0-9]*"));
  const Status status = FlightProxy::Place::Reserve(proxy->url()).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kIo) << status.ToString();
  EXPECT_THAT(status.message(), HasSubstr(std::to_string(proxy->port())));
  EXPECT_EQ(KindOf(FlightProxy::Place::Reserve("x:y").status()),
            ErrorKind::kInvalidArgument);
}

}  // namespace
}  // namespace carryall::proxy
