#pragma once

#include <memory>
#include <string>
#include <vector>

#include "carryall/client/stream_plan.h"

namespace carryall::client {

/// Channels that come from the same endpoints and so make one queue of the mux.
struct Track {
  std::string name;
  std::shared_ptr<const ChannelSet> channels;
  Duration stride;
  std::optional<Duration> timeout;
};

/// Which part of an endpoint's blocks goes to a track.
struct Feed {
  size_t track = 0;
  std::vector<int32_t> columns;  ///< positions in the endpoint's set; empty: all of it
};

/// How the endpoints of a plan feed the queues of a mux.
struct StreamTracks {
  std::vector<Track> tracks;
  std::vector<std::vector<Feed>> feeds;    ///< by endpoint
  std::vector<std::vector<size_t>> after;  ///< by endpoint: those to be read before it

  /// Channels with the same endpoints share a track. Endpoints that share a channel are
  /// read one after the other, in the plan's order.
  static Result<StreamTracks> Make(const StreamPlan& plan);
};

/// The part of a block that a feed takes.
SeriesBlock Select(const SeriesBlock& block, const Feed& feed, const Track& track);

}  // namespace carryall::client
