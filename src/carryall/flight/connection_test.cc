#include "carryall/flight/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "carryall/flight/flight_testing.h"
#include "carryall/flight/tcp_relay_testing.h"

namespace carryall::flight {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Duration kLong = Duration::FromSeconds(20);
constexpr Duration kShort = Duration::FromMs(150);

class ConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    server_->on_info = [](const std::string& command) {
      return std::vector<FakeServer::Endpoint>{{command, {server_url_}}};
    };
    server_->on_action = [](const std::string& type) { return "did " + type; };
  }
  std::unique_ptr<Connection> Connect(const std::string& url,
                                      ConnectionOptions options = {}) {
    auto made = Connection::Make(url, options);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return std::move(made).ValueOrDie();
  }
  std::unique_ptr<Connection> Connect() { return Connect(server_->url()); }

  inline static const std::string server_url_ = "grpc://127.0.0.1:9";
  Gate gate_;  // outlives the server, whose threads may still be leaving it
  std::unique_ptr<FakeServer> server_ = FakeServer::Start();
};

TEST_F(ConnectionTest, PlansComeBackWithTheirEndpoints) {
  const auto info = *Connect()->GetFlightInfo("the command", {}, kLong, {});
  ASSERT_EQ(info->endpoints().size(), 1u);
  EXPECT_EQ(info->endpoints()[0].ticket.ticket, "the command");
  EXPECT_EQ(info->endpoints()[0].locations[0].ToString(), server_url_);
}

TEST_F(ConnectionTest, HeadersAndTokenAreSent) {
  ConnectionOptions options;
  options.token = "tok en";
  auto connection = Connect(server_->url(), options);
  ASSERT_TRUE(connection->GetFlightInfo("c", {{"x-request-id", "r1"}}, kLong, {}).ok());
  EXPECT_THAT(server_->header("x-request-id"), ElementsAre("r1"));
  EXPECT_THAT(server_->header("authorization"), ElementsAre("Bearer tok en"));
}

TEST_F(ConnectionTest, ErrorsKeepTheirKindAndNameTheServer) {
  const std::shared_ptr<Connection> connection = Connect();
  for (const ErrorKind kind :
       {ErrorKind::kInvalidArgument, ErrorKind::kInvalidRequest, ErrorKind::kNoEndpoint,
        ErrorKind::kInvalidReplay, ErrorKind::kUnavailable, ErrorKind::kUnauthenticated,
        ErrorKind::kPermissionDenied, ErrorKind::kNotFound, ErrorKind::kInternal}) {
    const Status fail = MakeError(kind, "because {X1:A} [request: 7]");
    server_->on_info = [&](const std::string&) { return fail; };
    server_->on_action = [&](const std::string&) { return fail; };
    const Status info = connection->GetFlightInfo("c", {}, kLong, {}).status();
    EXPECT_EQ(KindOf(info), kind) << info.ToString();
    EXPECT_EQ(info.message(), server_->url() + ": because {X1:A} [request: 7]");
    const Status action = Connection::DoAction(connection, "a", {}, kLong, {}).status();
    EXPECT_EQ(KindOf(action), kind) << action.ToString();
    EXPECT_EQ(action.message(), server_->url() + ": because {X1:A} [request: 7]");
  }
}

TEST_F(ConnectionTest, ActionsGiveTheirFirstResult) {
  EXPECT_EQ(*Connection::DoAction(Connect(), "server-info", {}, kLong, {}),
            "did server-info");
}

TEST_F(ConnectionTest, ServerThatIsDownIsUnavailableByName) {
  const std::string url = server_->url();
  server_->Stop();
  const std::shared_ptr<Connection> connection = Connect(url);
  const Status info = connection->GetFlightInfo("c", {}, kLong, {}).status();
  EXPECT_EQ(KindOf(info), ErrorKind::kUnavailable) << info.ToString();
  EXPECT_THAT(info.message(), HasSubstr(url));
  EXPECT_EQ(KindOf(Connection::DoAction(connection, "a", {}, kLong, {}).status()),
            ErrorKind::kUnavailable);
}

TEST_F(ConnectionTest,
       ServerThatAcceptsAndSaysNothingIsUnavailableAfterTheConnectTimeout) {
  TcpRelay mute(0);
  ConnectionOptions options;
  options.connect_timeout = kShort;
  const Status status =
      Connect(mute.url(), options)->GetFlightInfo("c", {}, kLong, {}).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable) << status.ToString();
  EXPECT_THAT(status.message(), HasSubstr(mute.url()));
}

TEST_F(ConnectionTest, NoAnswerInTimeIsATimeoutNamingTheServer) {
  server_->on_info =
      [&](const std::string&) -> Result<std::vector<FakeServer::Endpoint>> {
    gate_.Wait();
    return std::vector<FakeServer::Endpoint>{};
  };
  server_->on_action = [&](const std::string&) {
    gate_.Wait();
    return std::string();
  };
  const std::shared_ptr<Connection> connection = Connect();
  const Status info = connection->GetFlightInfo("c", {}, kShort, {}).status();
  EXPECT_EQ(KindOf(info), ErrorKind::kTimeout) << info.ToString();
  EXPECT_THAT(info.message(), HasSubstr(server_->url()));
  const Status action =
      Connection::DoAction(connection, "scope-map", {}, kShort, {}).status();
  EXPECT_EQ(KindOf(action), ErrorKind::kTimeout) << action.ToString();
  EXPECT_THAT(action.message(), HasSubstr("scope-map"));
  gate_.Open();
}

TEST_F(ConnectionTest, WaitsEndWhenTheCallerSaysSo) {
  server_->on_info =
      [&](const std::string&) -> Result<std::vector<FakeServer::Endpoint>> {
    gate_.Wait();
    return std::vector<FakeServer::Endpoint>{};
  };
  auto connection = Connect();
  int polls = 0;
  Interrupt interrupt;
  interrupt.poll = [&] {
    return ++polls < 3 ? Status::OK() : Error(ErrorKind::kCancelled, "a signal");
  };
  const Status polled = connection->GetFlightInfo("c", {}, kLong, interrupt).status();
  EXPECT_EQ(polled.message(), "a signal");
  EXPECT_EQ(polls, 3);

  std::stop_source stop;
  interrupt.stop = stop.get_token();
  interrupt.poll = [&] {
    stop.request_stop();
    return Status::OK();
  };
  EXPECT_EQ(KindOf(connection->GetFlightInfo("c", {}, kLong, interrupt).status()),
            ErrorKind::kCancelled);
  gate_.Open();
}

TEST_F(ConnectionTest, WhatIsNoFlightUrlIsRefused) {
  for (const char* url : {"http://x:1", "kafka://x:1", "nonsense", "grpc://x:y", ""}) {
    const Status status = Connection::Make(url, {}).status();
    EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument) << url;
  }
}

TEST_F(ConnectionTest, PoolGivesIdleConnectionsOutAgainButNotDroppedOnes) {
  const auto pool = std::make_shared<ConnectionPool>(ConnectionOptions{});
  const Connection* first = nullptr;
  {
    auto a = *pool->Acquire(server_->url());
    auto b = *pool->Acquire(server_->url());
    EXPECT_NE(a.connection(), b.connection());
    first = a.connection().get();
    b.Drop();
  }
  EXPECT_EQ(pool->idle(), 1u);
  auto again = *pool->Acquire(server_->url());
  EXPECT_EQ(again.connection().get(), first);
  auto other = *pool->Acquire("grpc://127.0.0.1:9");
  EXPECT_NE(other.connection().get(), first);
}

}  // namespace
}  // namespace carryall::flight
