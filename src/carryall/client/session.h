#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "carryall/client/broker_pool.h"
#include "carryall/client/client.h"
#include "carryall/flight/connection.h"
#include "carryall/flight/message_reader.h"
#include "carryall/wire/accept.h"

namespace carryall::client {

/// An endpoint of a plan, with the places to read it from.
struct Endpoint {
  std::string ticket;
  std::vector<std::string> urls;  ///< replicas; at least one, unless there are brokers
  /// Not empty: "host:port[,host:port...]", to be read first.
  std::string brokers;
};

/// What all calls of one client share. Thread safe.
class Session {
 public:
  /// Tests read from feeds of their own.
  static Result<std::shared_ptr<const Session>> Make(
      ClientOptions options, relay::MakeFeed make_feed = relay::MakeKafkaFeed);

  const ClientOptions& options() const { return options_; }
  const std::string& url() const { return url_; }
  const std::shared_ptr<flight::ConnectionPool>& pool() const { return pool_; }
  BrokerPool& brokers() const { return brokers_; }

  /// A plan that has been asked for.
  class PendingPlan {
   public:
    /// To be called once. Locations that mean "the same server" become its URL. Those
    /// that ask to read Kafka are brokers where the first location of a stream is one,
    /// and otherwise left out. kUnsupported naming the locations if an endpoint has none
    /// that can be read.
    Result<std::vector<Endpoint>> Wait(const CallContext& context);
    /// What came with the plan; nothing before Wait.
    const std::string& metadata() const { return metadata_; }
    const std::string& command() const { return command_; }  ///< the request's JSON

   private:
    friend Session;
    PendingPlan(const Session* session, wire::RequestType type, std::string command,
                flight::ConnectionPool::Lease lease)
        : session_(session),
          type_(type),
          command_(std::move(command)),
          lease_(std::move(lease)) {}
    const Session* session_;
    wire::RequestType type_;
    std::string command_, metadata_;
    flight::ConnectionPool::Lease lease_;
    std::unique_ptr<flight::Connection::PendingInfo> info_;
  };

  /// Whether the initial server may send descriptions with a plan that asks for them: it
  /// did not answer without them so far.
  bool describes() const { return describes_.load(); }

  /// Whether the initial server may give streams without a plan: it was all of one, with
  /// descriptions, and did not refuse one without since.
  bool is_alone() const { return alone_.load() == Alone::kYes; }
  /// It was, or it did refuse, which counts for good.
  void NoteAlone(bool alone) const {
    Alone unknown = Alone::kUnknown;
    if (alone) {
      alone_.compare_exchange_strong(unknown, Alone::kYes);
    } else {
      alone_.store(Alone::kNo);
    }
  }

  /// Asks the initial server for the plan of a request.
  Result<PendingPlan> StartPlan(const wire::Request& request,
                                const flight::Headers& headers) const;
  Result<std::vector<Endpoint>> Plan(const wire::Request& request,
                                     const flight::Headers& headers,
                                     const CallContext& context) const {
    ARROW_ASSIGN_OR_RAISE(PendingPlan pending, StartPlan(request, headers));
    return pending.Wait(context);
  }

  /// The first result of an action.
  Result<std::string> Act(const std::string& type, const CallContext& context) const;

  /// How to read an endpoint; `what` is named in messages.
  flight::ReadOptions ReadOptions(const Endpoint& endpoint, std::string what,
                                  flight::Headers headers) const;

 private:
  Session(ClientOptions options, std::string url, relay::MakeFeed make_feed);
  Result<Endpoint> Complete(const arrow::flight::FlightEndpoint& endpoint,
                            bool may_read_brokers) const;

  const ClientOptions options_;
  const std::string url_;
  const std::shared_ptr<flight::ConnectionPool> pool_;
  mutable BrokerPool brokers_;
  mutable std::atomic<bool> describes_;
  enum class Alone { kUnknown, kYes, kNo };
  mutable std::atomic<Alone> alone_{Alone::kUnknown};
};

/// The headers of one call of the user's: a fresh request id that all its requests share.
flight::Headers CallHeaders();

inline flight::Interrupt ToInterrupt(const CallContext& context) {
  return {context.stop, context.poll};
}

/// "X1:A", "X1:A +3 more": names for messages.
template <typename Text>
std::string NameSome(const std::vector<Text>& names) {
  if (names.empty()) return "nothing";
  if (names.size() == 1) return std::string(names.front());
  return fmt::format("{} +{} more", names.front(), names.size() - 1);
}

}  // namespace carryall::client
