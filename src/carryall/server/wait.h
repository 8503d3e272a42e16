#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "carryall/base/clock.h"

namespace carryall::server {

/// Sleeps `span`, but not beyond `deadline` and no longer than until `stop` is requested.
/// True if the whole span has passed.
inline bool WaitFor(Duration span, const std::stop_token& stop, SteadyTime deadline) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  // Bounded before the sum: a span may be as long as time itself.
  const Duration day = Duration::FromSeconds(86400);
  const SteadyTime due = SteadyNow() + ToChrono(std::min(span, day));
  wake.wait_until(lock, stop, std::min(due, deadline), [] { return false; });
  return !stop.stop_requested() && SteadyNow() >= due;
}

}  // namespace carryall::server
