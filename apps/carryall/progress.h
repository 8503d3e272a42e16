#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "carryall/base/clock.h"

namespace carryall::apps {

/// One line on standard error that says how far a transfer is. Nothing is shown where
/// `shown` is false. One thread.
class ProgressLine {
 public:
  ProgressLine(bool shown, std::optional<GpsTime> start, std::optional<GpsTime> end)
      : shown_(shown), start_(start), end_(end) {}
  ~ProgressLine() { Clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Redraws, at most ten times a second. `waiting_for` may be empty.
  void Update(int64_t bytes, GpsTime complete_until, const std::string& waiting_for);
  /// To be called while waiting: says what for once nothing came for a second.
  void Wait(const std::string& waiting_for);
  void Clear();

 private:
  void Draw(SteadyTime now);

  bool shown_;
  std::optional<GpsTime> start_, end_;
  int64_t bytes_ = 0;
  std::optional<GpsTime> complete_until_;
  std::string waiting_for_;
  SteadyTime updated_ = SteadyNow();
  std::optional<SteadyTime> drawn_;
};

/// "1.5 MB".
std::string FormatBytes(int64_t bytes);

}  // namespace carryall::apps
