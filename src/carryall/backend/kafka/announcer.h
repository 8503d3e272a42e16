#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "carryall/backend/kafka/topics.h"
#include "carryall/catalogue/catalogue.h"
#include "carryall/kafka/producer.h"

namespace carryall::backend::kafka {

struct AnnouncerOptions {
  std::chrono::nanoseconds repeat_digest = std::chrono::seconds(300);
  std::chrono::nanoseconds retry = std::chrono::seconds(5);
};

/// Tells other servers, through the metadata topics, what the publishers configured here
/// have (protocol 3.6): in a thread of its own, in the order deletions, channels,
/// publisher, digest. Begins with what differs from what a topic says already. What could
/// not be told is told later: registrations do not wait for it. Thread safe.
class Announcer {
 public:
  /// `catalogue` and `topics` outlive it.
  static Result<std::unique_ptr<Announcer>> Make(
      const carryall::catalogue::Catalogue* catalogue, Topics* topics,
      AnnouncerOptions options = {});
  ~Announcer();

  /// These channels are not as they were, or all of a publisher's may not be.
  void Changed(const carryall::catalogue::Registration& registration);
  void Configured();

 private:
  using Names = std::set<std::string>;
  // What is to be told of a publisher.
  struct Pending {
    bool compare = false;  // with what its topic says
    bool always = false;   // its record and digest, even if no channel changed
    Names names;           // of channels to look at
  };

  Announcer(const carryall::catalogue::Catalogue* catalogue, Topics* topics,
            AnnouncerOptions options, std::unique_ptr<carryall::kafka::Producer> producer)
      : catalogue_(catalogue),
        topics_(topics),
        options_(options),
        producer_(std::move(producer)) {}
  void Run(const std::stop_token& stop);
  std::vector<carryall::catalogue::PublisherConfig> Own() const;
  Status Tell(const carryall::catalogue::PublisherConfig& publisher,
              const Pending& pending, const std::stop_token& stop);

  const carryall::catalogue::Catalogue* const catalogue_;
  Topics* const topics_;
  const AnnouncerOptions options_;
  const std::unique_ptr<carryall::kafka::Producer> producer_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::map<std::string, Pending> pending_;  // by publisher
  std::jthread thread_;                     // last: ends before the rest goes
};

}  // namespace carryall::backend::kafka
