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

/// Real brokers.
Result<std::unique_ptr<Feed>> MakeKafkaFeed(const kafka::ClusterOptions& cluster,
                                            bool report_ends);

}  // namespace carryall::relay
