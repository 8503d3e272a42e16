#pragma once

#include <arrow/type.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "carryall/codec/ipc_message.h"
#include "carryall/flight/connection.h"

namespace carryall::flight {

/// Takes what a MessageReader reads. All calls come from the reader's thread, one at a
/// time; none comes after Finish.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  /// The ticket to read now: the original one, or after a break one for what is missing.
  virtual std::string ticket() = 0;
  /// Whether a read that broke off may go on, at the next location, with ticket().
  virtual bool can_resume() const = 0;
  /// Grows with whatever was taken; tells a second try that gave nothing from one that
  /// did.
  virtual int64_t progress() const = 0;
  /// Whether everything that was asked for has come, if that can be known.
  virtual bool complete() const = 0;
  /// Whether there is more to come for certain, so that an end is a break.
  virtual bool expects_more() const { return false; }
  /// A read that is to be taken up again broke off.
  virtual void OnBreak() {}
  /// What the server says about the stream that begins (docs/wire.md, "Descriptions with
  /// the plan"); before OnSchema, if at all.
  virtual void OnDescription(std::string_view /*description*/) {}
  /// A stream begins (again, after a break).
  virtual Status OnSchema(const std::shared_ptr<arrow::Schema>& schema) = 0;
  /// A message after the schema. May block to hold the stream up; has to return soon
  /// after the reader was cancelled. An error ends the read with it.
  virtual Status OnMessage(codec::IpcMessage message) = 0;
  /// The last call: how the read ended. kCancelled after a Cancel.
  virtual void Finish(const Status& status) = 0;
};

/// Where something can be read, and what to ask for there.
struct Place {
  std::string ticket;
  std::vector<std::string> urls;
};

/// How a read that broke off is taken up again.
struct Reconnect {
  Duration limit;  ///< for so long nothing may come; then the break is an error
  /// Asks anew where `ticket` can be read, after the places known have failed twice; from
  /// the reader's thread. `stopped` says that nobody waits for it any more.
  std::function<Result<Place>(const std::string& ticket,
                              const std::function<bool()>& stopped)>
      renew;
};

struct ReadOptions {
  std::vector<std::string> urls;  ///< replicas, in the order to try them
  /// Not empty: a DoExchange that sends this, and then reads.
  std::vector<arrow::flight::FlightPayload> upload;
  std::string what;  ///< what is read, for messages: "X1:A +3 more"
  Headers headers;
  Duration connect_timeout = Duration::FromSeconds(5);
  Duration answer_timeout = Duration::FromSeconds(30);  ///< until the first message
  std::optional<Duration> silence_timeout;              ///< between messages
  SteadyTime silent_until{};  ///< silence before this counts for nothing
  /// Between messages of a server that has sent a heartbeat: it says that it is alive.
  std::optional<Duration> heartbeat_timeout;
  std::optional<Reconnect> reconnect;  ///< nothing: a break is an error
};

/// Reads one Flight endpoint on a thread of its own: DoGet (or DoExchange) at the first
/// location that answers, the schema, then every message as it came, into a sink.
///
/// Where a location is unavailable or its connection breaks, it goes on at the next one
/// if the sink can resume. A stream that ends well before the sink is complete (a server
/// that shuts down ends its streams so) is asked once more from there: an end without
/// anything new is believed.
///
/// With `reconnect` it goes on trying after that, with growing pauses, at all locations
/// and where they are planned anew, and takes silence and an end where the sink expects
/// more for breaks too. It says in the log what broke off and when it goes on.
///
/// The thread never watches itself: whoever consumes calls Expired() now and then, at the
/// latest at deadline(), and so ends a read that has waited too long. Other threads may
/// call everything here. Destruction cancels and waits for the thread; only one that is
/// still inside gRPC's connecting is left to end by the connect timeout, and touches
/// nothing but what it owns.
class MessageReader {
 public:
  static std::unique_ptr<MessageReader> Start(std::shared_ptr<ConnectionPool> pool,
                                              ReadOptions options,
                                              std::shared_ptr<MessageSink> sink);
  ~MessageReader();

  /// When what it waits for is overdue; the end of time if it waits for nothing.
  SteadyTime deadline() const;
  /// A kTimeout naming the endpoint, what is read and what was waited for, if the
  /// deadline has passed; the read is cancelled then.
  Status Expired(SteadyTime now);
  /// Asks the read to end.
  void Cancel();
  /// Where it reads, for messages.
  std::string url() const;

 private:
  enum class Stage { kConnecting, kAnswer, kMessage, kIdle };
  struct Shared;
  struct Round {
    Status outcome;
    bool broke = false;  // and may be taken up again
  };
  explicit MessageReader(std::shared_ptr<Shared> shared);
  static void Run(const std::shared_ptr<Shared>& shared);
  static Status ReadLocations(Shared& shared);
  static Round ReadOnce(Shared& shared);
  static void Renew(Shared& shared);
  static Status ReadFrom(Shared& shared, const std::string& url);
  static Result<std::unique_ptr<arrow::flight::internal::ClientDataStream>> Open(
      Shared& shared, Connection& connection);
  /// Whether there was a schema.
  static Result<bool> ReadStream(Shared& shared,
                                 arrow::flight::internal::ClientDataStream& stream);

  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace carryall::flight
