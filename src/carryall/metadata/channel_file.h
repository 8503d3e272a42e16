#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "carryall/model/channel.h"

namespace carryall::metadata {

/// A channel as a file describes it.
struct ChannelConfig {
  Channel channel;
  /// Keys that are no channel field, as text (a string's text, anything else as TOML
  /// writes it); "func" is the formula of the mock backend.
  std::map<std::string, std::string> extras;
  std::string file;
  int line = 0;
};

/// The [publisher] table of a publisher configuration.
struct PublisherConfig {
  std::string publisher_id;
  Duration stride;
  Duration max_latency;
  bool dynamic = false;
  std::optional<std::string> replay_id;
  int line = 0;  ///< of the table
};

/// What one file says: a channel list, or a publisher configuration.
struct ChannelFile {
  std::vector<ChannelConfig> channels;  ///< in file order
  std::optional<PublisherConfig> publisher;
};

/// Reads the TOML text of a channel file (protocol 5.2): a table for each channel with
/// its name as the key, `[common]` with defaults of channel fields, and `[publisher]`,
/// whose id, stride, latency and replay override those of every channel. Partition
/// counters are passed over. kInvalidArgument beginning with "FILE:LINE: " and naming the
/// channel and field otherwise: not TOML, a bad name, a missing or mistyped field, a rate
/// that is no whole number of Hz, a stride that holds no whole number of samples.
Result<ChannelFile> ParseChannelFile(std::string_view toml, const std::string& file);

/// The same from disk. kNotFound, or kIo, naming the file.
Result<ChannelFile> ReadChannelFile(const std::string& path);

/// All channels of several files, in order. A channel in two files is kInvalidArgument
/// naming both.
Result<std::vector<ChannelConfig>> ReadChannelFiles(
    const std::vector<std::string>& paths);

}  // namespace carryall::metadata
