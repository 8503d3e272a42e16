#pragma once

#include <algorithm>
#include <optional>
#include <random>

#include "carryall/base/clock.h"

namespace carryall::flight {

/// When to try again what failed: after pauses that double from 100 ms to 5 s, each cut
/// by up to half at random, so that those who lost the same server do not come back at
/// the same moment. Ends `limit` after it was made; then there is one more attempt. Not
/// thread safe.
class Backoff {
 public:
  Backoff(SteadyTime now, Duration limit, uint64_t seed)
      : since_(now), end_(now + ToChrono(limit)), random_(seed) {}

  SteadyTime since() const { return since_; }
  int64_t tries() const { return tries_; }

  /// The time of the next attempt, as seen at `now`; nothing: there is none any more.
  std::optional<SteadyTime> Next(SteadyTime now) {
    if (now >= end_) return std::nullopt;
    ++tries_;
    const auto whole = std::chrono::duration_cast<std::chrono::nanoseconds>(pause_);
    pause_ = std::min(pause_ * 2, kLongest);
    std::uniform_int_distribution<int64_t> part(whole.count() / 2, whole.count());
    return std::min(now + std::chrono::nanoseconds(part(random_)), end_);
  }

 private:
  static constexpr std::chrono::milliseconds kShortest{100}, kLongest{5000};

  const SteadyTime since_, end_;
  std::chrono::milliseconds pause_ = kShortest;
  std::mt19937_64 random_;
  int64_t tries_ = 0;
};

}  // namespace carryall::flight
