#include "carryall/client/drop_report.h"

#include "carryall/base/log.h"

namespace carryall::client {
namespace {

constexpr auto kPause = std::chrono::seconds(30);

}  // namespace

DropReport::DropReport(bool wanted, const StreamTracks& tracks) : wanted_(wanted) {
  for (const Track& track : tracks.tracks) lines_.push_back({track.name, {}, {}});
}

void DropReport::Report(const mux::BlockMux& mux) {
  if (!wanted_) return;
  for (size_t q = 0; q < lines_.size(); ++q) {
    Line& line = lines_[q];
    const mux::DropCounts now = mux.drops(q);
    const int64_t late = now.late - line.reported.late;
    const int64_t mismatch = now.stride_mismatch - line.reported.stride_mismatch;
    const int64_t overflow = now.overflow - line.reported.overflow;
    if (late + mismatch + overflow == 0 || SteadyNow() < line.not_before) continue;
    Log(LogLevel::kWarning,
        "blocks were dropped ({}): {} late or duplicate, {} of a wrong length, {} for "
        "want of room",
        line.name, late, mismatch, overflow);
    line.reported = now;
    line.not_before = SteadyNow() + kPause;
  }
}

}  // namespace carryall::client
