#pragma once

#include <algorithm>
#include <functional>
#include <stop_token>
#include <utility>

#include "carryall/base/clock.h"
#include "carryall/base/status.h"

namespace carryall::kafka {

/// How long a call may wait, and how its caller ends it from outside.
struct Wait {
  SteadyTime deadline;
  std::stop_token stop = {};
  /// Called from the waiting thread, without locks, at least every 100 ms of waiting; a
  /// status that is not OK ends the wait with it.
  std::function<Status()> poll = {};

  static Wait For(Duration timeout, std::stop_token stop = {}) {
    return {SteadyNow() + ToChrono(timeout), std::move(stop), {}};
  }

  /// OK while nobody wants the wait to end.
  Status Check() const {
    if (stop.stop_requested())
      return Error(ErrorKind::kCancelled, "stopped by the caller");
    return poll ? poll() : Status::OK();
  }

  bool Over() const { return SteadyNow() >= deadline; }

  /// Whole milliseconds to the deadline, rounded up, at most `most`.
  int Milliseconds(int most) const {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyNow()).count();
    return static_cast<int>(std::clamp<int64_t>(left, 0, most));
  }
  /// How long to wait before looking again whether to go on.
  int SliceMs() const { return Milliseconds(100); }
};

}  // namespace carryall::kafka
