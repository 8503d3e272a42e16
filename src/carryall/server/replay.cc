#include "carryall/server/replay.h"

namespace carryall::server {

GpsTime ToArchival(const ReplayWindow& window, GpsTime t) {
  // 128 bits: the distance of two times may not fit into 64.
  const __int128 length = static_cast<__int128>(window.end.ns()) - window.start.ns();
  const __int128 distance = static_cast<__int128>(t.ns()) - window.start.ns();
  const __int128 rest = (distance % length + length) % length;
  return GpsTime::FromNs(static_cast<int64_t>(window.start.ns() + rest));
}

}  // namespace carryall::server
