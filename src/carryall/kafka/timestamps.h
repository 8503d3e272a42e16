#pragma once

#include <algorithm>
#include <limits>

#include "carryall/base/time.h"

namespace carryall::kafka {

/// Kafka's timestamps are milliseconds of UNIX time, as an integer that anybody may have
/// written.

/// The time that a message's timestamp means; those before 1970 or after 2262 mean these.
inline GpsTime GpsFromUnixMs(int64_t ms) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 1'000'000;
  return GpsFromUnix(std::clamp<int64_t>(ms, 0, kMost) * 1'000'000);
}

/// The last timestamp that is not after `time`.
inline int64_t UnixMsNotAfter(GpsTime time) {
  // The epochs are ten years apart.
  constexpr Duration kMargin = Duration::FromSeconds(400'000'000);
  const int64_t ns = UnixFromGps(std::min(time, GpsTime::Max() - kMargin));
  return ns / 1'000'000 - (ns % 1'000'000 < 0 ? 1 : 0);
}

/// The first timestamp that is not before `time`.
inline int64_t UnixMsNotBefore(GpsTime time) {
  return UnixMsNotAfter(time + Duration::FromNs(999'999));
}

}  // namespace carryall::kafka
