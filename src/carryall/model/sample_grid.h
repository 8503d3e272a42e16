#pragma once

#include <cstdint>
#include <optional>

#include "carryall/base/time.h"
#include "carryall/model/channel.h"

namespace carryall {

/// Stored samples lie on one grid: sample n of a channel is at exactly n / rate seconds
/// after GPS 0, and the samples of a span [a, b) are those with a <= n / rate < b. All
/// arithmetic is exact; for rates of up to 1 GHz every function is the inverse of the
/// other.

/// The first sample at or after `time`.
constexpr int64_t FirstSampleAt(SampleRate rate, GpsTime time) {
  const __int128 scaled = static_cast<__int128>(time.ns()) * rate.hz();
  const __int128 floor = scaled / 1'000'000'000 - (scaled % 1'000'000'000 < 0 ? 1 : 0);
  return static_cast<int64_t>(floor * 1'000'000'000 == scaled ? floor : floor + 1);
}

/// The time of a sample, rounded down to whole nanoseconds; saturates.
constexpr GpsTime TimeOfSample(SampleRate rate, int64_t sample) {
  const __int128 scaled = static_cast<__int128>(sample) * 1'000'000'000;
  __int128 ns = scaled / rate.hz() - (scaled % rate.hz() < 0 ? 1 : 0);
  if (ns > GpsTime::Max().ns()) ns = GpsTime::Max().ns();
  if (ns < GpsTime::Min().ns()) ns = GpsTime::Min().ns();
  return GpsTime::FromNs(static_cast<int64_t>(ns));
}

/// How long a run of samples is said to last: rounded up to whole nanoseconds, so that
/// SampleRate::SamplesIn gives the run's length again.
constexpr Duration SpanOfSamples(SampleRate rate, int64_t samples) {
  const __int128 scaled = static_cast<__int128>(samples) * 1'000'000'000;
  return Duration::FromNs(static_cast<int64_t>((scaled + rate.hz() - 1) / rate.hz()));
}

/// The sample that `time` means if it is a sample's time rounded in either direction;
/// nothing if `time` lies between samples.
constexpr std::optional<int64_t> SampleNear(SampleRate rate, GpsTime time) {
  const int64_t next = FirstSampleAt(rate, time);
  for (const int64_t sample : {next, next - 1}) {
    const __int128 off = static_cast<__int128>(sample) * 1'000'000'000 -
                         static_cast<__int128>(time.ns()) * rate.hz();
    if (off < rate.hz() && -off < rate.hz()) return sample;
  }
  return std::nullopt;
}

}  // namespace carryall
