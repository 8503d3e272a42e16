#include "carryall/wire/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace carryall::wire {
namespace {

using ::testing::HasSubstr;

std::string Completed(std::string_view url) {
  const Result<ServerUrl> parsed = ParseServerUrl(url);
  return parsed.ok() ? parsed->ToString() : parsed.status().message();
}

TEST(ServerUrlTest, WhatIsMissingIsCompleted) {
  EXPECT_EQ(Completed("host"), "grpc://host:31206");
  EXPECT_EQ(Completed("host:99"), "grpc://host:99");
  EXPECT_EQ(Completed(":1"), "grpc://localhost:1");
  EXPECT_EQ(Completed(""), "grpc://localhost:31206");
  EXPECT_EQ(Completed("host:"), "grpc://host:31206");
  EXPECT_EQ(Completed("grpc://"), "grpc://localhost:31206");
  EXPECT_EQ(Completed("grpc://host/"), "grpc://host:31206");
  EXPECT_EQ(Completed("grpc+tcp://10.0.0.1:5"), "grpc://10.0.0.1:5");
  EXPECT_EQ(Completed("grpc+tls://h"), "grpc+tls://h:31206");
}

TEST(ServerUrlTest, Ipv6AddressesAreCompletedToo) {
  EXPECT_EQ(Completed("[::1]"), "grpc://[::1]:31206");
  EXPECT_EQ(Completed("grpc://[fe80::1%eth0]:7"), "grpc://[fe80::1%eth0]:7");
  EXPECT_EQ(ParseServerUrl("[::1]:8")->host, "::1");
  EXPECT_THAT(Completed("::1"), HasSubstr("brackets"));
  EXPECT_THAT(Completed("2001:db8::7"), HasSubstr("brackets"));
}

TEST(ServerUrlTest, WhatIsNoServerIsRefusedByName) {
  for (std::string_view bad :
       {"http://host", "kafka://host:9092", "grpc:/host:1", "host:port", "host:65536",
        "host:0", "host:-1", "host:1x", "host:1/path", "user@host", "[::1", "[host]:1",
        "a b", "grpc://host?x=1", "[::1]x", "grpc://[]:1"}) {
    const Result<ServerUrl> parsed = ParseServerUrl(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(KindOf(parsed.status()), ErrorKind::kInvalidArgument) << bad;
    EXPECT_THAT(parsed.status().message(), HasSubstr(std::string(bad)));
  }
  EXPECT_EQ(KindOf(ParseServerUrl("ssh://host").status()), ErrorKind::kUnsupported);
  EXPECT_EQ(KindOf(ParseServerUrl(std::string(5000, 'a')).status()),
            ErrorKind::kInvalidArgument);
}

TEST(ServerUrlTest, BindingTakesAnyPort) {
  for (std::string_view any : {"0", "-", "grpc://127.0.0.1:0"}) {
    const Result<ServerUrl> parsed = ParseBindUrl(any);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->ToString(), "grpc://127.0.0.1:0");
  }
  EXPECT_EQ(ParseBindUrl("0.0.0.0:31206")->ToString(), "grpc://0.0.0.0:31206");
  EXPECT_EQ(KindOf(ParseBindUrl("grpc+tls://h").status()), ErrorKind::kUnsupported);
}

TEST(ServerUrlTest, TheEnvironmentIsAskedForTheDefault) {
  ASSERT_EQ(setenv("ARRAKIS_SERVER", "from-environment:7", 1), 0);
  EXPECT_EQ(ResolveServerUrl("")->ToString(), "grpc://from-environment:7");
  EXPECT_EQ(ResolveServerUrl("given")->ToString(), "grpc://given:31206");
  ASSERT_EQ(setenv("ARRAKIS_SERVER", "http://x", 1), 0);
  EXPECT_THAT(ResolveServerUrl("").status().message(), HasSubstr("ARRAKIS_SERVER"));
  ASSERT_EQ(unsetenv("ARRAKIS_SERVER"), 0);
  EXPECT_EQ(ResolveServerUrl("")->ToString(), "grpc://localhost:31206");
}

TEST(LocationTest, SpecialLocationsAreKnown) {
  EXPECT_TRUE(IsReuseLocation(kReuseLocation));
  EXPECT_TRUE(IsReuseLocation("arrow-flight-reuse-connection://"));
  EXPECT_FALSE(IsReuseLocation("grpc://host:1"));
  EXPECT_TRUE(IsKafkaLocation("kafka://k1:9092,k2:9092"));
  EXPECT_FALSE(IsKafkaLocation("grpc://kafka:1"));
  const std::vector<std::string> both{"kafka://k1:9092", "kafka://[::1]:2"};
  EXPECT_EQ(*KafkaLocations("kafka://k1:9092,[::1]:2"), both);
  EXPECT_EQ(*KafkaLocations(" k1:9092/, kafka://[::1]:2 "), both);
  for (const char* wrong : {"", "k1:1,", "http://k1:1", "a@k1:1", "k 1", "k1:1/topic"}) {
    const Status status = KafkaLocations(wrong).status();
    EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument) << wrong;
    EXPECT_NE(status.message().find(wrong), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace carryall::wire
