#pragma once

#include "carryall/base/time.h"

namespace carryall::server {

/// The archival span [start, end) that a replay repeats for ever. start < end.
struct ReplayWindow {
  GpsTime start;
  GpsTime end;

  Duration length() const { return end - start; }
  bool operator==(const ReplayWindow&) const = default;
};

/// The archival time that client-facing time `t` shows; inside the window (protocol 4.7).
GpsTime ToArchival(const ReplayWindow& window, GpsTime t);

/// How far client-facing time `t` lies ahead of the archival time it shows: a multiple of
/// the window's length, negative before the window.
inline Duration ReplayOffset(const ReplayWindow& window, GpsTime t) {
  return t - ToArchival(window, t);
}

}  // namespace carryall::server
