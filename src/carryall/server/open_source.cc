#include "carryall/server/open_source.h"

#include "carryall/server/join_source.h"
#include "carryall/server/replay_source.h"

namespace carryall::server {

using backend::Backend;
using backend::BlockSource;
using backend::SourceStep;
using backend::StreamRequest;

namespace {

class EmptySource final : public BlockSource {
 public:
  Result<SourceStep> Next(const std::stop_token&, SteadyTime) override {
    return SourceStep{SourceStep::Kind::kEnd, {}};
  }
};

Result<std::unique_ptr<BlockSource>> OpenReplay(const std::shared_ptr<Backend>& backend,
                                                const StreamRequest& request,
                                                const ReplayWindow& window,
                                                const Clock& clock) {
  ReplaySource::Options options;
  options.window = window;
  options.channels = request.channels;
  options.start = request.start;
  options.end = request.end;
  options.max_strides = request.max_strides;
  options.clock = &clock;
  StreamRequest archival = request;
  archival.replay_id.reset();
  archival.replay_window.reset();
  return ReplaySource::Make(std::move(options),
                            [backend, archival](GpsTime start, GpsTime end) {
                              StreamRequest part = archival;
                              part.start = start;
                              part.end = end;
                              return backend->Stream(std::move(part));
                            });
}

// An end that cuts through a sample becomes the end of its stride, as backends do it.
std::optional<GpsTime> WholeSamples(std::optional<GpsTime> end,
                                    const ChannelSet& channels, Duration stride) {
  if (!end) return end;
  for (const Channel& channel : channels.channels()) {
    if (!channel.sample_rate.Divides(*end - GpsTime())) return end->Ceil(stride);
  }
  return end;
}

}  // namespace

Result<std::unique_ptr<BlockSource>> OpenSource(
    const std::shared_ptr<Backend>& backend, StreamRequest request,
    const std::optional<ReplayContext>& replay, const Clock& clock) {
  if (request.end && *request.end <= request.start.value_or(clock.Now())) {
    return std::make_unique<EmptySource>();
  }
  if (!replay) return backend->Stream(std::move(request));

  ARROW_ASSIGN_OR_RAISE(const Duration stride, request.channels->CommonStride());
  request.end = WholeSamples(request.end, *request.channels, stride);
  std::vector<Channel> raw, derived;
  for (const Channel& channel : request.channels->channels()) {
    (channel.replay_id ? derived : raw).push_back(channel);
  }
  request.replay_id = replay->id;
  request.replay_window = {replay->window.start, replay->window.end};
  if (derived.empty()) return OpenReplay(backend, request, replay->window, clock);
  if (raw.empty()) return backend->Stream(std::move(request));

  // Both parts begin at the same stride of the whole.
  const std::shared_ptr<const ChannelSet> all = request.channels;
  if (!request.start) request.start = clock.Now().Floor(stride);
  std::vector<JoinSource::Part> parts(2);
  ARROW_ASSIGN_OR_RAISE(parts[0].channels, ChannelSet::Make(std::move(raw)));
  request.channels = parts[0].channels;
  ARROW_ASSIGN_OR_RAISE(parts[0].source,
                        OpenReplay(backend, request, replay->window, clock));
  ARROW_ASSIGN_OR_RAISE(parts[1].channels, ChannelSet::Make(std::move(derived)));
  request.channels = parts[1].channels;
  ARROW_ASSIGN_OR_RAISE(parts[1].source, backend->Stream(request));
  return JoinSource::Make(all, std::move(parts), *request.start, request.end,
                          request.max_strides);
}

}  // namespace carryall::server
