#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "carryall/relay/subscription.h"

namespace carryall::relay {

/// Reads the topics of one cluster from now on, each as long as somebody wants something
/// of it, and decodes every message once for all of them. One thread of its own; whoever
/// brings it to an end waits for that.
class LiveReader {
 public:
  LiveReader(std::unique_ptr<Feed> feed, size_t cluster, const RelayOptions& options,
             std::shared_ptr<Counters> counters);
  ~LiveReader();

  /// The parts of the stream that are on this cluster are brought to it from now on.
  void Join(std::shared_ptr<Subscription> stream);
  void Leave(const std::shared_ptr<Subscription>& stream);
  /// Its feed is broken: all its streams were told, and so is whoever joins. Another must
  /// take its place.
  bool failed() const;
  /// Messages of topics that are being read, for tests and for people.
  size_t topics() const { return topic_count_.load(); }

 private:
  struct Member {
    std::shared_ptr<Subscription> stream;
    size_t part;
  };
  struct Topic {
    std::string name;
    codec::RowMessageReader reader;
    std::vector<Member> members;
    int64_t next = -1;     ///< everything before was given out; -1: not read yet
    bool missing = false;  ///< it did not exist when it was asked for
    bool told = false;     ///< that it cannot be read yet
  };
  struct Command {
    bool join;
    std::shared_ptr<Subscription> stream;
  };

  void Run(const std::stop_token& stop);
  std::stop_token WakeToken();
  void Post(Command command);
  void HandleCommands();
  void GiveUp(const Status& why);
  void Add(const std::shared_ptr<Subscription>& stream);
  void Remove(const std::shared_ptr<Subscription>& stream);
  void AssignWaiting(const std::stop_token& stop);
  void Take(const FeedMessage& message);
  void Take(const kafka::TopicEvent& event);
  void Tick();
  Topic* Of(uint64_t tag) { return tag < slots_.size() ? slots_[tag].get() : nullptr; }

  const std::unique_ptr<Feed> feed_;
  const size_t cluster_;
  const RelayOptions options_;
  const std::shared_ptr<Counters> counters_;

  mutable std::mutex mutex_;
  Status failed_;
  std::vector<Command> commands_;
  std::stop_source wake_;

  // The thread's own.
  std::vector<std::unique_ptr<Topic>> slots_;  ///< by tag
  std::unordered_map<std::string, uint64_t> tags_;
  std::vector<std::shared_ptr<Subscription>> streams_;
  std::vector<std::string> waiting_;  ///< not assigned yet
  SteadyTime next_try_ = SteadyNow();
  SteadyTime next_tick_ = SteadyNow();
  bool told_ = false;
  Fed fed_;
  std::atomic<size_t> topic_count_{0};
  std::jthread thread_;
};

}  // namespace carryall::relay
