#pragma once

#include <optional>

#include "carryall/client/client.h"

namespace carryall::client {

/// What a caller's time options come to.
struct TimeSpan {
  std::optional<GpsTime> start;      ///< nothing: live
  std::optional<GpsTime> end;        ///< nothing: for ever
  std::optional<Duration> duration;  ///< of a live stream, from its first block on

  bool live() const { return !start.has_value(); }
  bool bounded() const { return start && end; }
  bool empty() const { return bounded() && *end <= *start; }
};

/// kInvalidArgument for an end together with a duration, a live stream of negative
/// duration, a latency tolerance out of its limits, or no time to be silent or to
/// reconnect in.
Result<TimeSpan> ResolveSpan(const StreamOptions& options);

/// kInvalidReplay for one replay bound without the other, bounds together with an id, or
/// an empty window.
Status CheckReplay(const StreamOptions& options);

/// The time at which metadata for a stream are asked for: its start, mapped into the
/// window of an anonymous replay (where a live stream starts now).
std::optional<GpsTime> MetadataTime(const StreamOptions& options, const TimeSpan& span,
                                    GpsTime now);

/// kInvalidArgument naming the channel, and the nearest times that would do, if `time`
/// lies between two of its samples. `what` is "start" or "end".
Status CheckOnSample(const ChannelSet& channels, GpsTime time, std::string_view what);

}  // namespace carryall::client
