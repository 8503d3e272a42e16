#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "carryall/catalogue/publisher_files.h"
#include "carryall/model/channel.h"

namespace carryall::backend::kafka {

/// Records of a metadata topic, by which servers on the same brokers tell each other what
/// publishers have (protocol 3.6): a channel's has its name as the key, and no value once
/// the channel is gone; two keys are no channels.
inline constexpr std::string_view kPublisherKey = "__publisher_info__";
inline constexpr std::string_view kDigestKey = "__digest__";

/// Which channels of a publisher there are, in a few bytes: servers with the same ones
/// have the same digest.
struct ChannelDigest {
  std::string hex;
  int64_t count = 0;
  bool operator==(const ChannelDigest&) const = default;
};
ChannelDigest DigestOf(const std::vector<const Channel*>& channels);

/// Values, as the stock servers write and read them.
std::string ChannelRecord(const Channel& channel);
std::string PublisherRecord(const carryall::catalogue::PublisherConfig& publisher);
std::string DigestRecord(const ChannelDigest& digest);

/// What they say. kCorrupt naming the key for what is none, or far too long.
Result<Channel> ParseChannelRecord(std::string_view key, std::string_view value);
Result<carryall::catalogue::PublisherConfig> ParsePublisherRecord(std::string_view value);
Result<ChannelDigest> ParseDigestRecord(std::string_view value);

}  // namespace carryall::backend::kafka
