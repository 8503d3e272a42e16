#include "carryall/client/stream_tracks.h"

#include <map>

#include "carryall/client/deadlines.h"

namespace carryall::client {

Result<StreamTracks> StreamTracks::Make(const StreamPlan& plan) {
  // The endpoints of each channel, in order.
  std::vector<std::vector<size_t>> sources(plan.channels->size());
  StreamTracks out;
  out.feeds.resize(plan.endpoints.size());
  out.after.resize(plan.endpoints.size());
  for (size_t e = 0; e < plan.endpoints.size(); ++e) {
    std::vector<bool> before(e);
    for (const int32_t position : plan.endpoints[e].positions) {
      auto& of_channel = sources[static_cast<size_t>(position)];
      for (const size_t earlier : of_channel) before[earlier] = true;
      of_channel.push_back(e);
    }
    for (size_t earlier = 0; earlier < e; ++earlier) {
      if (before[earlier]) out.after[e].push_back(earlier);
    }
  }
  std::map<std::vector<size_t>, size_t> places;
  std::vector<std::vector<Channel>> members;
  std::vector<size_t> track_of(plan.channels->size());
  for (size_t i = 0; i < sources.size(); ++i) {
    const auto [place, is_new] = places.emplace(sources[i], members.size());
    if (is_new) members.emplace_back();
    track_of[i] = place->second;
    members[place->second].push_back((*plan.channels)[i]);
  }
  for (std::vector<Channel>& channels : members) {
    Track track;
    std::vector<std::string> names;
    for (const Channel& channel : channels) names.push_back(channel.name);
    track.name = NameSome(names);
    if (channels.size() == plan.channels->size()) {
      track.channels = plan.channels;
    } else {
      ARROW_ASSIGN_OR_RAISE(track.channels, ChannelSet::Make(std::move(channels)));
    }
    ARROW_ASSIGN_OR_RAISE(track.stride, track.channels->CommonStride());
    track.timeout = SlotTimeout(*plan.channels, *track.channels, plan.tolerance);
    out.tracks.push_back(std::move(track));
  }
  for (size_t e = 0; e < plan.endpoints.size(); ++e) {
    const StreamEndpoint& endpoint = plan.endpoints[e];
    std::map<size_t, std::vector<int32_t>> columns;
    for (size_t i = 0; i < endpoint.positions.size(); ++i) {
      columns[track_of[static_cast<size_t>(endpoint.positions[i])]].push_back(
          static_cast<int32_t>(i));
    }
    for (auto& [track, taken] : columns) {
      if (taken.size() == endpoint.positions.size()) taken.clear();
      out.feeds[e].push_back({track, std::move(taken)});
    }
  }
  return out;
}

SeriesBlock Select(const SeriesBlock& block, const Feed& feed, const Track& track) {
  if (feed.columns.empty()) {
    return SeriesBlock(block.time(), block.duration(), track.channels, block.views(),
                       block.owners());
  }
  std::vector<SampleView> views;
  views.reserve(feed.columns.size());
  for (const int32_t column : feed.columns) {
    views.push_back(block.view(static_cast<size_t>(column)));
  }
  return SeriesBlock(block.time(), block.duration(), track.channels, std::move(views),
                     block.owners());
}

}  // namespace carryall::client
