#include "carryall/files/block_pieces.h"

#include <algorithm>

#include "carryall/model/sample_grid.h"

namespace carryall::files {
namespace {

constexpr Duration kSecond = Duration::FromSeconds(1);

// Which sample a block's first one is; a block may begin between samples.
int64_t FirstSampleOf(const SeriesBlock& block, SampleRate rate) {
  return SampleNear(rate, block.time()).value_or(FirstSampleAt(rate, block.time()));
}

// The part of a block from `begin` up to `cut`. Its ends need not be whole nanoseconds,
// as SeriesBlock::Slice asks for.
SeriesBlock Piece(const SeriesBlock& block, GpsTime begin, GpsTime cut) {
  std::vector<SampleView> views;
  views.reserve(block.size());
  Duration duration = cut - begin;
  for (size_t i = 0; i < block.size(); ++i) {
    const SampleView& view = block.view(i);
    const SampleRate rate = (*block.channels())[i].sample_rate;
    const int64_t first = FirstSampleOf(block, rate);
    const int64_t skip = begin == block.time() ? 0 : FirstSampleAt(rate, begin) - first;
    const int64_t stop =
        cut == block.end() ? view.length : FirstSampleAt(rate, cut) - first;
    views.push_back(view.Slice(skip, stop - skip));
    if (cut == block.end())
      duration = std::max(duration, SpanOfSamples(rate, stop - skip));
  }
  return SeriesBlock(begin, duration, block.channels(), std::move(views), block.owners());
}

}  // namespace

Status ForEachPiece(const SeriesBlock& block, int64_t max_bytes,
                    const std::function<Status(const SeriesBlock&)>& visit) {
  int64_t bytes = 0;
  for (const SampleView& view : block.views()) {
    bytes += view.length * ByteWidth(view.data_type);
  }
  if (bytes <= max_bytes || block.duration() <= kSecond) return visit(block);
  const int64_t bytes_a_second =
      std::max<int64_t>(1, bytes / std::max<int64_t>(1, block.duration() / kSecond));
  const Duration length = kSecond * std::max<int64_t>(1, max_bytes / bytes_a_second);
  GpsTime time = block.time();
  while (time < block.end()) {
    const GpsTime cut = std::min(block.end(), (time + length).Floor(kSecond));
    ARROW_RETURN_NOT_OK(visit(Piece(block, time, cut)));
    time = cut;
  }
  return Status::OK();
}

}  // namespace carryall::files
