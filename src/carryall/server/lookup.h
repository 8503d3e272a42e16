#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "carryall/metadata/catalogue.h"
#include "carryall/model/channel.h"

namespace carryall::server {

/// The channels of these names, in their order. Under a replay the channels that belong
/// to it come first, raw ones fill the rest. kUnavailable naming exactly the unknown
/// ones. The pointers live as long as the catalogue.
Result<std::vector<const Channel*>> Lookup(const metadata::Catalogue& catalogue,
                                           const std::vector<std::string>& names,
                                           const std::optional<std::string>& replay_id);

/// The channels of a stream: names sorted by their bytes, repeated ones once.
/// kInvalidArgument if there are none.
Result<std::shared_ptr<const ChannelSet>> LookupForStream(
    const metadata::Catalogue& catalogue, std::vector<std::string> names,
    const std::optional<std::string>& replay_id);

}  // namespace carryall::server
