#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "carryall/model/series_block.h"

namespace carryall::server {

/// Blocks of one source in time order, waiting to be cut to another grid. Not thread
/// safe.
class BlockQueue {
 public:
  explicit BlockQueue(std::shared_ptr<const ChannelSet> channels, GpsTime begin)
      : channels_(std::move(channels)), known_(begin) {}

  /// `block` begins at or after known().
  void Push(SeriesBlock block);
  /// Says that nothing but what was pushed exists before `time`.
  void DeclareKnown(GpsTime time) { known_ = std::max(known_, time); }
  /// Everything before this is either here or missing.
  GpsTime known() const { return known_; }
  /// Where the data that are left begin.
  std::optional<GpsTime> first() const;

  /// The samples of [begin, end) as one block, holes as gaps; drops everything before
  /// `end`. Blocks that fit are handed on as they are.
  Result<SeriesBlock> Take(GpsTime begin, GpsTime end);

 private:
  std::shared_ptr<const ChannelSet> channels_;
  std::deque<SeriesBlock> blocks_;
  GpsTime known_;
};

/// The end of the longest run of whole strides that begins at `begin`, holds at most
/// `max_strides`, and stops at `limit` (or at `end`, a stream's last cut). Nothing if not
/// even the first stride is complete.
std::optional<GpsTime> EndOfRun(GpsTime begin, Duration stride, int64_t max_strides,
                                GpsTime limit, std::optional<GpsTime> end);

}  // namespace carryall::server
