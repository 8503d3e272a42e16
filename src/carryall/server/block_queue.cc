#include "carryall/server/block_queue.h"

#include <algorithm>
#include <vector>

#include "carryall/codec/assemble.h"

namespace carryall::server {

void BlockQueue::Push(SeriesBlock block) {
  known_ = std::max(known_, block.end());
  blocks_.push_back(std::move(block));
}

std::optional<GpsTime> BlockQueue::first() const {
  if (blocks_.empty()) return std::nullopt;
  return blocks_.front().time();
}

Result<SeriesBlock> BlockQueue::Take(GpsTime begin, GpsTime end) {
  std::vector<SeriesBlock> parts;
  GpsTime at = begin;
  while (at < end) {
    while (!blocks_.empty() && blocks_.front().end() <= at) blocks_.pop_front();
    if (blocks_.empty() || blocks_.front().time() > at) {
      const GpsTime until = blocks_.empty() ? end : std::min(end, blocks_.front().time());
      parts.push_back(SeriesBlock::Gap(at, until - at, channels_));
      at = until;
      continue;
    }
    const SeriesBlock& block = blocks_.front();
    const GpsTime until = std::min(end, block.end());
    if (block.time() == at && block.end() == until) {
      parts.push_back(block);
    } else {
      ARROW_ASSIGN_OR_RAISE(parts.emplace_back(), block.Slice(at, until - at));
    }
    at = until;
  }
  while (!blocks_.empty() && blocks_.front().end() <= end) blocks_.pop_front();
  if (parts.size() == 1) return std::move(parts.front());
  return codec::Concatenate(parts);
}

std::optional<GpsTime> EndOfRun(GpsTime begin, Duration stride, int64_t max_strides,
                                GpsTime limit, std::optional<GpsTime> end) {
  if (end) limit = std::min(limit, *end);
  const GpsTime grid = begin.Floor(stride);
  // A short first block stands alone, so that rows keep lying on the grid.
  const GpsTime last = grid + stride * (grid == begin ? max_strides : 1);
  GpsTime out = std::min(last, limit.Floor(stride));
  if (end && limit == *end && limit <= last) out = limit;
  if (out <= begin) return std::nullopt;
  return out;
}

}  // namespace carryall::server
