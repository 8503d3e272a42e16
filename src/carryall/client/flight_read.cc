#include "carryall/client/flight_read.h"

#include <algorithm>

#include "carryall/client/deadlines.h"

namespace carryall::client {
namespace {

constexpr Duration kLongestHeartbeat = Duration::FromSeconds(5);

std::string AcceptHeader(const ClientOptions& options, const StreamPlan& plan,
                         const StreamEndpoint& endpoint,
                         const EndpointReader::Options& wanted, bool quiet) {
  wire::Accept accept;
  accept.rows = StridesIn(wanted.batch_bytes, *endpoint.channels, plan.native_stride);
  if (wanted.by_channel) accept.order = wire::Accept::Order::kChannel;
  accept.form = wire::Accept::Form::kRow;
  accept.codec = wire::CodecFromName(options.codec).ValueOr(wire::Accept::Codec::kNone);
  if (plan.tolerance) accept.latency = ServerLatency(*plan.tolerance, plan.native_stride);
  if (quiet) {
    // Several, before the lack of them counts.
    const Duration third = Duration::FromNs(HeartbeatTimeout(options).ns() / 3);
    accept.heartbeat =
        std::max(std::min(third, kLongestHeartbeat), wire::kLeastHeartbeat);
  }
  return wire::FormatAccept(accept);
}

}  // namespace

FlightRead HowToRead(const std::shared_ptr<const Session>& session,
                     const StreamPlan& plan, const StreamEndpoint& endpoint,
                     const EndpointReader::Options& wanted, GpsTime now) {
  ClientOptions options = session->options();
  if (plan.silence) options.silence_timeout = plan.silence;
  FlightRead how;
  how.sink.ticket = endpoint.endpoint.ticket;
  how.sink.channels = endpoint.channels;
  how.sink.start = endpoint.start;
  how.sink.end = endpoint.end;
  how.sink.reconnects = plan.reconnect.has_value();

  flight::Headers headers = plan.headers;
  const bool is_past = endpoint.start && endpoint.end && *endpoint.end <= now;
  if (options.compact) {
    headers.emplace_back(wire::kAcceptHeader,
                         AcceptHeader(options, plan, endpoint, wanted, !is_past));
  }
  how.read = session->ReadOptions(endpoint.endpoint, endpoint.what, std::move(headers));
  how.read.silence_timeout = SilenceTimeout(options, endpoint, plan.tolerance, now);
  how.read.silent_until = SilentUntil(endpoint, now);
  how.read.heartbeat_timeout = HeartbeatTimeout(options);
  if (plan.reconnect) {
    how.read.reconnect = flight::Reconnect{
        *plan.reconnect,
        [session, headers = plan.headers](
            const std::string& ticket,
            const std::function<bool()>& stopped) -> Result<flight::Place> {
          CallContext context;
          context.poll = [&] {
            return stopped() ? Error(ErrorKind::kCancelled, "nobody waits for the plan")
                             : Status::OK();
          };
          ARROW_ASSIGN_OR_RAISE(Endpoint rest,
                                PlanRest(*session, ticket, headers, context));
          return flight::Place{std::move(rest.ticket), std::move(rest.urls)};
        }};
  }
  return how;
}

}  // namespace carryall::client
