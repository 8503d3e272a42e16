#include "carryall/server/service.h"

#include <algorithm>

#include "carryall/server/channel_groups.h"
#include "carryall/server/data_stream.h"
#include "carryall/server/flight_info.h"
#include "carryall/server/lookup.h"
#include "carryall/server/metadata_stream.h"
#include "carryall/server/open_source.h"
#include "carryall/server/registration.h"
#include "carryall/wire/description.h"
#include "carryall/wire/schemas.h"
#include "carryall/wire/url.h"

namespace carryall::server {

namespace af = arrow::flight;
using wire::Request;
using wire::RequestType;

namespace {

// A command, or its JSON as the only element of a path.
Result<std::string_view> CommandOf(const af::FlightDescriptor& descriptor) {
  if (descriptor.type == af::FlightDescriptor::CMD) return descriptor.cmd;
  if (descriptor.path.size() == 1) return descriptor.path.front();
  return Error(ErrorKind::kInvalidArgument,
               "descriptor must be a command, or a path of one element, got {} elements",
               descriptor.path.size());
}

Result<Request> ParseDescriptor(const af::FlightDescriptor& descriptor) {
  ARROW_ASSIGN_OR_RAISE(const std::string_view command, CommandOf(descriptor));
  return wire::ParseRequest(command);
}

metadata::ChannelQuery QueryOf(const wire::FindArgs& args) {
  metadata::ChannelQuery query;
  query.pattern = args.pattern;
  query.data_types = args.data_types;
  query.min_rate = args.min_rate;
  query.max_rate = args.max_rate;
  query.publishers = args.publishers;
  query.replay_id = args.replay_id;
  return query;
}

Result<wire::Accept> AcceptOf(const af::ServerCallContext& context) {
  const auto& headers = context.incoming_headers();
  const auto found = headers.find(std::string(wire::kAcceptHeader));
  if (found == headers.end()) return wire::Accept();
  return wire::ParseAccept(found->second);
}

codec::Form FormOf(wire::Accept::Form form) {
  return form == wire::Accept::Form::kRow ? codec::Form::kRow : codec::Form::kColumn;
}

codec::Compression CompressionOf(wire::Accept::Codec codec) {
  switch (codec) {
    case wire::Accept::Codec::kLz4:
      return codec::Compression::kLz4;
    case wire::Accept::Codec::kZstd:
      return codec::Compression::kZstd;
    case wire::Accept::Codec::kNone:
      break;
  }
  return codec::Compression::kNone;
}

// How many strides go into one batch: as many as the client takes, without making a batch
// large. A stride that could not be held at all is refused before anything is read.
Result<int64_t> StridesPerBatch(const ChannelSet& channels, Duration stride,
                                const wire::Accept& accept, const Limits& limits) {
  double bytes = 0;  // a sum that may be far beyond int64
  for (const Channel& channel : channels.channels()) {
    bytes += stride.seconds() * channel.sample_rate.hz() * ByteWidth(channel.data_type);
  }
  if (bytes > static_cast<double>(limits.stream_memory_bytes) / 2) {
    return Error(ErrorKind::kResourceExhausted,
                 "stream is too large: {} of {} channels are {:.0f} bytes, limit {}",
                 ToString(stride), channels.size(), bytes,
                 limits.stream_memory_bytes / 2);
  }
  const int64_t most =
      std::min(accept.bytes.value_or(limits.max_batch_bytes), limits.max_batch_bytes);
  const auto fit = static_cast<int64_t>(static_cast<double>(most) / std::max(bytes, 1.0));
  return std::clamp<int64_t>(accept.rows, 1, std::max<int64_t>(fit, 1));
}

Result<std::string> DescriptionOf(const ChannelSet& channels) {
  std::vector<const Channel*> described;
  described.reserve(channels.size());
  for (const Channel& channel : channels.channels()) described.push_back(&channel);
  return wire::FormatDescription(described);
}

// Whether a plan is no more than this server.
bool IsHereAlone(const std::vector<PlannedEndpoint>& endpoints) {
  return endpoints.size() == 1 && endpoints[0].locations.size() == 1 &&
         endpoints[0].locations[0] == wire::kReuseLocation;
}

bool IsPublishing(RequestType type) {
  return type == RequestType::kPublish || type == RequestType::kPartition;
}

}  // namespace

template <typename Body>
Status FlightService::Answer(const Call& call, Body&& body) {
  counters_.requests.fetch_add(1);
  const Status status = Shielded(body);
  if (!status.ok()) counters_.errors.fetch_add(1);
  return call.Finish(status);
}

Status FlightService::GetFlightInfo(const af::ServerCallContext& context,
                                    const af::FlightDescriptor& descriptor, Info* info) {
  const Call call(context);
  return Answer(call, [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const std::string_view command, CommandOf(descriptor));
    ARROW_ASSIGN_OR_RAISE(const Request request, wire::ParseRequest(command));
    call.Access(fmt::format("info:{}", wire::Name(request.type)), request);
    ARROW_ASSIGN_OR_RAISE(const wire::Accept accept, AcceptOf(context));
    ARROW_ASSIGN_OR_RAISE(*info, Plan(request, std::string(command), accept));
    return Status::OK();
  });
}

Result<FlightService::Info> FlightService::Plan(const Request& request,
                                                const std::string& command,
                                                const wire::Accept& accept) const {
  if (IsPublishing(request.type)) {
    ARROW_ASSIGN_OR_RAISE(const auto schema, SchemaOf(request, codec::Form::kColumn));
    return MakePlanHere(*schema, command);
  }
  ARROW_ASSIGN_OR_RAISE(const auto endpoints, EndpointsOf(request));
  std::string description;
  if (accept.describe && request.type == RequestType::kDescribe) {
    const auto catalogue = parts_.backend->catalogue();
    const wire::DescribeArgs& args = request.describe();
    ARROW_ASSIGN_OR_RAISE(const auto found,
                          Lookup(*catalogue, args.channels, args.replay_id));
    ARROW_ASSIGN_OR_RAISE(description, wire::FormatDescription(found));
    // That is all there is: no names again in a ticket for them, nor as an echo.
    return MakePlan(*wire::MetadataSchema(), "", {}, std::move(description));
  }
  if (request.type != RequestType::kStream) {
    ARROW_ASSIGN_OR_RAISE(const auto schema, SchemaOf(request, codec::Form::kColumn));
    return MakePlan(*schema, command, endpoints);
  }
  ARROW_ASSIGN_OR_RAISE(const auto channels, ChannelsOf(request.stream()));
  if (accept.describe) {
    ARROW_ASSIGN_OR_RAISE(description, DescriptionOf(*channels));
  }
  return MakePlan(*codec::StreamSchema(*channels, FormOf(accept.form)), command,
                  endpoints, std::move(description));
}

Result<std::vector<PlannedEndpoint>> FlightService::EndpointsOf(
    const Request& request) const {
  auto endpoints = parts_.routers->router()->Plan(request, parts_.clock->Now());
  // What came into the catalogue since the router was made can be served at once.
  if (!endpoints.ok() && parts_.routers->Refresh()) {
    endpoints = parts_.routers->router()->Plan(request, parts_.clock->Now());
  }
  return endpoints;
}

Result<std::shared_ptr<const ChannelSet>> FlightService::ChannelsOf(
    const wire::StreamArgs& args) const {
  return LookupForStream(*parts_.backend->catalogue(), args.channels, args.replay_id);
}

Result<std::shared_ptr<arrow::Schema>> FlightService::SchemaOf(const Request& request,
                                                               codec::Form form) const {
  switch (request.type) {
    case RequestType::kFind:
    case RequestType::kDescribe:
      return wire::MetadataSchema();
    case RequestType::kCount:
      return wire::CountSchema();
    case RequestType::kStream: {
      ARROW_ASSIGN_OR_RAISE(const auto channels, ChannelsOf(request.stream()));
      return codec::StreamSchema(*channels, form);
    }
    case RequestType::kPublish:
    case RequestType::kPartition: {
      ARROW_RETURN_NOT_OK(Registrar().status());
      return request.type == RequestType::kPublish ? wire::PublishSchema()
                                                   : wire::PartitionSchema();
    }
  }
  return Error(ErrorKind::kInternal, "request type has no schema");
}

Result<backend::Registrar*> FlightService::Registrar() const {
  if (backend::Registrar* registrar = parts_.backend->registrar()) return registrar;
  return Error(ErrorKind::kUnsupported, "this backend does not support publishing");
}

Status FlightService::PollFlightInfo(const af::ServerCallContext& context,
                                     const af::FlightDescriptor&,
                                     std::unique_ptr<af::PollInfo>*) {
  const Call call(context);
  call.Access("poll_info");
  return Status::NotImplemented("this server does not support PollFlightInfo" +
                                call.Suffix());
}

Status FlightService::GetSchema(const af::ServerCallContext& context,
                                const af::FlightDescriptor& descriptor,
                                std::unique_ptr<af::SchemaResult>* schema) {
  const Call call(context);
  return Answer(call, [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const Request request, ParseDescriptor(descriptor));
    call.Access(fmt::format("schema:{}", wire::Name(request.type)), request);
    ARROW_RETURN_NOT_OK(parts_.routers->router()->ResolveReplay(request).status());
    ARROW_ASSIGN_OR_RAISE(const wire::Accept accept, AcceptOf(context));
    ARROW_ASSIGN_OR_RAISE(const auto found, SchemaOf(request, FormOf(accept.form)));
    ARROW_ASSIGN_OR_RAISE(*schema, af::SchemaResult::Make(*found));
    return Status::OK();
  });
}

Status FlightService::DoGet(const af::ServerCallContext& context,
                            const af::Ticket& ticket, Stream* stream) {
  const Call call(context);
  return Answer(call, [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const Request request, wire::ParseRequest(ticket.ticket));
    call.Access(wire::Name(request.type), request);
    ARROW_ASSIGN_OR_RAISE(*stream, Get(request, call, context));
    return Status::OK();
  });
}

Result<FlightService::Stream> FlightService::Get(const Request& request, const Call& call,
                                                 const af::ServerCallContext& context) {
  if (request.type == RequestType::kPartition) {
    return Error(ErrorKind::kUnsupported, "request type is not valid for DoGet: {}",
                 wire::Name(request.type));
  }
  const std::shared_ptr<const Router> router = parts_.routers->router();
  ARROW_ASSIGN_OR_RAISE(const auto replay, router->ResolveReplay(request));
  if (request.type == RequestType::kPublish) return GetProperties(request);
  if (replay && replay->id) {
    if (request.type == RequestType::kDescribe) {
      ARROW_RETURN_NOT_OK(
          router->CheckReplayScope(request.describe().channels, *replay->id));
    } else if (request.type == RequestType::kStream) {
      ARROW_RETURN_NOT_OK(
          router->CheckReplayScope(request.stream().channels, *replay->id));
    }
  }
  ARROW_ASSIGN_OR_RAISE(StreamSlot slot, StreamSlot::Take(&counters_, parts_.limits));
  if (request.type == RequestType::kStream) {
    return GetData(request, replay, std::move(slot), call, context);
  }
  return GetMetadata(request, std::move(slot), call);
}

Result<FlightService::Stream> FlightService::GetMetadata(const Request& request,
                                                         StreamSlot slot,
                                                         const Call& call) const {
  const auto catalogue = parts_.backend->catalogue();
  if (request.type == RequestType::kDescribe) {
    const wire::DescribeArgs& args = request.describe();
    ARROW_ASSIGN_OR_RAISE(auto found, Lookup(*catalogue, args.channels, args.replay_id));
    return MakeChannelStream(catalogue, std::move(found), std::move(slot));
  }
  const metadata::ChannelQuery query = QueryOf(request.find());
  if (request.type == RequestType::kCount) {
    ARROW_ASSIGN_OR_RAISE(const int64_t count, catalogue->Count(query));
    ARROW_ASSIGN_OR_RAISE(auto batch, wire::EncodeCount(count));
    return MakeBatchStream(std::move(batch), std::move(slot));
  }
  ARROW_ASSIGN_OR_RAISE(auto finding, catalogue->Begin(query));
  return MakeFindStream(catalogue, std::move(finding), std::move(slot), call);
}

Result<FlightService::Stream> FlightService::GetProperties(const Request& request) {
  ARROW_ASSIGN_OR_RAISE(backend::Registrar* const registrar, Registrar());
  ARROW_ASSIGN_OR_RAISE(StreamSlot slot, StreamSlot::Take(&counters_, parts_.limits));
  const wire::PublisherArgs& args = request.publisher();
  ARROW_ASSIGN_OR_RAISE(const auto properties, registrar->PublisherProperties(
                                                   args.publisher_id, args.replay_id));
  ARROW_ASSIGN_OR_RAISE(auto batch, wire::EncodeProperties(properties));
  return MakeBatchStream(std::move(batch), std::move(slot));
}

Result<FlightService::Stream> FlightService::GetData(
    const Request& request, const std::optional<ReplayContext>& replay, StreamSlot slot,
    const Call& call, const af::ServerCallContext& context) {
  const wire::StreamArgs& args = request.stream();
  backend::StreamRequest ask;
  ARROW_ASSIGN_OR_RAISE(ask.channels, ChannelsOf(args));
  ARROW_ASSIGN_OR_RAISE(const wire::Accept accept, AcceptOf(context));
  codec::EncodeOptions options;
  ARROW_ASSIGN_OR_RAISE(options.stride, ask.channels->CommonStride());
  ARROW_ASSIGN_OR_RAISE(ask.max_strides, StridesPerBatch(*ask.channels, options.stride,
                                                         accept, parts_.limits));
  std::string description;
  if (accept.describe) {
    // Who asks for this has no plan: it must not miss what is elsewhere.
    ARROW_ASSIGN_OR_RAISE(const auto endpoints, EndpointsOf(request));
    if (!IsHereAlone(endpoints)) {
      return Error(ErrorKind::kUnavailable,
                   "this stream has to be planned, not all of it comes from this server");
    }
    ARROW_ASSIGN_OR_RAISE(description, DescriptionOf(*ask.channels));
  }
  const bool by_channel = accept.order == wire::Accept::Order::kChannel &&
                          FormOf(accept.form) == codec::Form::kRow;
  const int64_t batch_strides = ask.max_strides;
  if (by_channel) {
    ask.max_view_strides = ViewStrides(*ask.channels, options.stride, batch_strides);
  }
  ask.start = args.start;
  ask.end = args.end;
  ask.latency = accept.latency;

  BoundedPool::Ptr pool = BoundedPool::Make(parts_.limits.stream_memory_bytes);
  ask.pool = options.pool = pool.get();
  options.form = FormOf(accept.form);
  options.compression = CompressionOf(accept.codec);
  const auto channels = ask.channels;
  ARROW_ASSIGN_OR_RAISE(auto encoder, codec::StreamEncoder::Make(channels, options));
  ARROW_ASSIGN_OR_RAISE(
      auto source, OpenSource(parts_.backend, std::move(ask), replay, *parts_.clock));
  if (by_channel) {
    source = SplitByChannels(std::move(source), *channels, options.stride, batch_strides);
  }
  return std::make_unique<DataStream>(
      DataStream::Parts{std::move(pool), std::move(source), std::move(encoder),
                        std::move(slot), call, stop_.get_token(), &context, &counters_,
                        accept.heartbeat, std::move(description), by_channel});
}

Status FlightService::DoPut(const af::ServerCallContext& context,
                            std::unique_ptr<af::FlightMessageReader>,
                            std::unique_ptr<af::FlightMetadataWriter>) {
  const Call call(context);
  call.Access("DoPut");
  return Status::NotImplemented("this server does not support DoPut" + call.Suffix());
}

Status FlightService::DoExchange(const af::ServerCallContext& context,
                                 std::unique_ptr<af::FlightMessageReader> reader,
                                 std::unique_ptr<af::FlightMessageWriter> writer) {
  const Call call(context);
  return Answer(call, [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const Request request, ParseDescriptor(reader->descriptor()));
    call.Access("DoExchange", request);
    if (request.type != RequestType::kPartition) {
      return Error(ErrorKind::kUnsupported,
                   "request type is not valid for DoExchange: {}",
                   wire::Name(request.type));
    }
    ARROW_ASSIGN_OR_RAISE(backend::Registrar* const registrar, Registrar());
    ARROW_ASSIGN_OR_RAISE(std::vector<Channel> channels, ReadChannels(reader.get()));
    const wire::PublisherArgs& args = request.publisher();
    ARROW_ASSIGN_OR_RAISE(channels, registrar->Register(args.publisher_id, args.replay_id,
                                                        std::move(channels)));
    call.Log(LogLevel::kInfo, "registered: publisher={} channels={}",
             Printable(args.publisher_id, 128), channels.size());
    return WritePartitions(channels, writer.get());
  });
}

Status FlightService::DoAction(const af::ServerCallContext& context,
                               const af::Action& action,
                               std::unique_ptr<af::ResultStream>* result) {
  const Call call(context);
  call.Access(fmt::format("action:{}", action.type));
  return Answer(call, [&]() -> Status {
    parts_.routers->Refresh();
    const std::shared_ptr<const Router> router = parts_.routers->router();
    std::string json;
    if (action.type == "server-info") {
      json = ServerInfoJson(parts_.identity, router->map());
    } else if (action.type == "scope-map") {
      json = ScopeMapJson(*router);
    } else if (action.type == "replays") {
      json = ReplaysJson(router->map());
    } else {
      return Error(ErrorKind::kUnsupported,
                   "unknown action, this server has server-info, scope-map and replays: "
                   "'{}'",
                   action.type.substr(0, 128));
    }
    std::vector<af::Result> results(1);
    results[0].body = arrow::Buffer::FromString(std::move(json));
    *result = std::make_unique<af::SimpleResultStream>(std::move(results));
    return Status::OK();
  });
}

Status FlightService::ListActions(const af::ServerCallContext& context,
                                  std::vector<af::ActionType>* actions) {
  const Call call(context);
  call.Access("list_actions");
  *actions = {{"server-info", "What this server is and can do, as JSON."},
              {"scope-map", "Which server of the platform serves what, as JSON."},
              {"replays", "Named replays and their spans in GPS seconds, as JSON."}};
  return Status::OK();
}

Status FlightService::ListFlights(const af::ServerCallContext& context,
                                  const af::Criteria* criteria,
                                  std::unique_ptr<af::FlightListing>* listings) {
  const Call call(context);
  call.Access("list_flights");
  return Answer(call, [&]() -> Status {
    return MakeListing(*parts_.backend->catalogue(),
                       criteria == nullptr ? "" : criteria->expression)
        .Value(listings);
  });
}

}  // namespace carryall::server
