#include "carryall/kafka/handle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "carryall/kafka/admin.h"
#include "carryall/kafka/mock_cluster_testing.h"

namespace carryall::kafka {
namespace {

using ::testing::HasSubstr;

TEST(PlainBrokersTest, SchemesAndBlanksGo) {
  EXPECT_EQ(*PlainBrokers("h:9092"), "h:9092");
  EXPECT_EQ(*PlainBrokers("kafka://h:9092, kafka://i:9092/,[::1]:9"),
            "h:9092,i:9092,[::1]:9");
}

TEST(PlainBrokersTest, WhatIsNoBrokerIsNamed) {
  for (const char* text : {"", "h:9092,", "grpc://h:9092", "h:9092/topic", "a b:1"}) {
    const Status status = PlainBrokers(text).status();
    EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument) << text;
    EXPECT_THAT(status.message(), HasSubstr(std::string("'") + text + "'"));
  }
}

TEST(ConfigTest, WhatLibrdkafkaRefusesIsNamed) {
  Config config;
  EXPECT_TRUE(config.Set("linger.ms", "5").ok());
  const Status unknown = config.Set("no.such.thing", "1");
  EXPECT_EQ(KindOf(unknown), ErrorKind::kInvalidArgument);
  EXPECT_THAT(unknown.message(), HasSubstr("no.such.thing"));
  EXPECT_EQ(KindOf(config.Set("linger.ms", "soon")), ErrorKind::kInvalidArgument);
  EXPECT_TRUE(config.SetIfKnown("no.such.thing", "1").ok());
  EXPECT_FALSE(config.SetIfKnown("linger.ms", "soon").ok());
}

TEST(ConfigTest, AServerCannotMakeUsRunPrograms) {
  for (const char* name : {"plugin.library.paths", "sasl.kerberos.kinit.cmd",
                           "ssl.engine.location", "ssl.providers"}) {
    const auto made = Handle::Make(RD_KAFKA_PRODUCER, Config(),
                                   {"127.0.0.1:9", "test", {{name, "/bin/true"}}, {}});
    EXPECT_EQ(KindOf(made.status()), ErrorKind::kPermissionDenied) << name;
    EXPECT_THAT(made.status().message(), HasSubstr(name));
  }
}

TEST(HandleTest, TheServersBrokersWin) {
  const auto handle =
      *Handle::Make(RD_KAFKA_PRODUCER, Config(),
                    {"127.0.0.1:9", "test", {{"bootstrap.servers", "127.0.0.2:9"}}, {}});
  EXPECT_EQ(handle->brokers(), "127.0.0.2:9");
}

TEST(ErrorsTest, KindsThatACallerActsOn) {
  EXPECT_EQ(KindOfCode(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN), ErrorKind::kUnavailable);
  EXPECT_EQ(KindOfCode(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART), ErrorKind::kNotFound);
  EXPECT_EQ(KindOfCode(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT), ErrorKind::kTimeout);
  EXPECT_EQ(KindOfCode(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE),
            ErrorKind::kResourceExhausted);
  EXPECT_EQ(KindOfCode(RD_KAFKA_RESP_ERR__FENCED), ErrorKind::kPermissionDenied);
  EXPECT_EQ(KindOfCode(RD_KAFKA_RESP_ERR_UNKNOWN), ErrorKind::kIo);
}

TEST(ErrorsTest, PlacesAreNamed) {
  const Status status = KafkaError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "reading",
                                   {"h:9092", "arrakis-X", 0}, "why");
  EXPECT_EQ(status.message(),
            "reading: Broker: Unknown topic or partition (why; topic arrakis-X [0] at "
            "h:9092)");
}

/// A port on which nobody listens: taken and given back.
std::string DeadBroker() {
  MockCluster gone;
  return gone.options().brokers;
}

TEST(AdminTest, BrokersThatAreAwayAreNamedByTheDeadline) {
  const std::string brokers = DeadBroker();
  const auto admin = *Admin::Make({brokers, "test", {}, {}});
  for (const Status& status :
       {admin->CreateTopics({{"arrakis-X"}}, Wait::For(Duration::FromMs(300))),
        admin->Describe({"arrakis-X"}, Wait::For(Duration::FromMs(300))).status(),
        admin->Metadata(Wait::For(Duration::FromMs(300))).status()}) {
    EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable) << status;
    EXPECT_THAT(status.message(), HasSubstr(brokers));
  }
}

TEST(AdminTest, AStopEndsTheWait) {
  const auto admin = *Admin::Make({DeadBroker(), "test", {}, {}});
  std::stop_source stop;
  stop.request_stop();
  const Wait wait = Wait::For(Duration::FromSeconds(600), stop.get_token());
  EXPECT_EQ(KindOf(admin->CreateTopics({{"arrakis-X"}}, wait)), ErrorKind::kCancelled);
  EXPECT_EQ(KindOf(admin->Describe({"arrakis-X"}, wait).status()), ErrorKind::kCancelled);
}

TEST(AdminTest, MetadataNamesTopicsAndBrokers) {
  MockCluster cluster(2);
  cluster.CreateTopic("arrakis-B");
  cluster.CreateTopic("arrakis-A");
  const auto admin = *Admin::Make(cluster.options());
  const auto metadata = admin->Metadata(Soon());
  ASSERT_TRUE(metadata.ok()) << metadata.status();
  EXPECT_EQ(metadata->brokers.size(), 2u);
  ASSERT_EQ(metadata->topics.size(), 2u);
  EXPECT_EQ(metadata->topics[0].name, "arrakis-A");
  EXPECT_EQ(metadata->topics[1].partitions, 1);
  EXPECT_TRUE(metadata->topics[1].has_leaders);
}

TEST(AdminTest, TopicsThatCannotBeAreRefusedBeforeAnybodyIsAsked) {
  const auto admin = *Admin::Make({"127.0.0.1:9", "test", {}, {}});
  const TopicSpec no_name{""}, path{"a/b"}, no_time{"t", 1, -1, Duration::FromNs(0)};
  for (const TopicSpec& spec : {no_name, path, no_time}) {
    EXPECT_EQ(KindOf(admin->CreateTopics({spec}, Soon())), ErrorKind::kInvalidArgument);
  }
}

}  // namespace
}  // namespace carryall::kafka
