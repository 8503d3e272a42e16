#pragma once

#include <vector>

#include "carryall/base/clock.h"
#include "carryall/client/stream_tracks.h"
#include "carryall/mux/block_mux.h"

namespace carryall::client {

/// Says in the log what a mux has dropped, at most every 30 s for each track. Not thread
/// safe.
class DropReport {
 public:
  DropReport(bool wanted, const StreamTracks& tracks);
  void Report(const mux::BlockMux& mux);

 private:
  struct Line {
    std::string name;
    mux::DropCounts reported;
    SteadyTime not_before{};
  };
  const bool wanted_;
  std::vector<Line> lines_;
};

}  // namespace carryall::client
