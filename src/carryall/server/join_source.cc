#include "carryall/server/join_source.h"

#include <algorithm>

#include "carryall/codec/assemble.h"

namespace carryall::server {

using backend::SourceStep;

Result<std::unique_ptr<JoinSource>> JoinSource::Make(
    std::shared_ptr<const ChannelSet> channels, std::vector<Part> parts, GpsTime start,
    std::optional<GpsTime> end, int64_t max_strides) {
  std::unique_ptr<JoinSource> out(new JoinSource);
  ARROW_ASSIGN_OR_RAISE(out->stride_, channels->CommonStride());
  out->channels_ = std::move(channels);
  for (Part& part : parts) {
    out->inputs_.push_back(
        {std::move(part.source), BlockQueue(std::move(part.channels), start)});
  }
  out->cursor_ = start;
  out->end_ = end;
  out->max_strides_ = max_strides;
  return out;
}

Result<SourceStep> JoinSource::Next(const std::stop_token& stop, SteadyTime deadline) {
  while (!stop.stop_requested()) {
    if (end_ && cursor_ >= *end_) return SourceStep{SourceStep::Kind::kEnd, {}};
    GpsTime next = cursor_.Floor(stride_) + stride_;
    if (end_) next = std::min(next, *end_);
    GpsTime known = GpsTime::Max(), first = GpsTime::Max();
    bool all_ended = true;
    for (Input& input : inputs_) {
      ARROW_ASSIGN_OR_RAISE(const bool ready, Fill(input, next, stop, deadline));
      if (!ready) return SourceStep{};
      known = std::min(known, input.queue.known());
      first = std::min(first, input.queue.first().value_or(input.queue.known()));
      all_ended = all_ended && input.ended && !input.queue.first();
    }
    if (all_ended) return SourceStep{SourceStep::Kind::kEnd, {}};
    if (first.Floor(stride_) > cursor_) {
      cursor_ = first.Floor(stride_);
      continue;
    }
    const auto end = EndOfRun(cursor_, stride_, max_strides_, known, end_);
    if (!end) return Error(ErrorKind::kInternal, "joined stream does not advance");
    std::vector<SeriesBlock> blocks;
    for (Input& input : inputs_) {
      ARROW_ASSIGN_OR_RAISE(blocks.emplace_back(), input.queue.Take(cursor_, *end));
    }
    SourceStep step{SourceStep::Kind::kBlock, {}};
    ARROW_ASSIGN_OR_RAISE(step.block, codec::Combine(blocks, channels_));
    cursor_ = *end;
    return step;
  }
  return SourceStep{};
}

Result<bool> JoinSource::Fill(Input& input, GpsTime until, const std::stop_token& stop,
                              SteadyTime deadline) {
  while (input.queue.known() < until) {
    ARROW_ASSIGN_OR_RAISE(SourceStep step, input.source->Next(stop, deadline));
    if (step.kind == SourceStep::Kind::kHeartbeat) return false;
    if (step.kind == SourceStep::Kind::kEnd) {
      input.ended = true;
      input.queue.DeclareKnown(GpsTime::Max());
    } else {
      input.queue.Push(std::move(step.block));
    }
  }
  return true;
}

}  // namespace carryall::server
