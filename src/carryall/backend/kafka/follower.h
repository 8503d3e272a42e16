#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "carryall/backend/kafka/metadata_records.h"
#include "carryall/catalogue/catalogue.h"
#include "carryall/kafka/consumer.h"

namespace carryall::backend::kafka {

/// What the metadata topic of one publisher says (protocol 3.6), and what of that the
/// catalogue does not have yet. For one thread.
class FollowedPublisher {
 public:
  explicit FollowedPublisher(std::string id) : id_(std::move(id)) {}

  /// A record as it comes. What is none is passed over: kCorrupt saying why.
  Status Take(std::string_view key, std::optional<std::string_view> value);
  /// The topic has been read to its end: what it says is put into the catalogue. Names
  /// that are another publisher's are left out.
  Result<carryall::catalogue::Registration> Adopt(
      carryall::catalogue::Catalogue* catalogue);
  /// Whether the channels are those that the topic's digest means; true without one.
  bool Agrees();
  /// It is read from its beginning again.
  void Restart();

  const std::string& id() const { return id_; }

 private:
  std::string id_;
  std::optional<carryall::catalogue::PublisherConfig> publisher_;
  std::map<std::string, Channel, std::less<>> channels_;
  std::set<std::string, std::less<>> touched_;  // since the last Adopt
  bool complete_ = false;                       // adopted since the topic's beginning
  bool new_publisher_ = false;                  // its record came since
  std::optional<ChannelDigest> stated_;         // not compared yet
};

struct FollowerOptions {
  std::string brokers;
  std::vector<std::string> publishers;
  /// Told what was taken over, in the follower's thread.
  std::function<void(const carryall::catalogue::Registration&)> changed = {};
  std::chrono::nanoseconds retry = std::chrono::seconds(5);
  std::chrono::nanoseconds read_again = std::chrono::seconds(60);  ///< not more often
};

/// Takes over what other servers say of their publishers, as they say it, in a thread of
/// its own. Brokers that are away and topics that are not there yet are waited for.
class Follower {
 public:
  /// `catalogue` outlives it.
  static Result<std::unique_ptr<Follower>> Make(carryall::catalogue::Catalogue* catalogue,
                                                FollowerOptions options);

 private:
  struct Topic {
    FollowedPublisher publisher;
    bool reading = false;
    SteadyTime restarted = {};
    std::string complaint = {};  // the last, said once
  };
  Follower(carryall::catalogue::Catalogue* catalogue, FollowerOptions options,
           std::unique_ptr<carryall::kafka::Consumer> consumer);
  void Run(const std::stop_token& stop);
  void Begin(const std::stop_token& stop);
  void AtEnd(Topic* topic);
  void Complain(Topic* topic, const Status& status);

  carryall::catalogue::Catalogue* const catalogue_;
  const FollowerOptions options_;
  const std::unique_ptr<carryall::kafka::Consumer> consumer_;
  std::vector<Topic> topics_;  // by tag
  std::jthread thread_;        // last: ends before the rest goes
};

}  // namespace carryall::backend::kafka
