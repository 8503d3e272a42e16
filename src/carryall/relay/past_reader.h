#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "carryall/relay/subscription.h"

namespace carryall::relay {

/// Reads the past of one stream out of the topics of one cluster, as far ahead of its
/// subscriber as there is room, and goes on until live readers bring all of it or the end
/// is reached. One thread of its own, with a feed of its own; both end when there is
/// nothing more to do, at the latest with this.
class PastReader {
 public:
  /// `go_live` is called once, when the past has been read to where the topics end: from
  /// then on a live reader must bring what comes. Not called for a span that is over.
  PastReader(std::unique_ptr<Feed> feed, std::shared_ptr<Subscription> stream,
             size_t cluster, const RelayOptions& options,
             std::shared_ptr<Counters> counters, std::function<void()> go_live);
  ~PastReader();

 private:
  enum class Reading {
    kWaiting,  ///< to be assigned, or assigned anew
    kRunning,
    kParked,  ///< there was no room for its next message
    kDone,
  };
  struct Topic {
    std::string name;
    size_t part;
    Reading reading = Reading::kWaiting;
    kafka::Position from = kafka::Position::Oldest();
    codec::RowMessageReader reader;
  };

  void Run(const std::stop_token& stop);
  void AssignWaiting(const std::stop_token& stop);
  void Take(const FeedMessage& message);
  void Take(const kafka::TopicEvent& event);
  void Park(Topic* topic, int64_t offset);
  void Finish(Topic* topic);
  void Unpark();
  bool AllDone() const;

  std::unique_ptr<Feed> feed_;
  const std::shared_ptr<Subscription> stream_;
  const size_t cluster_;
  const RelayOptions options_;
  const std::shared_ptr<Counters> counters_;
  std::function<void()> go_live_;
  std::vector<Topic> topics_;  ///< by tag
  SteadyTime next_try_ = SteadyNow();
  SteadyTime next_unpark_ = SteadyNow();
  Fed fed_;
  std::jthread thread_;
};

}  // namespace carryall::relay
