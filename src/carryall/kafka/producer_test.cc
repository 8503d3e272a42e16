#include "carryall/kafka/producer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "carryall/kafka/consumer.h"
#include "carryall/kafka/mock_cluster_testing.h"

namespace carryall::kafka {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Producer> MakeProducer(const MockCluster& cluster,
                                       ProducerOptions options = {}) {
  options.cluster = cluster.options();
  auto made = Producer::Make(options);
  EXPECT_TRUE(made.ok()) << made.status();
  return std::move(*made);
}

/// Everything a topic holds.
std::vector<Message> ReadAll(const MockCluster& cluster, const std::string& topic) {
  const auto consumer = *Consumer::Make({cluster.options(), true});
  EXPECT_TRUE(consumer->Assign({{topic, Position::Oldest()}}, Soon()).ok());
  std::vector<Message> all;
  Polled polled;
  const Wait wait = Soon();
  while (!wait.Over()) {
    EXPECT_TRUE(consumer->Poll(100, &polled, wait).ok());
    for (Message& message : polled.messages) all.push_back(std::move(message));
    for (const TopicEvent& event : polled.events) {
      EXPECT_EQ(event.kind, TopicEvent::Kind::kEnd) << event.status;
      return all;
    }
  }
  ADD_FAILURE() << "the end of " << topic << " was not reached";
  return all;
}

TEST(ProducerTest, WhatWasConfirmedCanBeRead) {
  MockCluster cluster;
  cluster.CreateTopic("t");
  const auto producer = MakeProducer(cluster);
  const auto deliveries = std::make_shared<Deliveries>();
  for (int i = 0; i < 50; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_TRUE(producer->Send({"t", value}, deliveries, Soon()).ok());
  }
  ASSERT_TRUE(deliveries->Finish(Soon()).ok());
  EXPECT_EQ(deliveries->confirmed(), 50);
  EXPECT_EQ(producer->queued_messages(), 0);
  const auto messages = ReadAll(cluster, "t");
  ASSERT_EQ(messages.size(), 50u);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(messages[static_cast<size_t>(i)].value(), std::to_string(i));
    EXPECT_EQ(messages[static_cast<size_t>(i)].offset(), i);
  }
}

TEST(ProducerTest, KeysTimesAndEmptyValuesArrive) {
  MockCluster cluster;
  cluster.CreateTopic("t");
  const auto producer = MakeProducer(cluster);
  const auto deliveries = std::make_shared<Deliveries>();
  const GpsTime time = GpsFromUnix(1'600'000'000'123'000'000);
  ASSERT_TRUE(producer->Send({"t", "v", {}, "the key", time}, deliveries, Soon()).ok());
  ASSERT_TRUE(producer->Send({"t", "", {}, ""}, deliveries, Soon()).ok());
  ASSERT_TRUE(producer->Send({"t", {}, {}, "k"}, deliveries, Soon()).ok());
  ASSERT_TRUE(deliveries->Finish(Soon()).ok());
  const auto messages = ReadAll(cluster, "t");
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(messages[0].key(), "the key");
  EXPECT_EQ(messages[0].timestamp(), time);
  EXPECT_EQ(messages[1].key(), "");
  EXPECT_TRUE(messages[1].has_value());
  EXPECT_EQ(messages[1].size(), 0);
  EXPECT_FALSE(messages[2].has_value());
}

TEST(ProducerTest, AnOwnedValueIsNotCopiedAndReleasedWhenDelivered) {
  MockCluster cluster;
  cluster.CreateTopic("t");
  const auto producer = MakeProducer(cluster);
  const auto deliveries = std::make_shared<Deliveries>();
  auto value = std::make_shared<std::string>(100'000, 'x');
  const std::weak_ptr<std::string> alive = value;
  cluster.Down();
  ASSERT_TRUE(producer->Send({"t", *value, value}, deliveries, Soon()).ok());
  // Changed while it waits for the broker: what arrives was never copied.
  value->at(5) = 'y';
  value.reset();
  EXPECT_FALSE(alive.expired());
  cluster.Up();
  ASSERT_TRUE(deliveries->Finish(Soon()).ok());
  EXPECT_TRUE(producer->Flush(Soon()).ok());
  EXPECT_TRUE(alive.expired());
  const auto messages = ReadAll(cluster, "t");
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].value().substr(0, 7), "xxxxxyx");
}

TEST(ProducerTest, AnUnconfirmedMessageIsATimeoutAndCanBeWaitedForAgain) {
  MockCluster cluster;
  cluster.CreateTopic("t");
  const auto producer = MakeProducer(cluster);
  const auto deliveries = std::make_shared<Deliveries>();
  cluster.Down();
  ASSERT_TRUE(producer->Send({"t", "v"}, deliveries, Soon()).ok());
  const Status late = deliveries->Finish(Wait::For(Duration::FromMs(200)));
  EXPECT_EQ(KindOf(late), ErrorKind::kTimeout);
  EXPECT_THAT(late.message(), HasSubstr("1 of 1"));
  EXPECT_EQ(KindOf(producer->Flush(Wait::For(Duration::FromMs(1)))), ErrorKind::kTimeout);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(
      KindOf(deliveries->Finish(Wait::For(Duration::FromSeconds(600), stop.get_token()))),
      ErrorKind::kCancelled);
  cluster.Up();
  EXPECT_TRUE(deliveries->Finish(Soon()).ok());
}

TEST(ProducerTest, AMessageThatFoundNoBrokerInTimeHasFailed) {
  MockCluster cluster;
  cluster.CreateTopic("t");
  ProducerOptions options;
  options.delivery_timeout = Duration::FromMs(300);
  const auto producer = MakeProducer(cluster, options);
  cluster.Down();
  const auto deliveries = std::make_shared<Deliveries>();
  auto value = std::make_shared<std::string>("v");
  ASSERT_TRUE(producer->Send({"t", *value, value}, deliveries, Soon()).ok());
  const Status status = deliveries->Finish(Soon());
  EXPECT_EQ(KindOf(status), ErrorKind::kTimeout) << status;
  EXPECT_THAT(status.message(), HasSubstr(cluster.options().brokers));
  EXPECT_EQ(deliveries->failed(), 1);
  EXPECT_TRUE(producer->Flush(Soon()).ok());
  EXPECT_EQ(value.use_count(), 1);
}

TEST(ProducerTest, RequestsThatFailAreRepeatedButWrittenOnce) {
  MockCluster cluster;
  cluster.CreateTopic("t");
  const auto producer = MakeProducer(cluster);
  const auto deliveries = std::make_shared<Deliveries>();
  cluster.FailNext(MockCluster::kProduce,
                   {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT,
                    RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION});
  for (const char* value : {"a", "b", "c"}) {
    ASSERT_TRUE(producer->Send({"t", value}, deliveries, Soon()).ok());
  }
  ASSERT_TRUE(deliveries->Finish(Soon()).ok());
  const auto messages = ReadAll(cluster, "t");
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(messages[0].value(), "a");
  EXPECT_EQ(messages[2].value(), "c");
}

TEST(ProducerTest, AFullQueueIsAnErrorAtTheDeadline) {
  MockCluster cluster;
  cluster.CreateTopic("t");
  ProducerOptions options;
  options.max_queued_messages = 3;
  const auto producer = MakeProducer(cluster, options);
  cluster.Down();
  const auto deliveries = std::make_shared<Deliveries>();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(producer->Send({"t", "v"}, deliveries, Soon()).ok());
  }
  const Status full =
      producer->Send({"t", "v"}, deliveries, Wait::For(Duration::FromMs(150)));
  EXPECT_EQ(KindOf(full), ErrorKind::kResourceExhausted);
  EXPECT_THAT(full.message(), HasSubstr("topic t"));
  EXPECT_EQ(producer->queued_messages(), 3);
  // Who waits gets the room that a delivery makes.
  std::jthread later([&] { cluster.Up(); });
  EXPECT_TRUE(producer->Send({"t", "v"}, deliveries, Soon()).ok());
  EXPECT_TRUE(deliveries->Finish(Soon()).ok());
  EXPECT_EQ(deliveries->confirmed(), 4);
}

TEST(ProducerTest, AMessageThatIsTooLargeIsRefusedAtOnce) {
  MockCluster cluster;
  cluster.CreateTopic("t");
  ProducerOptions options;
  options.max_message_bytes = 2000;
  const auto producer = MakeProducer(cluster, options);
  const auto deliveries = std::make_shared<Deliveries>();
  const Status status = producer->Send({"t", std::string(3000, 'x')}, deliveries, Soon());
  EXPECT_EQ(KindOf(status), ErrorKind::kResourceExhausted);
  EXPECT_EQ(deliveries->outstanding(), 0);
}

TEST(ProducerTest, EndingItReleasesWhatWasNotDelivered) {
  MockCluster cluster;
  cluster.CreateTopic("t");
  auto producer = MakeProducer(cluster);
  cluster.Down();
  auto value = std::make_shared<std::string>("v");
  const auto deliveries = std::make_shared<Deliveries>();
  ASSERT_TRUE(producer->Send({"t", *value, value}, deliveries, Soon()).ok());
  producer.reset();
  EXPECT_EQ(value.use_count(), 1);
  EXPECT_EQ(KindOf(deliveries->Finish(Soon())), ErrorKind::kCancelled);
}

TEST(ProducerTest, TransactionsNeedAnId) {
  MockCluster cluster;
  const auto producer = MakeProducer(cluster);
  EXPECT_EQ(KindOf(producer->InitTransactions(Soon())), ErrorKind::kInvalidArgument);
  EXPECT_EQ(KindOf(producer->CommitTransaction(Soon())), ErrorKind::kInvalidArgument);
  EXPECT_FALSE(producer->BeginTransaction().ok());
}

}  // namespace
}  // namespace carryall::kafka
