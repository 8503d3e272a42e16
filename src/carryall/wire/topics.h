#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace carryall::wire {

/// Whose messages hold the rows of a partition (protocol 3.4).
inline std::string DataTopic(std::string_view partition_id,
                             const std::optional<std::string>& replay_id) {
  std::string out = "arrakis-";
  if (replay_id) out.append("replay-").append(*replay_id).append("-");
  return out.append(partition_id);
}

/// Where servers tell each other what a publisher has (protocol 3.6).
inline std::string MetadataTopic(std::string_view publisher_id) {
  return std::string("arrakis-metadata-").append(publisher_id);
}

}  // namespace carryall::wire
