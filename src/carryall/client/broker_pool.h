#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "carryall/client/client.h"
#include "carryall/relay/relay.h"

namespace carryall::client {

/// The relays of the brokers that a client reads from, one for each list of brokers: its
/// live streams share a reader, and the next stream finds connections that are there.
/// Thread safe.
class BrokerPool {
 public:
  BrokerPool(const ClientOptions& options, relay::MakeFeed make_feed);

  /// `brokers` as kafka::PlainBrokers gives them. Streams may outlive what this gives.
  Result<std::shared_ptr<relay::Relay>> Acquire(const std::string& brokers);

 private:
  const relay::RelayOptions options_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<relay::Relay>> relays_;
};

}  // namespace carryall::client
