#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "carryall/base/status.h"

namespace carryall {

/// A span of time in integer nanoseconds. Explicit in, explicit out.
class Duration {
 public:
  constexpr Duration() = default;
  static constexpr Duration FromNs(int64_t ns) { return Duration(ns); }
  static constexpr Duration FromMs(int64_t ms) { return Duration(ms * 1'000'000); }
  static constexpr Duration FromSeconds(int64_t s) { return Duration(s * 1'000'000'000); }
  constexpr int64_t ns() const { return ns_; }
  constexpr double seconds() const { return static_cast<double>(ns_) / 1e9; }

  constexpr auto operator<=>(const Duration&) const = default;
  constexpr Duration operator+(Duration o) const { return Duration(ns_ + o.ns_); }
  constexpr Duration operator-(Duration o) const { return Duration(ns_ - o.ns_); }
  constexpr Duration operator-() const { return Duration(-ns_); }
  constexpr Duration operator*(int64_t k) const { return Duration(ns_ * k); }
  constexpr int64_t operator/(Duration o) const { return ns_ / o.ns_; }
  constexpr Duration operator%(Duration o) const { return Duration(ns_ % o.ns_); }

 private:
  explicit constexpr Duration(int64_t ns) : ns_(ns) {}
  int64_t ns_ = 0;
};

/// An instant of GPS time: integer nanoseconds since 1980-01-06T00:00:00 UTC, without
/// leap seconds (IS-GPS-200). The whole int64 range is a legal value; arithmetic near its
/// ends saturates.
class GpsTime {
 public:
  constexpr GpsTime() = default;
  static constexpr GpsTime FromNs(int64_t ns) { return GpsTime(ns); }
  static constexpr GpsTime FromSeconds(int64_t s) { return GpsTime(s * 1'000'000'000); }
  static constexpr GpsTime Max() { return GpsTime(std::numeric_limits<int64_t>::max()); }
  static constexpr GpsTime Min() { return GpsTime(std::numeric_limits<int64_t>::min()); }
  constexpr int64_t ns() const { return ns_; }
  /// Rounded once, as the quotient of two integers: a double cannot hold the nanoseconds
  /// of today, so dividing them by 1e9 would lose the last bits of 1000000000.125.
  constexpr double seconds() const {
    constexpr int64_t kExact = int64_t{1} << 53;
    if (-kExact <= ns_ && ns_ <= kExact) return static_cast<double>(ns_) / 1e9;
    return static_cast<double>(ns_ / 1'000'000'000) +  // NOLINT: whole seconds
           static_cast<double>(ns_ % 1'000'000'000) / 1e9;
  }

  constexpr auto operator<=>(const GpsTime&) const = default;
  constexpr GpsTime operator+(Duration d) const { return GpsTime(Add(ns_, d.ns())); }
  constexpr GpsTime operator-(Duration d) const { return GpsTime(Add(ns_, -d.ns())); }
  constexpr Duration operator-(GpsTime o) const {
    int64_t out = 0;
    if (__builtin_sub_overflow(ns_, o.ns_, &out)) {
      out = ns_ < o.ns_ ? std::numeric_limits<int64_t>::min()
                        : std::numeric_limits<int64_t>::max();
    }
    return Duration::FromNs(out);
  }

  /// The largest multiple of `stride` (counted from GPS 0) that is not after this.
  constexpr GpsTime Floor(Duration stride) const {
    const int64_t rest = ns_ % stride.ns();
    return GpsTime(Add(ns_, rest < 0 ? -(rest + stride.ns()) : -rest));
  }
  /// The smallest multiple of `stride` that is not before this.
  constexpr GpsTime Ceil(Duration stride) const {
    const GpsTime floor = Floor(stride);
    return floor == *this ? floor : floor + stride;
  }
  constexpr bool IsMultipleOf(Duration stride) const { return ns_ % stride.ns() == 0; }

 private:
  explicit constexpr GpsTime(int64_t ns) : ns_(ns) {}
  static constexpr int64_t Add(int64_t a, int64_t b) {
    int64_t out = 0;
    if (__builtin_add_overflow(a, b, &out)) {
      out = b < 0 ? std::numeric_limits<int64_t>::min()
                  : std::numeric_limits<int64_t>::max();
    }
    return out;
  }
  int64_t ns_ = 0;
};

/// Least common multiple of two positive durations; an error if it leaves int64.
Result<Duration> LeastCommonMultiple(Duration a, Duration b);

/// UTC -> GPS and back with the leap seconds announced up to 2017-01-01 (IERS Bulletin C
/// 52; none has been announced since). `unix_ns` counts UTC without leap seconds.
GpsTime GpsFromUnix(int64_t unix_ns);
int64_t UnixFromGps(GpsTime time);

/// Seconds as users write them, "1187008882.443", to nanoseconds without rounding through
/// a double; at most nine decimals. Also accepts ISO date times
/// ("2017-08-17T12:41:04.43", "2017-08-17 12:41:04 UTC", "2017-08-17"), "now", and
/// "now-60". Anything else is kInvalidArgument.
Result<GpsTime> ParseGpsTime(std::string_view text, GpsTime now);

/// Seconds as users write them to a duration ("60", "0.0625").
Result<Duration> ParseSeconds(std::string_view text);

/// "1187008882.443" with as many decimals as are needed, at most nine.
std::string FormatSeconds(int64_t ns);
inline std::string ToString(GpsTime t) { return FormatSeconds(t.ns()); }
inline std::string ToString(Duration d) { return FormatSeconds(d.ns()) + " s"; }

}  // namespace carryall
