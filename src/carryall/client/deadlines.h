#pragma once

#include <optional>

#include "carryall/client/stream_plan.h"

namespace carryall::client {

/// How long an endpoint's stream may be silent: what the options say; else 30 s where all
/// data asked for lie in the past, and the largest latency and stride of its channels
/// more for data still to come; the latency asked for if that is larger. A live stream of
/// channels that promise no latency may be silent for ever.
std::optional<Duration> SilenceTimeout(const ClientOptions& options,
                                       const StreamEndpoint& endpoint,
                                       std::optional<Duration> tolerance, GpsTime now);

/// The same for a server that says so while it is alive.
Duration HeartbeatTimeout(const ClientOptions& options);

/// From when on its silence counts: not before the first data can be there.
SteadyTime SilentUntil(const StreamEndpoint& endpoint, GpsTime now);

/// How long after a slot's begin its block may arrive: a stride and what is tolerated; by
/// default, from a server that relays it, the declared latency, a stride, and room for
/// the relaying (protocol 6.5). Nothing for channels without a declared latency.
std::optional<Duration> SlotTimeout(const ChannelSet& all, const ChannelSet& of_queue,
                                    std::optional<Duration> tolerance);

/// The latency a server of ours is asked for, so that what it gives up last is here
/// before `tolerance` is over.
Duration ServerLatency(Duration tolerance, Duration stride);

}  // namespace carryall::client
