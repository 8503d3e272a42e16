#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "carryall/model/channel.h"

namespace carryall::wire {

/// Channels as the `app_metadata` of a plan (docs/wire.md, "Descriptions with the plan"):
/// an Arrow IPC stream of MetadataSchema().
Result<std::string> FormatDescription(const std::vector<const Channel*>& channels);
/// kCorrupt if it is anything else.
Result<std::vector<Channel>> ReadDescription(std::string_view bytes);

}  // namespace carryall::wire
