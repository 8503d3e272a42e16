#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "carryall/kafka/mock_cluster_testing.h"
#include "carryall/kafka/producer.h"
#include "carryall/relay/feed.h"

namespace carryall::relay {
namespace {

using kafka::Assignment;
using kafka::Position;
using kafka::Soon;

constexpr size_t kTopics = 12;
// Read by one consumer without delay if a few, and else by three others.
constexpr KafkaFeedLimits kLimits = {.prompt_topics = 3, .topics_a_consumer = 4};

class KafkaFeedTest : public testing::Test {
 protected:
  void SetUp() override {
    producer_ = *kafka::Producer::Make({cluster_.options()});
    for (size_t i = 0; i < kTopics; ++i) {
      names_.push_back(fmt::format("t{}", i));
      cluster_.CreateTopic(names_.back());
    }
    feed_ = *MakeKafkaFeedWithin(kLimits, cluster_.options(), false);
  }

  /// One message a topic: "<topic>/<round>".
  void Write(int round) {
    const auto deliveries = std::make_shared<kafka::Deliveries>();
    for (const std::string& name : names_) {
      ASSERT_TRUE(
          producer_->Send({name, fmt::format("{}/{}", name, round)}, deliveries, Soon())
              .ok());
    }
    ASSERT_TRUE(deliveries->Finish(Soon()).ok());
  }

  std::vector<Assignment> All(Position from = Position::Oldest()) const {
    std::vector<Assignment> all;
    for (size_t i = 0; i < names_.size(); ++i) all.push_back({names_[i], from, i});
    return all;
  }

  /// Polls until there are so many messages, or for a minute; texts by tag.
  void Read(size_t count) {
    Fed fed;
    const kafka::Wait wait = Soon();
    size_t got = 0;
    while (got < count && !wait.Over()) {
      ASSERT_TRUE(feed_->Poll(64, &fed, wait).ok());
      EXPECT_LE(fed.messages.size() + fed.events.size(), 64u);
      for (const FeedMessage& message : fed.messages) {
        auto& texts = texts_[message.tag];
        EXPECT_EQ(message.offset, static_cast<int64_t>(texts.size()));
        texts.emplace_back(reinterpret_cast<const char*>(message.data),
                           static_cast<size_t>(message.size));
        ++got;
      }
      EXPECT_TRUE(fed.events.empty()) << fed.events[0].status;
    }
    EXPECT_EQ(got, count);
  }

  kafka::MockCluster cluster_;
  std::unique_ptr<kafka::Producer> producer_;
  std::vector<std::string> names_;
  std::unique_ptr<Feed> feed_;
  std::map<uint64_t, std::vector<std::string>> texts_;
};

TEST_F(KafkaFeedTest, ManyTopicsComeWholeAndEachInOrder) {
  Write(0);
  Write(1);
  const auto starts = feed_->Assign(All(), Soon());
  ASSERT_TRUE(starts.ok()) << starts.status();
  ASSERT_EQ(starts->size(), kTopics);
  for (const kafka::Start& start : *starts) {
    EXPECT_TRUE(start.watermarks.status.ok()) << start.watermarks.status;
    EXPECT_EQ(start.offset, 0);
  }
  Read(2 * kTopics);
  Write(2);
  Read(kTopics);
  for (size_t i = 0; i < kTopics; ++i) {
    EXPECT_THAT(texts_[i], testing::ElementsAre(names_[i] + "/0", names_[i] + "/1",
                                                names_[i] + "/2"));
  }
  EXPECT_TRUE(feed_->reachable());
}

TEST_F(KafkaFeedTest, WhatIsUnassignedComesNoMoreAndMayBeAssignedAnew) {
  ASSERT_TRUE(feed_->Assign(All(), Soon()).ok());
  const std::vector<std::string> half(names_.begin(), names_.begin() + kTopics / 2);
  feed_->Unassign(half);
  feed_->Unassign({"never heard of"});
  Write(0);
  Read(kTopics - half.size());
  for (size_t i = 0; i < kTopics; ++i) {
    EXPECT_EQ(texts_[i].size(), i < half.size() ? 0u : 1u) << i;
  }
  std::vector<Assignment> again = All();
  again.resize(half.size());
  ASSERT_TRUE(feed_->Assign(again, Soon()).ok());
  Read(half.size());
  for (size_t i = 0; i < kTopics; ++i) EXPECT_EQ(texts_[i].size(), 1u) << i;
}

TEST_F(KafkaFeedTest, AnAssignmentThatIsRefusedChangesNothing) {
  ASSERT_TRUE(feed_->Assign(All(), Soon()).ok());
  std::vector<Assignment> twice = All();
  twice.push_back(twice.back());
  EXPECT_EQ(KindOf(feed_->Assign(twice, Soon()).status()), ErrorKind::kInvalidArgument);
  Write(0);
  Read(kTopics);
}

TEST_F(KafkaFeedTest, AStopEndsAWaitAtOnce) {
  ASSERT_TRUE(feed_->Assign(All(Position::End()), Soon()).ok());
  std::stop_source stop;
  const kafka::Wait wait = kafka::Wait::For(Duration::FromSeconds(60), stop.get_token());
  std::jthread stopper([&] { stop.request_stop(); });
  Fed fed;
  Status status;
  while (status.ok() && !wait.Over()) status = feed_->Poll(64, &fed, wait);
  EXPECT_EQ(KindOf(status), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace carryall::relay
