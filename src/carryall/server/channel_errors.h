#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "carryall/base/status.h"

namespace carryall::server {

/// "{a, b}": names in braces as clients know them. Long lists are cut so that an error
/// still fits into the trailers of a call: "{a, b, and 399998 more}".
std::string InBraces(const std::vector<std::string_view>& names);

/// kUnavailable naming exactly these channels.
Status ChannelsUnavailable(const std::vector<std::string_view>& names);

}  // namespace carryall::server
