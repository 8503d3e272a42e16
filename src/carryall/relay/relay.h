#pragma once

#include <memory>
#include <span>
#include <string>

#include "carryall/relay/options.h"
#include "carryall/relay/subscription.h"

namespace carryall::relay {

/// Streams of channels out of the topics of one or several clusters: live, from the past,
/// and from the past into live.
///
/// A live stream shares the reader of its cluster with all others: messages are decoded
/// once, whatever sets of channels are asked for. A stream that begins in the past has a
/// reader of its own until that has come to the end of the topics, and is then handed
/// over by offsets: no message is missing, comes twice, or out of order. What is not
/// there by the latency that applies, is lost with a broker, or finds no room is a
/// declared gap.
///
/// Thread safe. Streams may outlive it; the last of them waits for the readers to end.
class Relay {
 public:
  /// kInvalidArgument if there is no cluster or one cannot be.
  static Result<std::unique_ptr<Relay>> Make(RelayOptions options);
  virtual ~Relay() = default;

  /// Does not wait for brokers: while they are away the stream gives heartbeats, then
  /// gaps (but see RelayOptions::must_reach). Every channel needs a stride, a partition
  /// index and a topic: kUnavailable naming one that has not. request.latency is the
  /// subscriber's own patience.
  virtual Result<std::unique_ptr<backend::BlockSource>> Stream(
      backend::StreamRequest request) = 0;

  /// Ends all streams that carry one of these channels with kUnavailable: what is known
  /// of the channel has changed.
  virtual void EndStreams(std::span<const std::string> channels,
                          const std::string& why) = 0;

  virtual const Counters& counters() const = 0;
  /// Topics being read live, of all clusters.
  virtual size_t live_topics() const = 0;
};

}  // namespace carryall::relay
