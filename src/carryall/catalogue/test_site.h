#pragma once

#include <string>
#include <vector>

#include "carryall/catalogue/catalogue.h"

namespace carryall::catalogue {

inline constexpr Duration kStride = Duration::FromNs(62'500'000);
inline constexpr Duration kLatency = Duration::FromSeconds(1);

inline Channel MakeChannel(std::string name, DataType type = DataType::kFloat32) {
  Channel channel;
  channel.name = std::move(name);
  channel.data_type = type;
  channel.sample_rate = *SampleRate::Make(16);
  return channel;
}

/// A configuration "<id>.toml" as if it had been read.
inline PublisherFile MakeFile(const std::string& id, bool dynamic,
                              const std::vector<Channel>& channels = {}) {
  PublisherFile out;
  out.file = id + ".toml";
  out.publisher.publisher_id = id;
  out.publisher.stride = kStride;
  out.publisher.max_latency = kLatency;
  out.publisher.dynamic = dynamic;
  for (const Channel& channel : channels) {
    metadata::ChannelConfig config;
    config.channel = channel;
    config.file = out.file;
    config.line = 10;
    out.channels.push_back(std::move(config));
  }
  return out;
}

/// Every channel, in order, under whatever replay.
inline std::vector<Channel> AllChannels(const Catalogue& catalogue) {
  std::vector<Channel> out;
  catalogue.snapshot()->VisitRange(
      "", "\xff", [&](const Channel& channel) { out.push_back(channel); });
  return out;
}

}  // namespace carryall::catalogue
