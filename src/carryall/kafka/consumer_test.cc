#include "carryall/kafka/consumer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <thread>

#include "carryall/kafka/mock_cluster_testing.h"
#include "carryall/kafka/producer.h"
#include "carryall/kafka/timestamps.h"

namespace {
thread_local int64_t allocations = 0;
}  // namespace

// Counts what C++ allocates in this thread; librdkafka allocates without it.
void* operator new(size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace carryall::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// What one topic gave: "0:a" is the message "a" at offset 0; ends and errors by kind.
struct Seen {
  std::vector<std::string> messages;
  std::vector<TopicEvent> events;
};

class ConsumerTest : public testing::Test {
 protected:
  void SetUp() override {
    producer_ = *Producer::Make({cluster_.options()});
    for (const char* topic : {"a", "b"}) cluster_.CreateTopic(topic);
  }

  void Write(const std::string& topic, const std::vector<std::string>& values) {
    const auto deliveries = std::make_shared<Deliveries>();
    for (const std::string& value : values) {
      ASSERT_TRUE(producer_->Send({topic, value}, deliveries, Soon()).ok());
    }
    ASSERT_TRUE(deliveries->Finish(Soon()).ok());
  }

  std::unique_ptr<Consumer> Make(ConsumerOptions options = {}) {
    options.cluster = cluster_.options();
    return *Consumer::Make(options);
  }

  /// Polls until `done` or for a minute.
  template <typename Done>
  std::map<uint64_t, Seen> Read(Consumer* consumer, Done done) {
    std::map<uint64_t, Seen> seen;
    Polled polled;
    const Wait wait = Soon();
    while (!done(seen) && !wait.Over()) {
      EXPECT_TRUE(consumer->Poll(7, &polled, wait).ok());
      for (const Message& message : polled.messages) {
        seen[message.tag()].messages.push_back(
            fmt::format("{}:{}", message.offset(), message.value()));
      }
      for (const TopicEvent& event : polled.events) {
        seen[event.tag].events.push_back(event);
      }
    }
    return seen;
  }

  MockCluster cluster_;
  std::unique_ptr<Producer> producer_;
};

auto Messages(uint64_t tag, size_t count) {
  return [=](auto& seen) { return seen[tag].messages.size() >= count; };
}
auto Events(uint64_t tag, size_t count) {
  return [=](auto& seen) { return seen[tag].events.size() >= count; };
}

TEST_F(ConsumerTest, TopicsStartWhereTheyAreTold) {
  Write("a", {"x", "y", "z"});
  Write("b", {"p", "q"});
  const auto consumer = Make();
  const auto starts = consumer->Assign(
      {{"a", Position::Offset(1), 10}, {"b", Position::Oldest(), 20}}, Soon());
  ASSERT_TRUE(starts.ok()) << starts.status();
  EXPECT_EQ(starts->at(0).offset, 1);
  EXPECT_EQ(starts->at(0).watermarks.oldest, 0);
  EXPECT_EQ(starts->at(0).watermarks.end, 3);
  EXPECT_EQ(starts->at(1).watermarks.end, 2);
  auto seen = Read(consumer.get(), [](auto& all) {
    return all[10].messages.size() + all[20].messages.size() >= 4;
  });
  EXPECT_THAT(seen[10].messages, ElementsAre("1:y", "2:z"));
  EXPECT_THAT(seen[20].messages, ElementsAre("0:p", "1:q"));
  EXPECT_EQ(consumer->NextOffset("a"), 3);
  EXPECT_EQ(consumer->counters().messages, 4);
  EXPECT_EQ(consumer->counters().bytes, 4);
  EXPECT_EQ(consumer->counters().errors, 0);
}

TEST_F(ConsumerTest, TheEndIsWhereItWasWhenAskedFor) {
  Write("a", {"old"});
  const auto consumer = Make();
  ASSERT_TRUE(consumer->Assign({{"a", Position::End(), 1}}, Soon()).ok());
  Write("a", {"new"});
  auto seen = Read(consumer.get(), Messages(1, 1));
  EXPECT_THAT(seen[1].messages, ElementsAre("1:new"));
}

TEST_F(ConsumerTest, TheEndOfATopicIsAnEventWhereWanted) {
  Write("a", {"x", "y"});
  const auto consumer = Make({.cluster = {}, .report_ends = true});
  ASSERT_TRUE(consumer->Assign({{"a", Position::Oldest(), 1}}, Soon()).ok());
  auto seen = Read(consumer.get(), Events(1, 1));
  EXPECT_THAT(seen[1].messages, ElementsAre("0:x", "1:y"));
  EXPECT_EQ(seen[1].events[0].kind, TopicEvent::Kind::kEnd);
  EXPECT_EQ(seen[1].events[0].offset, 2);
}

TEST_F(ConsumerTest, AnUnassignedTopicGivesNothingMore) {
  Write("a", {"1", "2", "3"});
  Write("b", {"1"});
  const auto consumer = Make();
  ASSERT_TRUE(
      consumer
          ->Assign({{"a", Position::Oldest(), 1}, {"b", Position::Oldest(), 2}}, Soon())
          .ok());
  Polled polled;
  ASSERT_TRUE(consumer->Poll(1, &polled, Soon()).ok());
  consumer->Unassign({"a", "not there"});
  EXPECT_FALSE(consumer->IsAssigned("a"));
  EXPECT_EQ(consumer->NextOffset("a"), -1);
  Write("a", {"4"});
  Write("b", {"2"});
  auto seen = Read(consumer.get(), [](auto& all) {
    return !all[2].messages.empty() && all[2].messages.back() == "1:2";
  });
  EXPECT_THAT(seen[1].messages, IsEmpty());
}

TEST_F(ConsumerTest, AssigningAgainStartsAnewWithTheNewTag) {
  Write("a", {"1", "2"});
  const auto consumer = Make();
  ASSERT_TRUE(consumer->Assign({{"a", Position::Oldest(), 1}}, Soon()).ok());
  Read(consumer.get(), Messages(1, 2));
  ASSERT_TRUE(consumer->Assign({{"a", Position::Offset(1), 5}}, Soon()).ok());
  auto seen = Read(consumer.get(), Messages(5, 1));
  EXPECT_THAT(seen[5].messages, ElementsAre("1:2"));
  EXPECT_THAT(seen[1].messages, IsEmpty());
  EXPECT_EQ(consumer->assigned(), 1u);
}

TEST_F(ConsumerTest, APausedTopicGoesOnWhereItWas) {
  Write("a", {"1", "2", "3"});
  const auto consumer = Make();
  ASSERT_TRUE(consumer->Assign({{"a", Position::Oldest(), 1}}, Soon()).ok());
  Polled polled;
  ASSERT_TRUE(consumer->Poll(1, &polled, Soon()).ok());
  ASSERT_EQ(polled.messages.size(), 1u);
  ASSERT_TRUE(consumer->Pause({"a"}).ok());
  Write("b", {"other"});
  ASSERT_TRUE(consumer->Assign({{"b", Position::Oldest(), 2}}, Soon()).ok());
  auto seen = Read(consumer.get(), Messages(2, 1));
  EXPECT_THAT(seen[1].messages, IsEmpty());
  ASSERT_TRUE(consumer->Resume({"a"}).ok());
  seen = Read(consumer.get(), Messages(1, 2));
  EXPECT_THAT(seen[1].messages, ElementsAre("1:2", "2:3"));

  // One that is read anew is not paused.
  ASSERT_TRUE(consumer->Pause({"a"}).ok());
  ASSERT_TRUE(consumer->Assign({{"a", Position::Oldest(), 3}}, Soon()).ok());
  seen = Read(consumer.get(), Messages(3, 3));
  EXPECT_THAT(seen[3].messages, ElementsAre("0:1", "1:2", "2:3"));
}

TEST_F(ConsumerTest, ATopicThatIsNotThereIsItsOwnProblem) {
  Write("b", {"x"});
  const auto consumer = Make();
  const auto starts = consumer->Assign(
      {{"missing", Position::Oldest(), 1}, {"b", Position::Oldest(), 2}}, Soon());
  ASSERT_TRUE(starts.ok()) << starts.status();
  EXPECT_TRUE(consumer->IsAssigned("b"));
  auto seen = Read(consumer.get(), Messages(2, 1));
  EXPECT_THAT(seen[2].messages, ElementsAre("0:x"));
}

TEST_F(ConsumerTest, AMessageThatIsTooLargeIsAnEventAndTheNextOneIsRead) {
  Write("a", {"small", std::string(5000, 'x'), "next"});
  const auto consumer = Make({.cluster = {}, .max_message_bytes = 1000});
  ASSERT_TRUE(consumer->Assign({{"a", Position::Oldest(), 1}}, Soon()).ok());
  auto seen = Read(consumer.get(), Messages(1, 2));
  EXPECT_THAT(seen[1].messages, ElementsAre("0:small", "2:next"));
  ASSERT_EQ(seen[1].events.size(), 1u);
  EXPECT_EQ(seen[1].events[0].kind, TopicEvent::Kind::kTooLarge);
  EXPECT_EQ(seen[1].events[0].offset, 1);
  EXPECT_EQ(KindOf(seen[1].events[0].status), ErrorKind::kResourceExhausted);
  EXPECT_EQ(consumer->counters().too_large, 1);
}

TEST_F(ConsumerTest, AMessageOutlivesItsConsumer) {
  Write("a", {"x"});
  auto consumer = Make();
  ASSERT_TRUE(consumer->Assign({{"a", Position::Oldest(), 1}}, Soon()).ok());
  Polled polled;
  ASSERT_TRUE(consumer->Poll(1, &polled, Soon()).ok());
  ASSERT_EQ(polled.messages.size(), 1u);
  const uint8_t* where = polled.messages[0].data();
  std::shared_ptr<arrow::Buffer> buffer =
      Message::IntoBuffer(std::move(polled.messages[0]));
  consumer.reset();
  polled.Clear();
  EXPECT_EQ(buffer->data(), where);
  EXPECT_EQ(buffer->ToString(), "x");
}

TEST_F(ConsumerTest, PollingNothingEndsAtTheDeadlineOrTheStop) {
  const auto consumer = Make();
  ASSERT_TRUE(consumer->Assign({{"a", Position::End(), 1}}, Soon()).ok());
  Polled polled;
  ASSERT_TRUE(consumer->Poll(10, &polled, Wait::For(Duration::FromMs(20))).ok());
  EXPECT_THAT(polled.messages, IsEmpty());
  std::stop_source stop;
  std::jthread later([&] { stop.request_stop(); });
  const Wait wait = Wait::For(Duration::FromSeconds(600), stop.get_token());
  EXPECT_EQ(KindOf(consumer->Poll(10, &polled, wait)), ErrorKind::kCancelled);
}

TEST_F(ConsumerTest, PollingAllocatesNothing) {
  const auto consumer = Make();
  ASSERT_TRUE(
      consumer->Assign({{"a", Position::End(), 1}, {"b", Position::End(), 2}}, Soon())
          .ok());
  Polled polled;
  polled.messages.reserve(100);
  const Wait wait = Soon();
  const auto read = [&](int64_t upto) {
    while (consumer->counters().messages < upto && !wait.Over()) {
      if (!consumer->Poll(20, &polled, wait).ok()) return;
    }
  };
  Write("a", {"x"});
  Write("b", {"x"});
  read(2);
  const std::vector<std::string> values(50, std::string(1000, 'x'));
  Write("a", values);
  Write("b", values);
  const int64_t before = allocations;
  read(102);
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(consumer->counters().messages, 102);
}

TEST_F(ConsumerTest, ReadingGoesOnAfterTheBrokerWasAway) {
  Write("a", {"before"});
  const auto consumer = Make();
  ASSERT_TRUE(consumer->Assign({{"a", Position::Oldest(), 1}}, Soon()).ok());
  Read(consumer.get(), Messages(1, 1));
  cluster_.Down();
  Polled polled;
  for (const Wait wait = Soon(); consumer->reachable() && !wait.Over();) {
    ASSERT_TRUE(consumer->Poll(10, &polled, Wait::For(Duration::FromMs(50))).ok());
    EXPECT_THAT(polled.messages, IsEmpty());
  }
  EXPECT_FALSE(consumer->reachable());
  EXPECT_GT(consumer->counters().broker_errors, 0);
  cluster_.Up();
  Write("a", {"after"});
  auto seen = Read(consumer.get(), Messages(1, 1));
  EXPECT_THAT(seen[1].messages, ElementsAre("1:after"));
  EXPECT_TRUE(consumer->reachable());
}

TEST_F(ConsumerTest, RequestsThatFailAreRepeated) {
  Write("a", {"1", "2"});
  const auto consumer = Make();
  cluster_.FailNext(MockCluster::kFetch,
                    {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                     RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_UNKNOWN});
  ASSERT_TRUE(consumer->Assign({{"a", Position::Oldest(), 1}}, Soon()).ok());
  auto seen = Read(consumer.get(), Messages(1, 2));
  EXPECT_THAT(seen[1].messages, ElementsAre("0:1", "1:2"));
}

TEST_F(ConsumerTest, ATopicWithoutLeaderForAMomentIsAskedForAgain) {
  Write("a", {"x"});
  const auto consumer = Make();
  cluster_.FailNext(MockCluster::kListOffsets,
                    {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                     RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE});
  const auto starts = consumer->Assign({{"a", Position::Oldest(), 1}}, Soon());
  ASSERT_TRUE(starts.ok()) << starts.status();
  EXPECT_TRUE(starts->at(0).watermarks.status.ok()) << starts->at(0).watermarks.status;
  EXPECT_EQ(starts->at(0).watermarks.end, 1);
}

TEST_F(ConsumerTest, ATopicThatMayNotBeReadIsItsOwnProblem) {
  for (const char* topic : {"c", "d", "e"}) cluster_.CreateTopic(topic);
  for (const char* topic : {"a", "c", "d", "e"}) Write(topic, {"x"});
  cluster_.SetTopicError("b", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  const auto consumer = Make();
  std::vector<Assignment> assignments;
  for (const char* topic : {"a", "b", "c", "d", "e"}) {
    assignments.push_back({topic, Position::Oldest(), static_cast<uint64_t>(*topic)});
  }
  const auto starts = consumer->Assign(assignments, Soon());
  ASSERT_TRUE(starts.ok()) << starts.status();
  for (size_t i = 0; i < assignments.size(); ++i) {
    const Status& status = starts->at(i).watermarks.status;
    EXPECT_EQ(status.ok(), i != 1) << status;
    EXPECT_EQ(consumer->IsAssigned(assignments[i].topic), i != 1);
  }
  EXPECT_THAT(starts->at(1).watermarks.status.message(), HasSubstr("topic b"));
}

TEST_F(ConsumerTest, AssignmentsThatCannotBeAreRefused) {
  const auto consumer = Make();
  const std::vector<std::vector<Assignment>> wrong = {
      {{"a", Position::End()}, {"a", Position::Oldest()}},
      {{"", Position::End()}},
      {{"a/b", Position::End()}},
      {{"a", Position::Offset(-1)}}};
  for (const auto& assignments : wrong) {
    EXPECT_EQ(KindOf(consumer->Assign(assignments, Soon()).status()),
              ErrorKind::kInvalidArgument);
  }
  EXPECT_EQ(consumer->assigned(), 0u);
}

TEST_F(ConsumerTest, BrokersThatAreAwayAreNamedByTheDeadline) {
  const auto consumer = Make();
  cluster_.Down();
  const Status status =
      consumer->Assign({{"a", Position::End(), 1}}, Wait::For(Duration::FromMs(300)))
          .status();
  EXPECT_EQ(KindOf(status), ErrorKind::kUnavailable) << status;
  EXPECT_THAT(status.message(), HasSubstr(cluster_.options().brokers));
  EXPECT_FALSE(consumer->IsAssigned("a"));
}

TEST(TimestampsTest, TimesAreRoundedToMilliseconds) {
  const GpsTime time = GpsFromUnix(1'700'000'000'123'000'000);
  EXPECT_EQ(UnixMsNotBefore(time), 1'700'000'000'123);
  EXPECT_EQ(UnixMsNotBefore(time + Duration::FromNs(1)), 1'700'000'000'124);
  EXPECT_EQ(UnixMsNotBefore(time - Duration::FromNs(1)), 1'700'000'000'123);
  EXPECT_EQ(GpsFromUnixMs(1'700'000'000'123), time);
  EXPECT_EQ(UnixMsNotAfter(time + Duration::FromNs(999'999)), 1'700'000'000'123);
  EXPECT_EQ(UnixMsNotAfter(time - Duration::FromNs(1)), 1'700'000'000'122);
}

TEST(TimestampsTest, WhatCannotBeIsTheNextThatCan) {
  const GpsTime time = GpsFromUnixMs(1'700'000'000'123);
  EXPECT_LT(UnixMsNotBefore(GpsTime::Min()), 0);
  EXPECT_GT(UnixMsNotBefore(GpsTime::Max()), 1'700'000'000'123);
  EXPECT_EQ(GpsFromUnixMs(std::numeric_limits<int64_t>::min()), GpsFromUnixMs(0));
  EXPECT_GT(GpsFromUnixMs(std::numeric_limits<int64_t>::max()), time);
}

}  // namespace
}  // namespace carryall::kafka
