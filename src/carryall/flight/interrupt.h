#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>

#include "carryall/base/clock.h"
#include "carryall/base/status.h"

namespace carryall::flight {

/// How a caller ends a wait from outside.
struct Interrupt {
  std::stop_token stop;
  /// Called from the waiting thread, without locks, at least every 100 ms of waiting; a
  /// status that is not OK ends the wait with it.
  std::function<Status()> poll;

  Status Check() const {
    if (stop.stop_requested())
      return Error(ErrorKind::kCancelled, "stopped by the caller");
    return poll ? poll() : Status::OK();
  }
};

/// Waits on `changed` until `ready()` or the deadline and gives what `ready` said last.
/// An interrupted wait gives the interrupt's status.
template <typename Ready>
Result<bool> WaitUntil(std::unique_lock<std::mutex>& lock,
                       std::condition_variable& changed, SteadyTime deadline,
                       const Interrupt& interrupt, Ready ready) {
  constexpr auto kSlice = std::chrono::milliseconds(100);
  while (!ready()) {
    const SteadyTime now = SteadyNow();
    if (now >= deadline) return false;
    lock.unlock();
    const Status status = interrupt.Check();
    lock.lock();
    ARROW_RETURN_NOT_OK(status);
    changed.wait_until(lock, std::min(deadline, now + kSlice), ready);
  }
  return true;
}

}  // namespace carryall::flight
