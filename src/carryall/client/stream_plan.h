#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "carryall/client/session.h"
#include "carryall/client/time_span.h"

namespace carryall::client {

/// One endpoint of a stream and its part of the whole.
struct StreamEndpoint {
  Endpoint endpoint;
  std::string what;  ///< its channels, for messages
  std::shared_ptr<const ChannelSet> channels;
  std::vector<int32_t> positions;     ///< of its channels in the plan's set
  std::optional<GpsTime> start, end;  ///< what its ticket asks for
};

/// How a stream will be read: by endpoint, in the order of their starts.
struct StreamPlan {
  std::shared_ptr<const ChannelSet> channels;  ///< in the order asked for
  Duration native_stride;                      ///< common to all channels
  std::vector<StreamEndpoint> endpoints;
  flight::Headers headers;
  std::optional<Duration> tolerance, reconnect, silence;  ///< as in StreamOptions

  /// Whether two endpoints carry a channel in common (time slices, say).
  bool has_shared_channels() const;
};

/// Describes the channels (each name once, in the order given) and plans the stream over
/// `span`, rounded outward to whole native strides: servers cut blocks at multiples of
/// the stride, and what lies outside the span is cut off on arrival.
///
/// kInvalidArgument naming a channel that has no stride, kUnavailable naming channels
/// that no endpoint carries or one to be read from brokers that is in no partition,
/// kCorrupt if several endpoints come with tickets that cannot
/// be read.
Result<StreamPlan> PlanStream(const Session& session,
                              const std::vector<std::string>& names,
                              const StreamOptions& options, const TimeSpan& span,
                              const CallContext& context);

/// The set of some channels, and their common stride; kInvalidArgument naming a channel
/// that has no stride, or one that holds no whole number of samples.
Result<std::shared_ptr<const ChannelSet>> StreamableSet(std::vector<Channel> described,
                                                        Duration* stride);

/// How many strides of these channels make about `target_bytes`; at least one.
int64_t StridesIn(int64_t target_bytes, const ChannelSet& channels, Duration stride);

/// Plans anew what is left of an endpoint, given as a ticket for it. kUnavailable if
/// there is no single endpoint for all its channels.
Result<Endpoint> PlanRest(const Session& session, const std::string& ticket,
                          const flight::Headers& headers, const CallContext& context);

}  // namespace carryall::client
