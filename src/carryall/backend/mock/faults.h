#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "carryall/base/time.h"

namespace carryall::backend::mock {

enum class FaultMode { kNone, kPartialGaps, kFullGaps, kLatency, kStall, kDuplicates };

/// What goes wrong, and how often (protocol 5.12): applied to the strides n > 0 of a
/// stream with n mod interval == 0, counting from 0.
struct Faults {
  FaultMode mode = FaultMode::kNone;
  int64_t interval = 10;
  /// Probability of a missing sample (partial-gaps) or seconds of sleep (latency, stall).
  double value = 0;

  /// From the option texts; no value = the mode's default (0.25, 2 s, 5 s).
  /// kInvalidArgument naming the option that is wrong.
  static Result<Faults> Make(std::string_view mode, int64_t interval,
                             std::optional<double> value);

  bool Hits(int64_t stride_number) const {
    return mode != FaultMode::kNone && stride_number > 0 && stride_number % interval == 0;
  }
};

}  // namespace carryall::backend::mock
