#include "carryall/client/time_span.h"

#include "carryall/model/sample_grid.h"
#include "carryall/wire/accept.h"

namespace carryall::client {

Result<TimeSpan> ResolveSpan(const StreamOptions& options) {
  if (options.latency_tolerance) {
    ARROW_RETURN_NOT_OK(
        wire::CheckLatency("latency tolerance", *options.latency_tolerance));
  }
  if (options.silence_timeout && options.silence_timeout->ns() <= 0) {
    return Error(ErrorKind::kInvalidArgument, "silence timeout must be above 0, got {}",
                 ToString(*options.silence_timeout));
  }
  if (options.reconnect && options.reconnect->ns() <= 0) {
    return Error(ErrorKind::kInvalidArgument, "time to reconnect must be above 0, got {}",
                 ToString(*options.reconnect));
  }
  TimeSpan span{options.start, options.end, std::nullopt};
  if (!options.duration) return span;
  if (options.end) {
    return Error(ErrorKind::kInvalidArgument,
                 "end and duration are mutually exclusive: got {} and {}",
                 ToString(*options.end), ToString(*options.duration));
  }
  if (options.start) {
    span.end = *options.start + *options.duration;
  } else if (options.duration->ns() < 0) {
    return Error(ErrorKind::kInvalidArgument, "duration is negative: {}",
                 ToString(*options.duration));
  } else {
    span.duration = options.duration;
  }
  return span;
}

Status CheckReplay(const StreamOptions& options) {
  const bool any = options.replay_start || options.replay_end;
  if (!any) return Status::OK();
  if (!options.replay_start || !options.replay_end) {
    return Error(ErrorKind::kInvalidReplay, "a replay window needs both its bounds");
  }
  if (options.replay_id) {
    return Error(ErrorKind::kInvalidReplay,
                 "a replay is given by its id or by its window, not by both: {}",
                 *options.replay_id);
  }
  if (*options.replay_end <= *options.replay_start) {
    return Error(ErrorKind::kInvalidReplay, "replay window is empty: [{}, {})",
                 ToString(*options.replay_start), ToString(*options.replay_end));
  }
  return Status::OK();
}

std::optional<GpsTime> MetadataTime(const StreamOptions& options, const TimeSpan& span,
                                    GpsTime now) {
  if (!options.replay_start) return span.start;
  const GpsTime begin = *options.replay_start;
  const GpsTime time = span.start.value_or(now.Floor(Duration::FromSeconds(1)));
  const Duration window = *options.replay_end - begin;
  const int64_t rest = (time - begin).ns() % window.ns();
  return begin + Duration::FromNs(rest < 0 ? rest + window.ns() : rest);
}

Status CheckOnSample(const ChannelSet& channels, GpsTime time, std::string_view what) {
  for (const Channel& channel : channels.channels()) {
    const SampleRate rate = channel.sample_rate;
    // Samples are counted from the beginning of the native block.
    const GpsTime block = channel.stride ? time.Floor(*channel.stride) : GpsTime();
    if (rate.Divides(time - block)) continue;
    const int64_t before = rate.SamplesIn(time - block);
    return Error(ErrorKind::kInvalidArgument,
                 "{} {} lies between two samples of {} at {} Hz; the nearest are at {} "
                 "and {}",
                 what, ToString(time), channel.name, rate.hz(),
                 ToString(block + rate.DurationOf(before)),
                 ToString(block + SpanOfSamples(rate, before + 1)));
  }
  return Status::OK();
}

}  // namespace carryall::client
