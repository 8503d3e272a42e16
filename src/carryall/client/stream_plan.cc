#include "carryall/client/stream_plan.h"

#include <algorithm>
#include <unordered_set>

#include "carryall/base/clock.h"
#include "carryall/base/distinct.h"
#include "carryall/client/metadata.h"
#include "carryall/kafka/handle.h"
#include "carryall/relay/options.h"
#include "carryall/wire/description.h"

namespace carryall::client {
namespace {

// Channels and span of a ticket, which is the request's JSON with other values.
Result<wire::StreamArgs> ReadTicket(const std::string& ticket) {
  ARROW_ASSIGN_OR_RAISE(const wire::Request request, wire::ParseRequest(ticket));
  if (request.type != wire::RequestType::kStream) {
    return Error(ErrorKind::kCorrupt, "a ticket for something else than a stream: {}",
                 wire::Name(request.type));
  }
  return request.stream();
}

// The endpoint's channels in the order of the plan, so that blocks of a single endpoint
// need no rearrangement.
Status Assign(const wire::StreamArgs& args, const StreamPlan& plan,
              StreamEndpoint* part) {
  part->start = args.start;
  part->end = args.end;
  size_t next = 0;  // mostly they come as they were asked for
  for (const std::string& name : args.channels) {
    if (next < plan.channels->size() && (*plan.channels)[next].name == name) {
      part->positions.push_back(static_cast<int32_t>(next++));
      continue;
    }
    const auto position = plan.channels->Find(name);
    if (!position) {
      return Error(ErrorKind::kCorrupt,
                   "an endpoint carries a channel nobody asked for: {}", name);
    }
    part->positions.push_back(static_cast<int32_t>(*position));
  }
  std::sort(part->positions.begin(), part->positions.end());
  part->positions.erase(std::unique(part->positions.begin(), part->positions.end()),
                        part->positions.end());
  std::vector<Channel> channels;
  std::vector<std::string> names;
  for (const int32_t position : part->positions) {
    channels.push_back((*plan.channels)[static_cast<size_t>(position)]);
    names.push_back(channels.back().name);
  }
  part->what = NameSome(names);
  if (channels.size() == plan.channels->size()) {
    part->channels = plan.channels;
    return Status::OK();
  }
  return ChannelSet::Make(std::move(channels)).Value(&part->channels);
}

// Brokers know nothing of replays of what was, and a channel only by its partition.
Status CheckDirect(const ChannelSet& channels, const StreamOptions& options) {
  if (options.replay_start) {
    return Error(ErrorKind::kUnsupported,
                 "a window cannot be replayed straight from brokers, only by a server");
  }
  for (const Channel& channel : channels.channels()) {
    ARROW_RETURN_NOT_OK(relay::StandardTopic(channel).status());
    if (channel.partition_index) continue;
    return Error(ErrorKind::kUnavailable, "channel has no place in its partition: {}",
                 channel.name);
  }
  return Status::OK();
}

// All channels from the brokers that the user named.
Result<StreamPlan> PlanDirect(StreamPlan plan, const wire::StreamArgs& args,
                              const StreamOptions& options, std::string brokers) {
  StreamEndpoint part;
  part.endpoint.brokers = std::move(brokers);
  ARROW_RETURN_NOT_OK(CheckDirect(*plan.channels, options));
  ARROW_RETURN_NOT_OK(Assign(args, plan, &part));
  plan.endpoints.push_back(std::move(part));
  return plan;
}

Status CheckCoverage(const Session& session, const StreamPlan& plan) {
  std::vector<bool> covered(plan.channels->size());
  for (const StreamEndpoint& part : plan.endpoints) {
    for (const int32_t position : part.positions) {
      covered[static_cast<size_t>(position)] = true;
    }
  }
  std::vector<std::string> missing;
  for (size_t i = 0; i < covered.size(); ++i) {
    if (!covered[i]) missing.push_back((*plan.channels)[i].name);
  }
  if (missing.empty()) return Status::OK();
  return Error(ErrorKind::kUnavailable, "{}: no endpoint serves {} for that span",
               session.url(), NameSome(missing));
}

// Endpoints with one ticket are replicas of each other.
std::vector<Endpoint> MergeReplicas(std::vector<Endpoint> endpoints) {
  std::vector<Endpoint> merged;
  for (Endpoint& endpoint : endpoints) {
    const auto same = std::find_if(merged.begin(), merged.end(), [&](const Endpoint& e) {
      return e.ticket == endpoint.ticket;
    });
    if (same == merged.end()) {
      merged.push_back(std::move(endpoint));
    } else {
      same->urls.insert(same->urls.end(), endpoint.urls.begin(), endpoint.urls.end());
    }
  }
  return merged;
}

constexpr Duration kUsualStride = Duration::FromNs(62'500'000);

// Whether rounding to whole strides is likely to leave the span as it is, so that it can
// be asked for before the strides are known.
bool IsOnUsualStrides(const TimeSpan& span) {
  const auto whole = [](const std::optional<GpsTime>& time) {
    return !time || time->Floor(kUsualStride) == *time;
  };
  return whole(span.start) && whole(span.end);
}

// The channels, each once, in the order of their names; none if they did not all come
// with the plan.
std::vector<Channel> FromPlan(const std::string& metadata,
                              const std::vector<std::string>& names) {
  if (metadata.empty()) return {};
  auto read = wire::ReadDescription(metadata);
  if (!read.ok() || !PutInOrder(Distinct(names), &*read)) return {};
  return *std::move(read);
}

Result<Session::PendingPlan> StartPlan(const Session& session,
                                       const wire::StreamArgs& args,
                                       flight::Headers headers) {
  if (session.options().compact) {
    // In row form the schema of the answer is a small one.
    headers.emplace_back(wire::kAcceptHeader,
                         wire::FormatAccept({1, wire::Accept::Form::kRow, {}, true}));
  }
  return session.StartPlan({wire::RequestType::kStream, args, std::nullopt}, headers);
}

}  // namespace

Result<std::shared_ptr<const ChannelSet>> StreamableSet(std::vector<Channel> described,
                                                        Duration* stride) {
  ARROW_ASSIGN_OR_RAISE(auto channels, ChannelSet::Make(std::move(described)));
  ARROW_ASSIGN_OR_RAISE(*stride, channels->CommonStride());
  for (const Channel& channel : channels->channels()) {
    if (!channel.sample_rate.Divides(*channel.stride)) {
      return Error(ErrorKind::kInvalidArgument,
                   "channel cannot be streamed, its stride of {} does not hold a whole "
                   "number of samples at {} Hz: {}",
                   ToString(*channel.stride), channel.sample_rate.hz(), channel.name);
    }
  }
  return channels;
}

bool StreamPlan::has_shared_channels() const {
  std::vector<bool> seen(channels->size());
  for (const StreamEndpoint& part : endpoints) {
    for (const int32_t position : part.positions) {
      if (seen[static_cast<size_t>(position)]) return true;
      seen[static_cast<size_t>(position)] = true;
    }
  }
  return false;
}

Result<StreamPlan> PlanStream(const Session& session,
                              const std::vector<std::string>& names,
                              const StreamOptions& options, const TimeSpan& span,
                              const CallContext& context) {
  ARROW_RETURN_NOT_OK(CheckReplay(options));
  StreamPlan plan;
  plan.headers = CallHeaders();
  plan.tolerance = options.latency_tolerance;
  plan.reconnect = options.reconnect;
  plan.silence = options.silence_timeout;
  wire::StreamArgs args;
  args.channels = names;
  args.start = span.start;
  args.end = span.end;
  args.replay_start = options.replay_start;
  args.replay_end = options.replay_end;
  args.replay_id = options.replay_id;
  const wire::StreamArgs guess = args;
  std::optional<Session::PendingPlan> pending;
  std::optional<Result<std::vector<Endpoint>>> planned;
  std::vector<Channel> described;
  std::string brokers;
  if (options.kafka_url) {
    ARROW_ASSIGN_OR_RAISE(brokers, kafka::PlainBrokers(*options.kafka_url));
  } else if (IsOnUsualStrides(span) && !names.empty()) {
    ARROW_ASSIGN_OR_RAISE(pending, StartPlan(session, guess, plan.headers));
    if (session.describes()) {
      planned = pending->Wait(context);
      if (planned->ok()) described = FromPlan(pending->metadata(), names);
    }
  }
  const bool described_first = described.empty();
  if (described_first) {
    // If planning failed, this says best what is wrong.
    wire::DescribeArgs describe;
    describe.channels = names;
    describe.time = MetadataTime(options, span, Clock::System().Now());
    describe.replay_id = options.replay_id;
    ARROW_ASSIGN_OR_RAISE(described, Describe(session, describe, plan.headers, context));
  }
  ARROW_ASSIGN_OR_RAISE(plan.channels,
                        StreamableSet(std::move(described), &plan.native_stride));

  args.channels.clear();
  for (const Channel& channel : plan.channels->channels()) {
    args.channels.push_back(channel.name);
  }
  if (span.start) args.start = span.start->Floor(plan.native_stride);
  if (span.end) args.end = span.end->Ceil(plan.native_stride);
  if (!brokers.empty()) {
    return PlanDirect(std::move(plan), args, options, std::move(brokers));
  }
  if (!pending || args.channels != guess.channels || args.start != guess.start ||
      args.end != guess.end) {
    pending.reset();
    planned.reset();
    ARROW_ASSIGN_OR_RAISE(pending, StartPlan(session, args, plan.headers));
  }
  if (!planned) planned = pending->Wait(context);
  ARROW_ASSIGN_OR_RAISE(auto endpoints, *std::move(planned));
  endpoints = MergeReplicas(std::move(endpoints));
  for (Endpoint& endpoint : endpoints) {
    auto ticket = endpoint.ticket == pending->command() ? Result<wire::StreamArgs>(args)
                                                        : ReadTicket(endpoint.ticket);
    if (!described_first && endpoints.size() == 1 && endpoint.brokers.empty() &&
        endpoint.ticket == pending->command() &&
        endpoint.urls == std::vector{session.url()}) {
      session.NoteAlone(true);
    }
    // An opaque ticket can only mean everything.
    if (!ticket.ok() && endpoints.size() == 1) ticket = args;
    if (!ticket.ok()) {
      return Error(ErrorKind::kCorrupt, "{}: one of {} tickets cannot be read: {}",
                   session.url(), endpoints.size(), ticket.status().message());
    }
    StreamEndpoint part;
    part.endpoint = std::move(endpoint);
    ARROW_RETURN_NOT_OK(Assign(*ticket, plan, &part));
    if (part.positions.empty()) continue;
    if (!part.endpoint.brokers.empty()) {
      ARROW_RETURN_NOT_OK(CheckDirect(*part.channels, options));
    }
    plan.endpoints.push_back(std::move(part));
  }
  ARROW_RETURN_NOT_OK(CheckCoverage(session, plan));
  std::stable_sort(plan.endpoints.begin(), plan.endpoints.end(),
                   [](const StreamEndpoint& a, const StreamEndpoint& b) {
                     return a.start.value_or(GpsTime::Max()) <
                            b.start.value_or(GpsTime::Max());
                   });
  return plan;
}

int64_t StridesIn(int64_t target_bytes, const ChannelSet& channels, Duration stride) {
  // In floating point: the numbers are a server's word and need not be sensible.
  double stride_bytes = 1;
  for (const Channel& channel : channels.channels()) {
    stride_bytes +=
        channel.sample_rate.hz() * stride.seconds() * ByteWidth(channel.data_type);
  }
  return static_cast<int64_t>(std::clamp(static_cast<double>(target_bytes) / stride_bytes,
                                         1.0, static_cast<double>(wire::kMaxAcceptRows)));
}

Result<Endpoint> PlanRest(const Session& session, const std::string& ticket,
                          const flight::Headers& headers, const CallContext& context) {
  ARROW_ASSIGN_OR_RAISE(const wire::StreamArgs wanted, ReadTicket(ticket));
  ARROW_ASSIGN_OR_RAISE(
      auto endpoints,
      session.Plan({wire::RequestType::kStream, wanted, std::nullopt}, headers, context));
  endpoints = MergeReplicas(std::move(endpoints));
  std::erase_if(endpoints, [](const Endpoint& each) { return each.urls.empty(); });
  if (endpoints.size() == 1 && !ReadTicket(endpoints.front().ticket).ok()) {
    return std::move(endpoints.front());
  }
  Endpoint* first = nullptr;
  GpsTime first_start;
  for (Endpoint& endpoint : endpoints) {
    const auto carried = ReadTicket(endpoint.ticket);
    if (!carried.ok()) continue;
    const std::unordered_set<std::string_view> names(carried->channels.begin(),
                                                     carried->channels.end());
    const GpsTime start = carried->start.value_or(GpsTime::Max());
    if ((first != nullptr && start >= first_start) ||
        !std::all_of(wanted.channels.begin(), wanted.channels.end(),
                     [&](const std::string& name) { return names.contains(name); })) {
      continue;
    }
    first = &endpoint;
    first_start = start;
  }
  if (first != nullptr) return std::move(*first);
  return Error(ErrorKind::kUnavailable, "{}: no endpoint serves all of {} any more",
               session.url(), NameSome(wanted.channels));
}

}  // namespace carryall::client
