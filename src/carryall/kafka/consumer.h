#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "carryall/kafka/message.h"
#include "carryall/kafka/offsets.h"

namespace carryall::kafka {

struct ConsumerOptions {
  ClusterOptions cluster;
  /// Whether reaching the end of a topic is an event. Reading live, it is one after
  /// nearly every message.
  bool report_ends = false;
  /// How long a broker may hold a response back for more to come with it: fewer
  /// responses, each of which costs for every topic that was asked for. Whole
  /// milliseconds.
  Duration gather = {};
  /// A larger message is dropped and reported.
  int64_t max_message_bytes = 10'000'000;
  /// Of one response, where messages are not larger.
  int64_t max_fetch_bytes = 16 << 20;
  /// Received ahead of Poll, for all topics together (and one response more).
  int64_t max_queued_bytes = 64 << 20;
  /// A larger response breaks the connection, for good: above whatever message a topic
  /// may hold.
  int64_t max_response_bytes = 512 << 20;
};

/// A topic to read, and from where.
struct Assignment {
  std::string topic;
  Position from = Position::End();
  uint64_t tag = 0;  ///< the caller's: comes with every message and event of the topic
};

/// Something that happened to a topic.
struct TopicEvent {
  enum class Kind {
    kEnd,       ///< everything before `offset` has been given out
    kTooLarge,  ///< the message at `offset` was dropped
    kLost,      ///< messages from `offset` on are gone; reading goes on at the oldest
    kError,     ///< see `status`; reading goes on by itself once the reason is gone
  };
  Kind kind = Kind::kEnd;
  uint64_t tag = 0;
  int64_t offset = 0;
  Status status;  ///< naming topic and brokers; OK for kEnd
};

/// What a call of Poll found. Meant to be used again and again.
struct Polled {
  std::vector<Message> messages;  ///< of one topic in the order of their offsets
  std::vector<TopicEvent> events;

  void Clear() {
    messages.clear();
    events.clear();
  }
};

/// Sums since the consumer was made.
struct ConsumerCounters {
  int64_t messages = 0;
  int64_t bytes = 0;
  int64_t errors = 0;     ///< events of kind kError
  int64_t too_large = 0;  ///< messages dropped for their size
  int64_t lost = 0;       ///< events of kind kLost
  int64_t broker_errors = 0;
};

/// Reads partition 0 of any number of topics, without a group: who reads what is said by
/// Assign alone, nothing is committed. All topics come through one queue. What goes wrong
/// with a topic is an event of that topic and does not hold up the others; a broker that
/// is away is tried for again until it is back, and reading goes on where it was.
///
/// One thread at a time may call it, counters() and reachable() any. Only transactions
/// that were committed are read.
class Consumer {
 public:
  static Result<std::unique_ptr<Consumer>> Make(const ConsumerOptions& options);
  ~Consumer();

  /// Starts to read topics; one that is read already starts anew. One answer an
  /// assignment, in their order: where it starts and what is in the topic, or in
  /// `watermarks.status` why it is not read. Fails as a whole, with nothing changed, when
  /// the brokers do not answer in time, and with kInvalidArgument naming a topic that is
  /// none, is there twice, or has a negative offset.
  Result<std::vector<Start>> Assign(const std::vector<Assignment>& assignments,
                                    const Wait& wait);
  /// The two halves of Assign, for who reads with several consumers and wants all of them
  /// to change or none. Resolve changes nothing and may fail; Begin starts to read from
  /// what it found, and says in `starts` what could not be.
  Result<std::vector<Start>> Resolve(const std::vector<Assignment>& assignments,
                                     const Wait& wait);
  void Begin(const std::vector<Assignment>& assignments, std::vector<Start>* starts);

  /// Nothing more comes of these topics. Those that are not read are ignored.
  void Unassign(const std::vector<std::string>& topics);

  /// Stops to receive; Resume goes on with the message after the last one given out.
  Status Pause(const std::vector<std::string>& topics);
  Status Resume(const std::vector<std::string>& topics);

  /// Clears `out`, waits until there is something, and gives at most `most` messages and
  /// events. At the deadline `out` is empty, which is no error. A stop request ends it at
  /// once. Without errors and once `out` has grown, it allocates nothing.
  Status Poll(size_t most, Polled* out, const Wait& wait);

  /// Adds 1 to the eventfd `fd` whenever something is there to be polled where nothing
  /// was, so that several consumers can be waited for. Once, before anything is assigned;
  /// `fd` outlives the consumer.
  void NotifyBy(int fd);

  /// Of any topics, read or not, asked of the brokers now.
  Result<std::vector<Watermarks>> QueryWatermarks(const std::vector<std::string>& topics,
                                                  const Wait& wait);

  /// Whether the topic is being read, paused or not.
  bool IsAssigned(const std::string& topic) const { return topics_.contains(topic); }
  /// The offset after the last message given out (or dropped); -1 if it is not read.
  int64_t NextOffset(const std::string& topic) const;
  size_t assigned() const { return topics_.size(); }

  ConsumerCounters counters() const;
  /// False while no broker can be reached.
  bool reachable() const { return handle_->reachable(); }
  const std::string& brokers() const { return handle_->brokers(); }

 private:
  struct Topic;
  Consumer(ConsumerOptions options, std::shared_ptr<Handle> handle);
  Result<std::shared_ptr<Handle>> HandleForQuestions();
  Status StartTopic(const Assignment& assignment, const Start& start);
  Status SetPaused(const std::vector<std::string>& topics, bool paused);
  size_t Receive(size_t most, const Wait& wait);
  void WakeFetching();
  void Take(rd_kafka_message_t* raw, Polled* out);
  void TakeError(Topic* topic, const rd_kafka_message_t& raw, Polled* out);

  const ConsumerOptions options_;
  const std::shared_ptr<Handle> handle_;
  std::shared_ptr<Handle> questions_;  ///< made when needed
  QueuePtr queue_;
  std::unordered_map<std::string, std::unique_ptr<Topic>> topics_;
  std::unordered_map<const rd_kafka_topic_t*, Topic*> by_handle_;
  std::vector<rd_kafka_message_t*> received_;
  int64_t taken_ = 0;  ///< bytes since the queue was empty

  std::atomic<int64_t> messages_ = 0, bytes_ = 0, errors_ = 0, too_large_ = 0, lost_ = 0;
};

}  // namespace carryall::kafka
