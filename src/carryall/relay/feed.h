#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "carryall/kafka/consumer.h"

namespace carryall::relay {

/// A message of a topic; its bytes are good until the feed is polled again.
struct FeedMessage {
  uint64_t tag = 0;  ///< the topic's, as assigned
  int64_t offset = 0;
  const uint8_t* data = nullptr;
  int64_t size = 0;
};

/// What a poll found. Meant to be used again and again.
struct Fed {
  std::vector<FeedMessage> messages;  ///< of one topic in the order of their offsets
  std::vector<kafka::TopicEvent> events;
};

/// Where the messages of one cluster come from: kafka::Consumer, or something that tests
/// and benchmarks have made up. The calls mean what those of the Consumer do, and one
/// thread at a time makes them.
class Feed {
 public:
  virtual ~Feed() = default;
  virtual Result<std::vector<kafka::Start>> Assign(
      const std::vector<kafka::Assignment>& assignments, const kafka::Wait& wait) = 0;
  virtual void Unassign(const std::vector<std::string>& topics) = 0;
  virtual Status Poll(size_t most, Fed* out, const kafka::Wait& wait) = 0;
  virtual bool reachable() const = 0;
};

/// `report_ends`: whether the end of a topic is an event.
using MakeFeed = std::function<Result<std::unique_ptr<Feed>>(
    const kafka::ClusterOptions& cluster, bool report_ends)>;

/// How real brokers are read. A response costs librdkafka about 4 us for each topic that
/// was asked for, whether there is something of it or not, and what a publisher sends of
/// a stride comes message by message, each of which ends a request. And librdkafka finds
/// the topic of each part of a response by looking at one after the other
/// (rd_kafka_topic_find): n^2 steps for n topics.
struct KafkaFeedLimits {
  /// So many topics at most are read without delay. What goes beyond when it is assigned
  /// is read with responses that the broker holds back for `gather`.
  size_t prompt_topics = 64;
  Duration gather = Duration::FromMs(20);
  /// A consumer that gathers reads so many, as long as there are not too many consumers,
  /// each of which has threads and connections of its own.
  size_t topics_a_consumer = 240;
  size_t most_consumers = 16;
};

/// Real brokers.
Result<std::unique_ptr<Feed>> MakeKafkaFeed(const kafka::ClusterOptions& cluster,
                                            bool report_ends);
Result<std::unique_ptr<Feed>> MakeKafkaFeedWithin(const KafkaFeedLimits& limits,
                                                  const kafka::ClusterOptions& cluster,
                                                  bool report_ends);

}  // namespace carryall::relay
