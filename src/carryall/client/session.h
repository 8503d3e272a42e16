#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "carryall/client/client.h"
#include "carryall/flight/connection.h"
#include "carryall/flight/message_reader.h"
#include "carryall/wire/accept.h"

namespace carryall::client {

/// An endpoint of a plan, with the places to read it from.
struct Endpoint {
  std::string ticket;
  std::vector<std::string> urls;  ///< replicas, at least one
};

/// What all calls of one client share. Thread safe.
class Session {
 public:
  static Result<std::shared_ptr<const Session>> Make(ClientOptions options);

  const ClientOptions& options() const { return options_; }
  const std::string& url() const { return url_; }
  const std::shared_ptr<flight::ConnectionPool>& pool() const { return pool_; }

  /// The plan of a request, asked of the initial server. Locations that mean "the same
  /// server" become its URL; those that ask to read Kafka are left out. kUnsupported
  /// naming the locations if an endpoint has none that can be read.
  Result<std::vector<Endpoint>> Plan(const wire::Request& request,
                                     const flight::Headers& headers,
                                     const CallContext& context) const;

  /// The first result of an action.
  Result<std::string> Act(const std::string& type, const CallContext& context) const;

  /// How to read an endpoint; `what` is named in messages.
  flight::ReadOptions ReadOptions(const Endpoint& endpoint, std::string what,
                                  flight::Headers headers) const;

 private:
  Session(ClientOptions options, std::string url);
  Result<Endpoint> Complete(const arrow::flight::FlightEndpoint& endpoint) const;

  const ClientOptions options_;
  const std::string url_;
  const std::shared_ptr<flight::ConnectionPool> pool_;
};

/// The headers of one call of the user's: a fresh request id that all its requests share.
flight::Headers CallHeaders();

inline flight::Interrupt ToInterrupt(const CallContext& context) {
  return {context.stop, context.poll};
}

/// "X1:A", "X1:A +3 more": names for messages.
std::string NameSome(const std::vector<std::string>& names);

}  // namespace carryall::client
