#include "carryall/proxy/ssh_proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "carryall/flight/connection.h"
#include "carryall/flight/flight_testing.h"

namespace carryall::proxy {
namespace {

using flight::FakeServer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

/// A host that knows other names, and notes what it is asked.
class FakeHost final : public RemoteHost {
 public:
  LocationMap names;
  Finished answer;
  Status connect;
  std::vector<std::string> asked;

  Status Connect(const flight::Interrupt&) override {
    asked.emplace_back("connect");
    return connect;
  }
  Result<Finished> Run(const std::vector<std::string>& command,
                       const flight::Interrupt&) override {
    asked.push_back(fmt::to_string(fmt::join(command, " ")));
    return answer;
  }
  Result<std::string> Forward(const std::string& remote,
                              const flight::Interrupt&) override {
    asked.push_back(remote);
    const auto found = names.find(remote);
    if (found != names.end()) return found->second;
    return Error(ErrorKind::kUnavailable, "cannot forward to {}", remote);
  }
};

class SshProxyTest : public testing::Test {
 protected:
  void SetUp() override {
    server_->on_action = [this](const std::string&) { return scope_map_; };
    server_->on_info = [](const std::string& command) {
      return std::vector<FakeServer::Endpoint>{{command, {"grpc://second:2"}}};
    };
    host_->names = {{"first:31206", server_->url().substr(7)},
                    {"second:2", "localhost:22"},
                    {"third:31206", "localhost:33"}};
  }
  Result<std::unique_ptr<SshProxy>> Open(std::string server,
                                         std::string bind = "localhost:0") {
    SshProxyOptions options;
    options.server = std::move(server);
    options.bind = std::move(bind);
    return SshProxy::Open(host_, std::move(options), {});
  }

  std::string scope_map_ = R"({"endpoints": {"grpc://second:2": {}, "grpc://third": {},
      "arrow-flight-reuse-connection://?": {}, "kafka://b:9092": {}}})";
  std::unique_ptr<FakeServer> server_ = FakeServer::Start();
  std::shared_ptr<FakeHost> host_ = std::make_shared<FakeHost>();
};

TEST_F(SshProxyTest, EveryServerOfThePlatformIsForwarded) {
  const auto proxy = Open("first");
  ASSERT_TRUE(proxy.ok()) << proxy.status().ToString();
  EXPECT_THAT(host_->asked,
              ElementsAre("connect", "first:31206", "second:2", "third:31206"));
  EXPECT_THAT(
      (*proxy)->forwards(),
      ElementsAre(Pair("first:31206", server_->url().substr(7)),
                  Pair("second:2", "localhost:22"), Pair("third", "localhost:33")));
  const auto client = flight::Connection::Make((*proxy)->url(), {});
  const auto info = (*client)->GetFlightInfo("c", {}, Duration::FromSeconds(20), {});
  ASSERT_TRUE(info.ok()) << info.status().ToString();
  EXPECT_EQ((*info)->endpoints()[0].locations[0].ToString(), "grpc://localhost:22");
}

TEST_F(SshProxyTest, TheHostSaysWhereItsServerIs) {
  host_->answer = {0, "Welcome to the login node\ngrpc://first:31206\n", ""};
  const auto proxy = Open("");
  ASSERT_TRUE(proxy.ok()) << proxy.status().ToString();
  EXPECT_EQ(host_->asked[1], "printenv ARRAKIS_SERVER");
  EXPECT_EQ(host_->asked[2], "first:31206");
}

TEST_F(SshProxyTest, AHostThatDoesNotSayIsAnArgumentThatIsMissing) {
  for (const Finished& answer :
       {Finished{0, "\n", ""}, Finished{1, "Welcome\n", ""}, Finished{0, "", ""}}) {
    host_->answer = answer;
    const Status status = Open("").status();
    EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument) << status.ToString();
    EXPECT_THAT(status.message(), HasSubstr("ARRAKIS_SERVER"));
  }
}

TEST_F(SshProxyTest, APlaceInUseIsFoundBeforeAnythingElse) {
  const Status status = Open("first", server_->url()).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kIo) << status.ToString();
  EXPECT_THAT(status.message(), HasSubstr(server_->url()));
  EXPECT_TRUE(host_->asked.empty());
}

TEST_F(SshProxyTest, WhatDoesNotAnswerIsNamed) {
  host_->connect = Error(ErrorKind::kUnavailable, "no way");
  EXPECT_EQ(Open("first").status().message(), "no way");
  host_->connect = Status::OK();
  EXPECT_THAT(Open("nowhere:7").status().message(), HasSubstr("nowhere:7"));
  server_->Stop();
  const Status down = Open("first").status();
  EXPECT_EQ(KindOf(down), ErrorKind::kUnavailable) << down.ToString();
  EXPECT_THAT(down.message(), HasSubstr("first:31206"));
}

}  // namespace
}  // namespace carryall::proxy
