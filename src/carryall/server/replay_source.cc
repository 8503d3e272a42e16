#include "carryall/server/replay_source.h"

#include <algorithm>

#include "carryall/server/wait.h"

namespace carryall::server {

using backend::BlockSource;
using backend::SourceStep;

Result<std::unique_ptr<ReplaySource>> ReplaySource::Make(Options options, Open open) {
  ARROW_ASSIGN_OR_RAISE(const Duration stride, options.channels->CommonStride());
  const ReplayWindow& window = options.window;
  if (window.length() < stride) {
    return Error(ErrorKind::kInvalidReplay,
                 "replay window [{}, {}) is shorter than the stride of the channels: {}",
                 ToString(window.start), ToString(window.end), ToString(stride));
  }
  for (const Channel& channel : options.channels->channels()) {
    if (!channel.sample_rate.Divides(window.length()) ||
        !channel.sample_rate.Divides(window.start - GpsTime())) {
      return Error(ErrorKind::kInvalidReplay,
                   "replay window [{}, {}) cuts through a sample of channel {} at {} Hz",
                   ToString(window.start), ToString(window.end), channel.name,
                   channel.sample_rate.hz());
    }
  }
  const GpsTime start = options.start.value_or(options.clock->Now().Floor(stride));
  return std::unique_ptr<ReplaySource>(
      new ReplaySource(std::move(options), std::move(open), stride, start));
}

ReplaySource::ReplaySource(Options options, Open open, Duration stride, GpsTime start)
    : options_(std::move(options)),
      open_(std::move(open)),
      stride_(stride),
      cursor_(start),
      queue_(options_.channels, start) {}

Result<SourceStep> ReplaySource::Next(const std::stop_token& stop, SteadyTime deadline) {
  while (!stop.stop_requested()) {
    if (options_.end && cursor_ >= *options_.end)
      return SourceStep{SourceStep::Kind::kEnd, {}};
    // A block is shown when its time has come, as a live source would.
    const GpsTime now = options_.clock->Now();
    if (cursor_ > now) {
      if (!WaitFor(cursor_ - now, stop, deadline)) break;
      continue;
    }
    const GpsTime limit = std::min(queue_.known(), now.Floor(stride_) + stride_);
    const auto end =
        EndOfRun(cursor_, stride_, options_.max_strides, limit, options_.end);
    if (!end) {
      ARROW_ASSIGN_OR_RAISE(const bool more, Read(stop, deadline));
      if (!more) break;
      continue;
    }
    const GpsTime first = queue_.first().value_or(queue_.known()).Floor(stride_);
    if (first > cursor_) {
      cursor_ = first;
      continue;
    }
    SourceStep step{SourceStep::Kind::kBlock, {}};
    ARROW_ASSIGN_OR_RAISE(step.block, queue_.Take(cursor_, *end));
    cursor_ = *end;
    return step;
  }
  return SourceStep{};
}

Result<bool> ReplaySource::Read(const std::stop_token& stop, SteadyTime deadline) {
  if (archive_ == nullptr) {
    const GpsTime start = queue_.known();
    offset_ = ReplayOffset(options_.window, start);
    segment_end_ = options_.window.end + offset_;
    if (options_.end) segment_end_ = std::min(segment_end_, *options_.end);
    if (segment_end_ <= start) {  // only where times leave the range of int64
      return Error(ErrorKind::kInvalidReplay, "replay leaves the range of GPS times: {}",
                   ToString(start));
    }
    ARROW_ASSIGN_OR_RAISE(archive_, open_(start - offset_, segment_end_ - offset_));
  }
  ARROW_ASSIGN_OR_RAISE(SourceStep step, archive_->Next(stop, deadline));
  switch (step.kind) {
    case SourceStep::Kind::kHeartbeat:
      return false;
    case SourceStep::Kind::kEnd:
      queue_.DeclareKnown(segment_end_);
      archive_.reset();
      return true;
    case SourceStep::Kind::kBlock:
      break;
  }
  const SeriesBlock& block = step.block;
  queue_.Push(SeriesBlock(block.time() + offset_, block.duration(), block.channels(),
                          block.views(), block.owners()));
  if (queue_.known() >= segment_end_) archive_.reset();
  return true;
}

}  // namespace carryall::server
