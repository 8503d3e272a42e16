#include "carryall/client/stream_plan.h"

#include <algorithm>

#include "carryall/base/clock.h"
#include "carryall/client/metadata.h"

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

Result<std::shared_ptr<const ChannelSet>> Streamable(std::vector<Channel> described,
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

// The endpoint's channels in the order of the plan, so that blocks of a single endpoint
// need no rearrangement.
Status Assign(const wire::StreamArgs& args, const StreamPlan& plan,
              StreamEndpoint* part) {
  part->start = args.start;
  part->end = args.end;
  for (const std::string& name : args.channels) {
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

}  // namespace

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
  wire::DescribeArgs describe;
  describe.channels = names;
  describe.time = MetadataTime(options, span, Clock::System().Now());
  describe.replay_id = options.replay_id;
  ARROW_ASSIGN_OR_RAISE(auto described,
                        Describe(session, describe, plan.headers, context));
  ARROW_ASSIGN_OR_RAISE(plan.channels,
                        Streamable(std::move(described), &plan.native_stride));

  wire::StreamArgs args;
  for (const Channel& channel : plan.channels->channels()) {
    args.channels.push_back(channel.name);
  }
  if (span.start) args.start = span.start->Floor(plan.native_stride);
  if (span.end) args.end = span.end->Ceil(plan.native_stride);
  args.replay_start = options.replay_start;
  args.replay_end = options.replay_end;
  args.replay_id = options.replay_id;
  ARROW_ASSIGN_OR_RAISE(auto endpoints,
                        session.Plan({wire::RequestType::kStream, args, std::nullopt},
                                     plan.headers, context));
  endpoints = MergeReplicas(std::move(endpoints));
  for (Endpoint& endpoint : endpoints) {
    auto ticket = ReadTicket(endpoint.ticket);
    // An opaque ticket can only mean everything.
    if (!ticket.ok() && endpoints.size() == 1) ticket = args;
    if (!ticket.ok()) {
      return Error(ErrorKind::kCorrupt, "{}: one of {} tickets cannot be read: {}",
                   session.url(), endpoints.size(), ticket.status().message());
    }
    StreamEndpoint part;
    part.endpoint = std::move(endpoint);
    ARROW_RETURN_NOT_OK(Assign(*ticket, plan, &part));
    if (!part.positions.empty()) plan.endpoints.push_back(std::move(part));
  }
  ARROW_RETURN_NOT_OK(CheckCoverage(session, plan));
  std::stable_sort(plan.endpoints.begin(), plan.endpoints.end(),
                   [](const StreamEndpoint& a, const StreamEndpoint& b) {
                     return a.start.value_or(GpsTime::Max()) <
                            b.start.value_or(GpsTime::Max());
                   });
  return plan;
}

flight::Headers AcceptHeaders(const ClientOptions& options, const ChannelSet& channels,
                              Duration stride, int64_t target_bytes) {
  if (!options.compact) return {};
  // In floating point: the numbers are a server's word and need not be sensible.
  double stride_bytes = 1;
  for (const Channel& channel : channels.channels()) {
    stride_bytes +=
        channel.sample_rate.hz() * stride.seconds() * ByteWidth(channel.data_type);
  }
  wire::Accept accept;
  accept.rows =
      static_cast<int64_t>(std::clamp(static_cast<double>(target_bytes) / stride_bytes,
                                      1.0, static_cast<double>(wire::kMaxAcceptRows)));
  accept.form = wire::Accept::Form::kRow;
  accept.codec = wire::CodecFromName(options.codec).ValueOr(wire::Accept::Codec::kNone);
  return {{std::string(wire::kAcceptHeader), wire::FormatAccept(accept)}};
}

}  // namespace carryall::client
