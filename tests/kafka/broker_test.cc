// What librdkafka's own mock brokers cannot show: topics made by request, offsets by
// time, transactions, records that are gone. The broker's address is in CARRYALL_KAFKA;
// every test has topics of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "carryall/kafka/admin.h"
#include "carryall/kafka/consumer.h"
#include "carryall/kafka/producer.h"

namespace carryall::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Wait Soon() { return Wait::For(Duration::FromSeconds(60)); }

class BrokerTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* address = std::getenv("CARRYALL_KAFKA");
    if (address == nullptr) {
      if (std::getenv("CI") != nullptr) FAIL() << "CARRYALL_KAFKA names no broker";
      GTEST_SKIP() << "CARRYALL_KAFKA names no broker; run tests/kafka/test_library.py";
    }
    cluster_ = {address, "test", {}, {}};
    topic_ = std::string("test-") +
             testing::UnitTest::GetInstance()->current_test_info()->name();
    admin_ = *Admin::Make(cluster_);
  }
  void TearDown() override {
    if (admin_ != nullptr) {
      EXPECT_TRUE(admin_->DeleteTopics({topic_, topic_ + "-2"}, Soon()).ok());
    }
  }

  void Create(TopicSpec spec) {
    // The messages of these tests are old.
    if (!spec.retention) spec.config.emplace("retention.ms", "-1");
    const Status status = admin_->CreateTopics({std::move(spec)}, Soon());
    ASSERT_TRUE(status.ok()) << status;
  }

  std::unique_ptr<Producer> MakeProducer(std::optional<std::string> id = {}) {
    ProducerOptions options;
    options.cluster = cluster_;
    options.transactional_id = std::move(id);
    return *Producer::Make(options);
  }

  std::unique_ptr<Consumer> MakeConsumer(ConsumerOptions options = {}) {
    options.cluster = cluster_;
    return *Consumer::Make(options);
  }

  /// One message a timestamp (ms after 2020-09-13T12:26:40), its number as value.
  void WriteAt(const std::vector<int64_t>& times) {
    const auto producer = MakeProducer();
    const auto deliveries = std::make_shared<Deliveries>();
    for (size_t i = 0; i < times.size(); ++i) {
      const std::string value = std::to_string(i);
      ASSERT_TRUE(
          producer->Send({topic_, value, {}, {}, At(times[i])}, deliveries, Soon()).ok());
    }
    const Status status = deliveries->Finish(Soon());
    ASSERT_TRUE(status.ok()) << status;
  }

  static GpsTime At(int64_t ms) {
    return GpsFromUnix((1'600'000'000'000 + ms) * 1'000'000);
  }

  /// The values from the start to what was the end when reading began.
  std::vector<std::string> Read(Consumer* consumer, Position from) {
    const auto starts = consumer->Assign({{topic_, from, 1}}, Soon());
    EXPECT_TRUE(starts.ok() && starts->at(0).watermarks.status.ok());
    return ReadTo(consumer, starts->at(0).watermarks.end);
  }

  std::vector<std::string> ReadTo(Consumer* consumer, int64_t end) {
    std::vector<std::string> values;
    Polled polled;
    const Wait wait = Soon();
    while (consumer->NextOffset(topic_) < end) {
      EXPECT_TRUE(consumer->Poll(10, &polled, wait).ok());
      for (const Message& message : polled.messages) values.emplace_back(message.value());
      if (wait.Over()) {
        ADD_FAILURE() << "the end was not reached";
        break;
      }
    }
    return values;
  }

  ClusterOptions cluster_;
  std::string topic_;
  std::unique_ptr<Admin> admin_;
};

TEST_F(BrokerTest, TopicsAreMadeOnceAndDescribed) {
  TopicSpec spec{
      topic_, 1, 1, Duration::FromSeconds(900), {{"max.message.bytes", "12345"}}};
  Create(spec);
  spec.retention = Duration::FromSeconds(1);
  Create(spec);  // there already: as it was
  Create({topic_ + "-2", 3});
  const auto described = admin_->Describe({"test-none", topic_, topic_ + "-2"}, Soon());
  ASSERT_TRUE(described.ok()) << described.status();
  EXPECT_FALSE(described->at(0).exists);
  EXPECT_TRUE(described->at(1).exists);
  EXPECT_EQ(described->at(1).retention, Duration::FromSeconds(900));
  EXPECT_EQ(described->at(1).config.at("max.message.bytes"), "12345");
  EXPECT_TRUE(described->at(2).exists);
  const auto metadata = admin_->Metadata(Soon(), topic_ + "-2");
  ASSERT_TRUE(metadata.ok()) << metadata.status();
  ASSERT_EQ(metadata->topics.size(), 1u);
  EXPECT_EQ(metadata->topics[0].partitions, 3);
  EXPECT_EQ(metadata->topics[0].replication, 1);
  EXPECT_FALSE(metadata->cluster_id.empty());
  const auto nothing = admin_->Metadata(Soon(), "test-none");
  ASSERT_TRUE(nothing.ok()) << nothing.status();
  EXPECT_THAT(nothing->topics, IsEmpty());
}

TEST_F(BrokerTest, ManyTopicsAreMadeInOneCall) {
  std::vector<TopicSpec> specs;
  std::vector<std::string> names;
  for (int i = 0; i < 230; ++i) {
    names.push_back(fmt::format("{}-{}", topic_, i));
    specs.push_back({names.back()});
  }
  const Status made = admin_->CreateTopics(specs, Soon());
  ASSERT_TRUE(made.ok()) << made;
  const auto described = admin_->Describe(names, Soon());
  ASSERT_TRUE(described.ok()) << described.status();
  for (const TopicConfig& each : *described) EXPECT_TRUE(each.exists);
  EXPECT_TRUE(admin_->DeleteTopics(names, Soon()).ok());
  EXPECT_FALSE((*admin_->Describe({names[7]}, Soon()))[0].exists);
}

TEST_F(BrokerTest, WhatTheClusterCannotDoIsSaid) {
  const Status status = admin_->CreateTopics({{topic_, 1, 3}}, Soon());
  EXPECT_EQ(KindOf(status), ErrorKind::kInvalidArgument) << status;
  EXPECT_THAT(status.message(), HasSubstr(topic_));
  EXPECT_THAT(status.message(), HasSubstr(cluster_.brokers));
  const Status config = admin_->CreateTopics({{topic_, 1, 1, {}, {{"no", "1"}}}}, Soon());
  EXPECT_EQ(KindOf(config), ErrorKind::kInvalidArgument) << config;
}

TEST_F(BrokerTest, ATimeIsFoundToTheMillisecond) {
  Create({topic_});
  WriteAt({0, 10, 20, 30});
  const auto consumer = MakeConsumer();
  EXPECT_THAT(Read(consumer.get(), Position::At(At(10))), ElementsAre("1", "2", "3"));
  EXPECT_THAT(Read(consumer.get(), Position::At(At(11))), ElementsAre("2", "3"));
  EXPECT_THAT(Read(consumer.get(), Position::At(At(10) + Duration::FromNs(1))),
              ElementsAre("2", "3"));
  EXPECT_THAT(Read(consumer.get(), Position::At(At(-5))),
              ElementsAre("0", "1", "2", "3"));
  EXPECT_THAT(Read(consumer.get(), Position::At(GpsTime::Min())),
              ElementsAre("0", "1", "2", "3"));
  EXPECT_THAT(Read(consumer.get(), Position::At(GpsTime::Max())), IsEmpty());
}

TEST_F(BrokerTest, ATimeAfterTheNewestWaitsForTheFirstThatIsNotBefore) {
  Create({topic_});
  WriteAt({0, 10});
  const auto consumer = MakeConsumer();
  EXPECT_THAT(Read(consumer.get(), Position::At(At(100))), IsEmpty());
  WriteAt({50, 100, 90, 110});
  EXPECT_THAT(ReadTo(consumer.get(), 6), ElementsAre("1", "2", "3"));
}

TEST_F(BrokerTest, MissingTopicsDoNotHoldUpTheOthers) {
  Create({topic_});
  WriteAt({0});
  const auto consumer = MakeConsumer();
  const auto starts = consumer->Assign({{"test-none", Position::Oldest(), 1},
                                        {topic_, Position::At(At(0)), 2},
                                        {"test-none-2", Position::At(At(0)), 3}},
                                       Soon());
  ASSERT_TRUE(starts.ok()) << starts.status();
  for (const size_t i : {0, 2}) {
    const Status& status = starts->at(i).watermarks.status;
    EXPECT_EQ(KindOf(status), ErrorKind::kNotFound) << status;
    EXPECT_THAT(status.message(), HasSubstr("topic test-none"));
  }
  EXPECT_THAT(ReadTo(consumer.get(), 1), ElementsAre("0"));
  // And alone.
  const auto alone = consumer->Assign({{"test-none", Position::End(), 1}}, Soon());
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_EQ(KindOf(alone->at(0).watermarks.status), ErrorKind::kNotFound);
  EXPECT_EQ(consumer->assigned(), 1u);
  // It can be read once it is there.
  Create({topic_ + "-2"});
  const auto now = consumer->Assign({{topic_ + "-2", Position::End(), 1}}, Soon());
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_TRUE(now->at(0).watermarks.status.ok()) << now->at(0).watermarks.status;
}

TEST_F(BrokerTest, ATopicCanBeReadAsSoonAsItIsMade) {
  for (int i = 0; i < 15; ++i) {
    const std::string name = fmt::format("{}-{}", topic_, i);
    Create({name});
    const auto consumer = MakeConsumer();
    const auto starts = consumer->Assign({{name, Position::End(), 1}}, Soon());
    ASSERT_TRUE(starts.ok()) << starts.status();
    EXPECT_TRUE(starts->at(0).watermarks.status.ok()) << starts->at(0).watermarks.status;
    EXPECT_TRUE(admin_->DeleteTopics({name}, Soon()).ok());
  }
}

TEST_F(BrokerTest, WhatRetentionTookIsSaidAndReadingGoesOn) {
  Create({topic_});
  WriteAt({0, 10, 20, 30});
  ASSERT_TRUE(admin_->DeleteRecords(topic_, 2, Soon()).ok());
  const auto consumer = MakeConsumer();
  const auto starts = consumer->Assign({{topic_, Position::Offset(1), 7}}, Soon());
  ASSERT_TRUE(starts.ok()) << starts.status();
  EXPECT_EQ(starts->at(0).watermarks.oldest, 2);
  Polled polled;
  std::vector<std::string> seen;
  for (const Wait wait = Soon(); seen.size() < 3 && !wait.Over();) {
    ASSERT_TRUE(consumer->Poll(10, &polled, wait).ok());
    for (const TopicEvent& event : polled.events) {
      EXPECT_EQ(event.kind, TopicEvent::Kind::kLost) << event.status;
      EXPECT_EQ(event.offset, 1);
      EXPECT_EQ(event.tag, 7u);
      seen.push_back("lost");
    }
    for (const Message& message : polled.messages) seen.emplace_back(message.value());
  }
  EXPECT_THAT(seen, ElementsAre("lost", "2", "3"));
  EXPECT_EQ(consumer->counters().lost, 1);
}

TEST_F(BrokerTest, ATopicThatIsMadeAnewIsReadFromItsBeginning) {
  Create({topic_});
  WriteAt({0, 10, 20});
  const auto consumer = MakeConsumer();
  EXPECT_THAT(Read(consumer.get(), Position::Oldest()), ElementsAre("0", "1", "2"));
  ASSERT_TRUE(admin_->DeleteTopics({topic_}, Soon()).ok());
  Create({topic_});
  WriteAt({0});
  Polled polled;
  std::vector<std::string> values;
  for (const Wait wait = Soon(); values.empty() && !wait.Over();) {
    ASSERT_TRUE(consumer->Poll(10, &polled, wait).ok());
    for (const Message& message : polled.messages) values.emplace_back(message.value());
  }
  EXPECT_THAT(values, ElementsAre("0"));
}

TEST_F(BrokerTest, AReaderSlowerThanTheBrokerMissesNothing) {
  Create({topic_});
  const auto producer = MakeProducer();
  const auto deliveries = std::make_shared<Deliveries>();
  const auto value = std::make_shared<std::string>(100'000, 'x');
  constexpr int64_t kCount = 300;
  for (int64_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(producer->Send({topic_, *value, value}, deliveries, Soon()).ok());
  }
  ASSERT_TRUE(deliveries->Finish(Soon()).ok());
  // Much less room than there is to read.
  const auto consumer = MakeConsumer({.cluster = {},
                                      .max_message_bytes = 1'000'000,
                                      .max_fetch_bytes = 1 << 20,
                                      .max_queued_bytes = 1 << 20});
  ASSERT_TRUE(consumer->Assign({{topic_, Position::Oldest(), 1}}, Soon()).ok());
  Polled polled;
  int64_t next = 0;
  for (const Wait wait = Soon(); next < kCount && !wait.Over();) {
    ASSERT_TRUE(consumer->Poll(3, &polled, wait).ok());
    for (const Message& message : polled.messages) {
      ASSERT_EQ(message.offset(), next);
      ASSERT_EQ(message.size(), 100'000);
      ++next;
    }
  }
  EXPECT_EQ(next, kCount);
}

TEST_F(BrokerTest, AMessageThatTheBrokerRefusesHasFailed) {
  Create({topic_, 1, 1, {}, {{"max.message.bytes", "1000"}}});
  const auto producer = MakeProducer();
  const auto deliveries = std::make_shared<Deliveries>();
  ASSERT_TRUE(producer->Send({topic_, std::string(5000, 'x')}, deliveries, Soon()).ok());
  const Status status = deliveries->Finish(Soon());
  EXPECT_EQ(KindOf(status), ErrorKind::kResourceExhausted) << status;
  EXPECT_THAT(status.message(), HasSubstr(topic_));
  // That one alone.
  const auto next = std::make_shared<Deliveries>();
  ASSERT_TRUE(producer->Send({topic_, "small"}, next, Soon()).ok());
  EXPECT_TRUE(next->Finish(Soon()).ok());
}

TEST_F(BrokerTest, AMessageToNoTopicFails) {
  const auto producer = MakeProducer();
  const auto deliveries = std::make_shared<Deliveries>();
  const Status sent = producer->Send({"test-none", "x"}, deliveries, Soon());
  const Status status = sent.ok() ? deliveries->Finish(Soon()) : sent;
  EXPECT_EQ(KindOf(status), ErrorKind::kNotFound) << status;
  EXPECT_THAT(status.message(), HasSubstr("topic test-none"));
}

TEST_F(BrokerTest, AHugeMessageIsDroppedAndTheNextOneIsRead) {
  constexpr size_t kHuge = 100'000'000;  // brokers take requests up to 100 MiB
  Create({topic_,
          1,
          1,
          {},
          {{"max.message.bytes", std::to_string(2 * kHuge)},
           {"segment.bytes", std::to_string(2 * kHuge)}}});
  ProducerOptions options;
  options.cluster = cluster_;
  options.max_message_bytes = 2 * kHuge;
  options.max_queued_bytes = 4 * kHuge;
  const auto producer = *Producer::Make(options);
  const auto huge = std::make_shared<std::string>(kHuge, 'x');
  const auto deliveries = std::make_shared<Deliveries>();
  for (const std::string& value :
       {std::string("before"), std::string(), std::string("after")}) {
    const Record record =
        value.empty() ? Record{topic_, *huge, huge} : Record{topic_, value};
    ASSERT_TRUE(producer->Send(record, deliveries, Soon()).ok());
  }
  const Status status = deliveries->Finish(Soon());
  ASSERT_TRUE(status.ok()) << status;
  const auto consumer = MakeConsumer();
  EXPECT_THAT(Read(consumer.get(), Position::Oldest()), ElementsAre("before", "after"));
  EXPECT_EQ(consumer->counters().too_large, 1);
}

TEST_F(BrokerTest, OnlyCommittedTransactionsAreRead) {
  Create({topic_});
  const auto producer = MakeProducer(topic_);
  ASSERT_TRUE(producer->InitTransactions(Soon()).ok());
  for (const char* value : {"committed", "aborted", "also committed"}) {
    ASSERT_TRUE(producer->BeginTransaction().ok());
    const auto deliveries = std::make_shared<Deliveries>();
    ASSERT_TRUE(producer->Send({topic_, value}, deliveries, Soon()).ok());
    ASSERT_TRUE(deliveries->Finish(Soon()).ok());
    const Status status = std::string_view(value) == "aborted"
                              ? producer->AbortTransaction(Soon())
                              : producer->CommitTransaction(Soon());
    ASSERT_TRUE(status.ok()) << status;
  }
  const auto consumer = MakeConsumer({.cluster = {}, .report_ends = true});
  const auto starts = consumer->Assign({{topic_, Position::Oldest(), 1}}, Soon());
  ASSERT_TRUE(starts.ok()) << starts.status();
  std::vector<std::string> values;
  bool ended = false;
  Polled polled;
  for (const Wait wait = Soon(); !ended && !wait.Over();) {
    ASSERT_TRUE(consumer->Poll(10, &polled, wait).ok());
    for (const Message& message : polled.messages) values.emplace_back(message.value());
    for (const TopicEvent& event : polled.events) {
      EXPECT_EQ(event.kind, TopicEvent::Kind::kEnd) << event.status;
      ended = true;
    }
  }
  EXPECT_THAT(values, ElementsAre("committed", "also committed"));
  // The end counts what nobody sees: each transaction ends with a record of its own.
  EXPECT_EQ(consumer->NextOffset(topic_), starts->at(0).watermarks.end);
}

TEST_F(BrokerTest, ASecondProducerWithTheIdFencesTheFirst) {
  Create({topic_});
  const auto first = MakeProducer(topic_);
  ASSERT_TRUE(first->InitTransactions(Soon()).ok());
  ASSERT_TRUE(first->BeginTransaction().ok());
  const auto lost = std::make_shared<Deliveries>();
  ASSERT_TRUE(first->Send({topic_, "lost"}, lost, Soon()).ok());
  ASSERT_TRUE(lost->Finish(Soon()).ok());

  const auto second = MakeProducer(topic_);
  ASSERT_TRUE(second->InitTransactions(Soon()).ok());
  const Status fenced = first->CommitTransaction(Soon());
  EXPECT_EQ(KindOf(fenced), ErrorKind::kPermissionDenied) << fenced;
  EXPECT_TRUE(first->fenced());
  EXPECT_EQ(KindOf(first->Send({topic_, "x"}, nullptr, Soon())),
            ErrorKind::kPermissionDenied);

  EXPECT_FALSE(second->fenced());
  ASSERT_TRUE(second->BeginTransaction().ok());
  const auto kept = std::make_shared<Deliveries>();
  ASSERT_TRUE(second->Send({topic_, "kept"}, kept, Soon()).ok());
  ASSERT_TRUE(second->CommitTransaction(Soon()).ok());
  EXPECT_TRUE(kept->Finish(Soon()).ok());
  const auto consumer = MakeConsumer({.cluster = {}, .report_ends = true});
  ASSERT_TRUE(consumer->Assign({{topic_, Position::Oldest(), 1}}, Soon()).ok());
  Polled polled;
  ASSERT_TRUE(consumer->Poll(10, &polled, Soon()).ok());
  ASSERT_EQ(polled.messages.size(), 1u);
  EXPECT_EQ(polled.messages[0].value(), "kept");
}

}  // namespace
}  // namespace carryall::kafka
