#pragma once

#include <atomic>
#include <chrono>

#include "carryall/base/time.h"

namespace carryall {

/// Where "now" comes from. Everything that decides by the time of day takes one, so tests
/// can drive time by hand. Thread safe.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Current GPS time.
  virtual GpsTime Now() const = 0;

  /// The machine's clock. Lives for the whole process.
  static const Clock& System();
};

/// A clock that moves only when told to. For tests and simulations. Thread safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(GpsTime now) : ns_(now.ns()) {}
  GpsTime Now() const override { return GpsTime::FromNs(ns_.load()); }
  void Set(GpsTime now) { ns_.store(now.ns()); }
  void Advance(Duration by) { ns_.fetch_add(by.ns()); }

 private:
  std::atomic<int64_t> ns_;
};

/// Deadlines and pacing use the steady clock, never the time of day.
using SteadyTime = std::chrono::steady_clock::time_point;
inline SteadyTime SteadyNow() { return std::chrono::steady_clock::now(); }
inline std::chrono::nanoseconds ToChrono(Duration d) {
  return std::chrono::nanoseconds(d.ns());
}

}  // namespace carryall
