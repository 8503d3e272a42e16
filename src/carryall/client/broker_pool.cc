#include "carryall/client/broker_pool.h"

namespace carryall::client {
namespace {

constexpr Duration kSilence = Duration::FromSeconds(30);
// Which brokers there are is a server's word, and each relay has threads.
constexpr size_t kMostKept = 16;

relay::RelayOptions OptionsOf(const ClientOptions& client, relay::MakeFeed make_feed) {
  relay::RelayOptions options;
  options.ask_timeout = client.connect_timeout;
  options.must_reach = true;
  options.silence = client.silence_timeout.value_or(kSilence);
  // The memory is the user's own: history waits for whoever is slow, however long.
  options.stall = std::nullopt;
  options.make_feed = std::move(make_feed);
  return options;
}

}  // namespace

BrokerPool::BrokerPool(const ClientOptions& options, relay::MakeFeed make_feed)
    : options_(OptionsOf(options, std::move(make_feed))) {}

Result<std::shared_ptr<relay::Relay>> BrokerPool::Acquire(const std::string& brokers) {
  std::map<std::string, std::shared_ptr<relay::Relay>> dropped;  // after the lock
  const std::lock_guard lock(mutex_);
  std::shared_ptr<relay::Relay>& relay = relays_[brokers];
  if (relay != nullptr) return relay;
  if (relays_.size() > kMostKept) {
    dropped.swap(relays_);
  }
  relay::RelayOptions options = options_;
  options.clusters.push_back({.brokers = brokers});
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<relay::Relay> made,
                        relay::Relay::Make(std::move(options)));
  relays_[brokers] = made;
  return made;
}

}  // namespace carryall::client
