#include "carryall/server/router.h"

#include <unordered_set>

#include "carryall/base/distinct.h"
#include "carryall/server/channel_errors.h"
#include "carryall/wire/url.h"

namespace carryall::server {
namespace {

const std::vector<std::string>& ChannelsOf(const wire::Request& request) {
  return request.type == wire::RequestType::kDescribe ? request.describe().channels
                                                      : request.stream().channels;
}

// The same request for other channels. There may be many: those of `request` are not
// copied.
wire::Request WithChannels(const wire::Request& request,
                           std::vector<std::string> channels) {
  wire::Request out{request.type, {}, std::string(wire::kSchemaVersion)};
  if (request.type == wire::RequestType::kDescribe) {
    const wire::DescribeArgs& args = request.describe();
    out.args = wire::DescribeArgs{std::move(channels), args.time, args.replay_id};
  } else {
    const wire::StreamArgs& args = request.stream();
    out.args = wire::StreamArgs{std::move(channels), args.start,      args.end,
                                args.replay_start,   args.replay_end, args.replay_id};
  }
  return out;
}

PlannedEndpoint Here(wire::Request request) {
  request.version = wire::kSchemaVersion;
  return {std::move(request), {std::string(wire::kReuseLocation)}};
}

std::string TimeText(const std::optional<GpsTime>& t) { return t ? ToString(*t) : "now"; }

std::string SpanText(const wire::Request& request) {
  if (request.type == wire::RequestType::kDescribe) {
    return "time " + TimeText(request.describe().time);
  }
  const wire::StreamArgs& args = request.stream();
  return fmt::format("span [{}, {})", TimeText(args.start),
                     args.end ? ToString(*args.end) : "open");
}

}  // namespace

Router::Router(ScopeMap map, size_t local) : map_(std::move(map)), local_(local) {
  for (const ServerEntry& server : map_.servers) {
    for (const auto& [domain, items] : server.scopes) {
      for (const ScopeItem& item : items) anyone_.Add(domain, item);
    }
    for (const auto& [id, scopes] : server.replay_scopes) {
      for (const auto& [domain, items] : scopes) {
        for (const ScopeItem& item : items) anyone_.Add(domain, item);
      }
    }
  }
  const ServerEntry& own = this->local();
  for (const std::string& id : own.replay_ids) views_[id];
  for (const auto& [id, scopes] : own.replay_scopes) {
    for (const auto& [domain, items] : scopes) {
      for (const ScopeItem& item : items) {
        views_[id].narrows = true;
        views_[id].claims.Add(domain, item);
      }
    }
  }
  bool has_tagged = false;
  for (const auto& [domain, items] : own.scopes) {
    for (const ScopeItem& item : items) {
      if (item.replay) {
        has_tagged = true;
        views_[*item.replay].narrows = true;
        views_[*item.replay].claims.Add(domain, item);
      } else {
        raw_.Add(domain, item);
      }
    }
  }
  has_raw_ = !raw_.empty() || !has_tagged;
}

Result<std::vector<PlannedEndpoint>> Router::Plan(const wire::Request& request,
                                                  GpsTime now) const {
  ARROW_ASSIGN_OR_RAISE(const std::optional<ReplayContext> replay,
                        ResolveReplay(request));
  switch (request.type) {
    case wire::RequestType::kFind:
    case wire::RequestType::kCount:
      return PlanFind(request, replay, now);
    case wire::RequestType::kDescribe:
    case wire::RequestType::kStream:
      return PlanChannels(request, replay, now);
    default:
      return Error(ErrorKind::kInternal, "request type cannot be planned: {}",
                   wire::Name(request.type));
  }
}

Result<std::vector<PlannedEndpoint>> Router::PlanFind(
    const wire::Request& request, const std::optional<ReplayContext>& replay,
    GpsTime now) const {
  std::vector<PlannedEndpoint> out;
  if (has_raw_ && Covers(request, replay ? &*replay : nullptr, now)) {
    wire::Request raw = request;
    std::get<wire::FindArgs>(raw.args).replay_id.reset();
    out.push_back(Here(std::move(raw)));
  }
  if (const ReplayView* view = FindView(replay);
      view != nullptr && (view->narrows || has_raw_) && Covers(request, nullptr, now)) {
    out.push_back(Here(request));
  }
  if (!out.empty()) return out;
  return Error(ErrorKind::kNoEndpoint, "no known endpoint covers the requested time: {}",
               TimeText(request.find().time));
}

Result<std::vector<PlannedEndpoint>> Router::PlanChannels(
    const wire::Request& request, const std::optional<ReplayContext>& replay,
    GpsTime now) const {
  const bool named = replay && replay->id;
  const ReplayView* view = FindView(replay);
  std::vector<std::string> under_replay, raw;
  std::vector<std::string_view> unclaimed, elsewhere;
  const std::vector<std::string_view> asked = Distinct(ChannelsOf(request));
  raw.reserve(asked.size());
  for (const std::string_view channel : asked) {
    if (view != nullptr && view->narrows && view->claims.Of(channel) != Claim::kNone) {
      under_replay.emplace_back(channel);
    } else if (raw_.Of(channel) != Claim::kNone) {
      raw.emplace_back(channel);
    } else if (anyone_.Of(channel) != Claim::kNone) {
      elsewhere.push_back(channel);
    } else {
      unclaimed.push_back(channel);
    }
  }
  if (!unclaimed.empty()) return ChannelsUnavailable(unclaimed);

  // A replay that nobody lists has no endpoint; one that narrows nothing is asked for at
  // the times as given; a narrowing one leaves its raw channels to archival time.
  const bool listed = !named || view != nullptr;
  const bool archival = replay && (!named || (view != nullptr && view->narrows));
  std::vector<PlannedEndpoint> out;
  const auto plan = [&](std::vector<std::string> channels, const ReplayContext* mapped,
                        const std::vector<const ClaimIndex*>& direct) -> Status {
    if (channels.empty() || !listed) return Status::OK();
    if (Covers(request, mapped, now)) {
      return AddEndpoints(request, std::move(channels), direct, &out);
    }
    const std::unordered_set<std::string_view> these(channels.begin(), channels.end());
    for (const std::string_view name : asked) {
      if (these.contains(name)) elsewhere.push_back(name);
    }
    return Status::OK();
  };
  // What was published under a replay stands in topics of its own. What a replay makes of
  // raw data is a server's work.
  std::vector<const ClaimIndex*> of_replay, of_raw;
  if (view != nullptr) of_replay = {&view->claims, &raw_};
  if (!replay) of_raw = {&raw_};
  ARROW_RETURN_NOT_OK(plan(std::move(under_replay), nullptr, of_replay));
  ARROW_RETURN_NOT_OK(plan(std::move(raw), archival ? &*replay : nullptr, of_raw));
  if (out.empty()) {
    return Error(ErrorKind::kNoEndpoint,
                 "no known endpoint can serve these channels at this time: {}, {}",
                 InBraces(asked), SpanText(request));
  }
  // A part that is left out silently would look like a complete answer.
  if (!elsewhere.empty()) return ChannelsUnavailable(elsewhere);
  return out;
}

Status Router::AddEndpoints(const wire::Request& request,
                            std::vector<std::string> channels,
                            const std::vector<const ClaimIndex*>& direct,
                            std::vector<PlannedEndpoint>* out) {
  std::vector<std::string> here;
  std::map<std::string, std::vector<std::string>> by_brokers;
  for (std::string& channel : channels) {
    std::string brokers;
    if (request.type == wire::RequestType::kStream) {
      for (const ClaimIndex* claims : direct) {
        if (brokers.empty()) brokers = claims->DirectRead(channel);
      }
    }
    (brokers.empty() ? here : by_brokers[brokers]).push_back(std::move(channel));
  }
  for (auto& [brokers, read_there] : by_brokers) {
    ARROW_ASSIGN_OR_RAISE(auto locations, wire::KafkaLocations(brokers));
    PlannedEndpoint endpoint = Here(WithChannels(request, std::move(read_there)));
    endpoint.locations.insert(endpoint.locations.begin(), locations.begin(),
                              locations.end());
    out->push_back(std::move(endpoint));
  }
  if (!here.empty()) out->push_back(Here(WithChannels(request, std::move(here))));
  return Status::OK();
}

bool Router::Covers(const wire::Request& request, const ReplayContext* replay,
                    GpsTime now) const {
  const auto mapped = [&](std::optional<GpsTime> t) -> std::optional<GpsTime> {
    if (replay == nullptr) return t;
    return ToArchival(replay->window, t.value_or(now.Floor(Duration::FromSeconds(1))));
  };
  switch (request.type) {
    case wire::RequestType::kStream:
      return CoversTime(mapped(request.stream().start), now) &&
             CoversTime(mapped(request.stream().end), now);
    case wire::RequestType::kDescribe: {
      const std::optional<GpsTime> t = mapped(request.describe().time);
      return !t || CoversTime(t, now);
    }
    default: {
      const std::optional<GpsTime> t = mapped(request.find().time);
      return !t || CoversTime(t, now);
    }
  }
}

bool Router::CoversTime(std::optional<GpsTime> t, GpsTime now) const {
  const backend::Retention& retention = local().retention;
  if (!t) return retention.newest == 0;
  const GpsTime second = t->Floor(Duration::FromSeconds(1));
  if (second >= now) return retention.newest == 0;
  const double age = (now - second).seconds();
  return retention.newest <= age && (!retention.oldest || age <= *retention.oldest);
}

const Router::ReplayView* Router::FindView(
    const std::optional<ReplayContext>& replay) const {
  if (!replay || !replay->id) return nullptr;
  const auto found = views_.find(*replay->id);
  return found == views_.end() ? nullptr : &found->second;
}

Result<std::optional<ReplayContext>> Router::ResolveReplay(
    const wire::Request& request) const {
  std::optional<GpsTime> start, end;
  std::optional<std::string> id;
  std::visit([&](const auto& args) { id = args.replay_id; }, request.args);
  if (request.type == wire::RequestType::kStream) {
    start = request.stream().replay_start;
    end = request.stream().replay_end;
  }
  if (!start && !end && !id) return std::nullopt;
  if (id && (start || end)) {
    return Error(ErrorKind::kInvalidReplay,
                 "replay is either named or given by its bounds, not both: '{}'", *id);
  }
  if (!id) {
    if (!start || !end) {
      return Error(ErrorKind::kInvalidReplay, "replay lacks its {}",
                   start ? "replay_end" : "replay_start");
    }
    if (*start >= *end) {
      return Error(ErrorKind::kInvalidReplay,
                   "replay must start before it ends: [{}, {})", ToString(*start),
                   ToString(*end));
    }
    return ReplayContext{{*start, *end}, std::nullopt};
  }
  const auto found = map_.replays.find(*id);
  if (found != map_.replays.end()) return ReplayContext{found->second, *id};
  std::vector<std::string_view> known;
  for (const auto& [name, window] : map_.replays) known.push_back(name);
  return Error(ErrorKind::kInvalidReplay, "unknown replay_id, this server knows {}: '{}'",
               known.empty() ? "no replays" : InBraces(known), id->substr(0, 128));
}

Status Router::CheckReplayScope(const std::vector<std::string>& channels,
                                const std::string& replay_id) const {
  const auto found = views_.find(replay_id);
  if (found == views_.end() || !found->second.narrows) return Status::OK();
  std::vector<std::string_view> outside;
  for (const std::string& channel : channels) {
    // Raw channels stay available under a replay: that is how they are planned.
    if (found->second.claims.Of(channel) == Claim::kNone &&
        raw_.Of(channel) == Claim::kNone) {
      outside.push_back(channel);
    }
  }
  if (outside.empty()) return Status::OK();
  return Error(ErrorKind::kUnavailable,
               "channels are not served by this server under replay '{}': {}", replay_id,
               InBraces(outside));
}

}  // namespace carryall::server
