#pragma once

#include <functional>
#include <string>
#include <vector>

#include "carryall/base/clock.h"
#include "carryall/model/channel.h"
#include "carryall/relay/feed.h"

namespace carryall::relay {

/// The topic that carries a channel, and in which of RelayOptions::clusters.
struct TopicPlace {
  size_t cluster = 0;
  std::string topic;
};
/// Called from the thread of Relay::Stream. A status that is not OK refuses the stream.
using FindTopic = std::function<Result<TopicPlace>(const Channel&)>;

/// In cluster 0, named as the protocol has it (3.4): "arrakis-<partition id>", with the
/// channel's replay "arrakis-replay-<replay id>-<partition id>". kUnavailable naming a
/// channel that has no partition.
Result<TopicPlace> StandardTopic(const Channel& channel);

/// What becomes of a subscriber that stopped reading and then reads again.
enum class OnStall {
  kGap,   ///< what it missed comes as gaps
  kFail,  ///< kUnavailable, and the stream is over
};

struct RelayOptions {
  std::vector<kafka::ClusterOptions> clusters;
  FindTopic find_topic = StandardTopic;
  /// How long after its end a stride may be late before it is a gap, for all channels;
  /// nothing: as their publishers declare. A request may ask for another.
  std::optional<Duration> latency = {};
  /// For channels without a declared latency where a bound is needed: at the end of a
  /// span that is over.
  Duration settle = Duration::FromSeconds(2);
  /// A message from further ahead of the clock is malformed.
  Duration max_ahead = Duration::FromSeconds(60);
  /// What a subscriber may hold that it has not read.
  int64_t max_queued_bytes = int64_t{64} << 20;
  /// A queue that nobody reads from for so long is given up; nothing: none ever is.
  std::optional<Duration> stall = Duration::FromSeconds(8);
  OnStall on_stall = OnStall::kGap;
  /// A stream into the past that gets nothing at all for so long ends with kUnavailable.
  Duration silence = Duration::FromSeconds(60);
  /// How long brokers may take to say where topics begin and end.
  Duration ask_timeout = Duration::FromSeconds(5);
  /// A stream whose brokers do not say so when they are first asked ends with
  /// kUnavailable and gives nothing before they have; otherwise it goes on asking.
  bool must_reach = false;
  /// Of several strides in one block (history).
  int64_t max_block_bytes = int64_t{4} << 20;
  MakeFeed make_feed = MakeKafkaFeed;
  const Clock* clock = &Clock::System();
};

}  // namespace carryall::relay
