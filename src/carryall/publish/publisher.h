#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "carryall/client/client.h"
#include "carryall/kafka/producer.h"
#include "carryall/publish/outlet.h"
#include "carryall/publish/registration.h"

namespace carryall::publish {

struct PublisherOptions {
  std::string id;
  std::optional<std::string> replay_id = {};
  client::ClientOptions server = {};
  /// Blocks may lack registered channels; otherwise such a block is refused.
  bool partial = false;
  /// A block is seen by readers as a whole or not at all, and only one process at a time
  /// publishes under this id: the one that opened last.
  bool transactional = false;
  /// What was not delivered so long after it was sent has failed.
  Duration delivery_timeout = Duration::FromSeconds(30);
  /// The brokers give up a transaction that is open longer.
  Duration transaction_timeout = Duration::FromSeconds(10);
  int64_t max_message_bytes = 10'000'000;
  /// Of messages that are not delivered yet.
  int64_t max_queued_bytes = 256 << 20;
  /// librdkafka properties of the user's, which win over the server's.
  kafka::Properties kafka = {};
};

/// Publishes the blocks of one publisher: Register, Open, then Publish again and again.
///
/// Every block is checked against what is registered before anything of it is sent
/// (kInvalidArgument naming the channel): the same channels, whole strides, at a multiple
/// of the stride, later than the block before. Delivery is idempotent: what is confirmed
/// is in the topics once.
///
/// One thread at a time. Where a wait ends early (kTimeout, kCancelled), what was sent is
/// still under way, and the next call goes on with it.
class Publisher {
 public:
  /// kInvalidArgument for options that are wrong; asks nobody anything yet.
  static Result<std::unique_ptr<Publisher>> Make(PublisherOptions options);
  /// As Close with a short wait.
  ~Publisher();

  /// Learns from the server which channels the publisher has.
  Status Register(const client::CallContext& context = {});
  /// As Register, with what the caller has learned from the server himself.
  Status Adopt(std::vector<Channel> found);
  /// Registers those of `channels` that the server does not have as they are given, and
  /// publishes all the publisher has. kPermissionDenied where the server does not let
  /// this publisher register channels.
  Status Register(const std::vector<Channel>& channels,
                  const client::CallContext& context = {});

  /// Asks the server for the brokers and gets ready to send; a transactional one fences
  /// its predecessor. Registers first if that has not been done.
  Status Open(const client::CallContext& context = {});

  /// Sends a block and returns once its delivery is confirmed. kTimeout after `timeout`
  /// (nothing: as long as the producer tries): the block may yet arrive, and publishing
  /// it again waits for it rather than sending it twice. After another failure publishing
  /// it again sends what was not delivered.
  Status Publish(const SeriesBlock& block, std::optional<Duration> timeout = {},
                 const client::CallContext& context = {});

  /// Sends a block without waiting for it; a failure of one before it is reported here or
  /// by Flush. With transactions the same as Publish.
  Status Send(const SeriesBlock& block, const client::CallContext& context = {});
  /// Returns once every block sent is confirmed, with the first failure among them.
  Status Flush(std::optional<Duration> timeout = {},
               const client::CallContext& context = {});

  /// Waits at most `timeout` for what is under way, and lets go of the brokers. kTimeout
  /// if something was left. Nothing if it is closed.
  Status Close(Duration timeout = Duration::FromSeconds(10),
               const client::CallContext& context = {});

  const PublisherOptions& options() const { return options_; }
  /// The server's.
  const std::string& url() const { return client_->url(); }
  /// Null before Register.
  const std::shared_ptr<const Registration>& registration() const {
    return registration_;
  }
  bool is_open() const { return producer_ != nullptr; }
  /// Blocks whose delivery was confirmed.
  int64_t confirmed() const { return confirmed_; }

 private:
  using Messages = std::vector<std::pair<Outlet*, Outlet::Message*>>;
  /// A block that was sent and is not yet known to have arrived.
  struct Sent {
    GpsTime time;
    Messages messages;
    bool reported = false;  ///< it failed while it was sent, and the caller knows
  };
  /// Which parts of a block that failed did arrive.
  struct Half {
    GpsTime time;
    std::vector<const Outlet*> delivered;
  };

  Publisher(PublisherOptions options, std::shared_ptr<client::Client> client)
      : options_(std::move(options)), client_(std::move(client)) {}

  // publisher.cc: what a publisher is, and what blocks may be.
  std::string Name() const;
  /// What a transactional publisher is known by to the brokers.
  std::string TransactionalId() const;
  Result<std::vector<Channel>> Find(const client::CallContext& context);
  void LeaveOutOthers(std::vector<Channel>* found) const;
  kafka::Wait WaitFor(std::optional<Duration> timeout,
                      const client::CallContext& context) const;
  Status CheckOpen() const;
  Status CheckTime(const SeriesBlock& block) const;
  /// Lays out messages for blocks of these channels, if they are not.
  Status Plan(const SeriesBlock& block);
  Status Check(const SeriesBlock& block);
  Status TooLarge(const Outlet& outlet, int64_t bytes) const;

  // delivery.cc: what becomes of blocks.
  Status SendChecked(const SeriesBlock& block, const kafka::Wait& wait);
  Status Write(const SeriesBlock& block, Messages* out);
  Status SendMessages(const SeriesBlock& block, const kafka::Wait& wait);
  Status Failed(GpsTime time, const Outlet& outlet, const Status& why) const;
  static bool Decided(const Sent& sent);
  /// Takes note of what became of the oldest block sent, which has to be decided.
  Status Settle();
  /// Waits for all blocks sent.
  Status Drain(const kafka::Wait& wait);
  Status PublishInTransaction(const SeriesBlock& block, const kafka::Wait& wait);
  Status FinishCommit(const kafka::Wait& wait);
  Status AbortAfter(const Status& why);
  void ReleaseAll();

  const PublisherOptions options_;
  const std::shared_ptr<client::Client> client_;
  std::shared_ptr<const Registration> registration_;
  std::unique_ptr<kafka::Producer> producer_;

  std::vector<std::unique_ptr<Outlet>> outlets_;  ///< one a partition
  std::shared_ptr<const ChannelSet> planned_;  ///< channels that outlets are set up for
  std::deque<Sent> sent_;
  std::vector<Messages> spare_;
  std::optional<GpsTime> newest_;  ///< time of the last block sent or confirmed
  std::optional<GpsTime> newest_confirmed_;
  std::optional<Half> half_;
  bool waits_for_last_ = false;  ///< the last Publish ended before its block was decided
  bool committing_ = false;      ///< the same of a transaction
  int64_t confirmed_ = 0;
};

}  // namespace carryall::publish
