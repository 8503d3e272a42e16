#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "carryall/metadata/channel_file.h"

namespace carryall::catalogue {

using metadata::PublisherConfig;

/// Limits of what becomes part of a Kafka topic's name (249 bytes of A-Z a-z 0-9 . _ -):
/// together with prefixes and the subsystem the longest name still fits.
inline constexpr size_t kMaxPublisherIdBytes = 80;
inline constexpr size_t kMaxReplayIdBytes = 64;
inline constexpr size_t kMaxPartitionIdBytes = 160;

/// Bounds of the stride and latency of a publisher.
inline constexpr Duration kMinTiming = Duration::FromMs(10);
inline constexpr Duration kMaxTiming = Duration::FromSeconds(86'400);

/// Whether `text` can be a part of a topic's name: 1 to `max_bytes` of its characters.
bool IsTopicText(std::string_view text, size_t max_bytes);

/// kInvalidArgument naming the publisher and the field that is out of its bounds.
Status CheckPublisher(const PublisherConfig& publisher);

/// kInvalidArgument for what ParseChannelName refuses, and for a name that is not UTF-8,
/// as the messages it travels in need it.
Status CheckChannelName(std::string_view name);

/// A publisher configuration file (protocol 5.2).
struct PublisherFile {
  PublisherConfig publisher;
  std::vector<metadata::ChannelConfig> channels;  ///< in file order
  std::string file;
};

/// Reads publisher configurations: each path is a file, or a directory whose *.toml files
/// are read in the order of their names. All files are read and checked before any
/// counts: kInvalidArgument beginning with "FILE:LINE: " for what
/// metadata::ParseChannelFile refuses, a file without [publisher], ids that cannot be
/// part of a topic's name, timing out of bounds, and a publisher or a channel that is in
/// two places (naming both).
Result<std::vector<PublisherFile>> ReadPublisherFiles(
    const std::vector<std::string>& paths);

}  // namespace carryall::catalogue
