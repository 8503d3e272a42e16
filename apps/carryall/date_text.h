#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace carryall::apps {

/// UNIX time in nanoseconds of a date as people write it: "Sep 14 2011 01:46:25 UTC",
/// "Wed, 14 Sep 2011 01:46:25 GMT", "2011/09/14 1:46:25 PM", "09/14/2011",
/// "2011-09-14T01:46:25.5+02:00", "20110914T014625"; or relative to `now`: "1 hour ago",
/// "now - 2 days", "yesterday". Without a zone UTC; without a time midnight. Nothing if
/// it is none of these.
std::optional<int64_t> ParseDateText(std::string_view text, int64_t now);

}  // namespace carryall::apps
