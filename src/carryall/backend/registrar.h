#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "carryall/model/channel.h"

namespace carryall::backend {

/// What a backend offers whose data come from publishers (protocol 3.1 to 3.3). Thread
/// safe; its calls come back within deadlines of its own.
class Registrar {
 public:
  virtual ~Registrar() = default;

  /// What the producer of a publisher is to be set up with: properties by name.
  /// kPermissionDenied if `replay_id` is not the publisher's own.
  virtual Result<std::map<std::string, std::string>> PublisherProperties(
      std::string_view publisher_id, const std::optional<std::string>& replay_id) = 0;

  /// Registers channels, of which name, data type and rate count. Gives them in their
  /// order as they are then, with the partitions they are to be published to: these are
  /// there, and what is answered outlives this process. kPermissionDenied for a publisher
  /// that is unknown, not dynamic or of another replay.
  virtual Result<std::vector<Channel>> Register(
      std::string_view publisher_id, const std::optional<std::string>& replay_id,
      std::vector<Channel> channels) = 0;
};

}  // namespace carryall::backend
