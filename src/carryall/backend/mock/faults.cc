#include "carryall/backend/mock/faults.h"

#include <cmath>

namespace carryall::backend::mock {
namespace {

struct Row {
  std::string_view name;
  FaultMode mode;
  double value;
};
constexpr Row kModes[] = {
    {"partial-gaps", FaultMode::kPartialGaps, 0.25},
    {"full-gaps", FaultMode::kFullGaps, 0},
    {"latency", FaultMode::kLatency, 2.0},
    {"stall", FaultMode::kStall, 5.0},
    {"duplicates", FaultMode::kDuplicates, 0},
};
constexpr double kMaxSleepSeconds = 86400;

}  // namespace

Result<Faults> Faults::Make(std::string_view mode, int64_t interval,
                            std::optional<double> value) {
  for (const Row& row : kModes) {
    if (row.name != mode) continue;
    if (interval < 1) {
      return Error(ErrorKind::kInvalidArgument,
                   "--fault-interval must be at least 1, got {}", interval);
    }
    const double used = value.value_or(row.value);
    const double most = row.mode == FaultMode::kPartialGaps ? 1 : kMaxSleepSeconds;
    if (!std::isfinite(used) || used < 0 || used > most) {
      return Error(ErrorKind::kInvalidArgument,
                   "--fault-value for {} must be from 0 to {}, got {}", mode, most, used);
    }
    return Faults{row.mode, interval, used};
  }
  return Error(ErrorKind::kInvalidArgument,
               "--with-faults must be one of partial-gaps, full-gaps, latency, stall, "
               "duplicates, got '{}'",
               mode);
}

}  // namespace carryall::backend::mock
