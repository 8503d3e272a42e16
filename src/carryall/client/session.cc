#include "carryall/client/session.h"

#include "carryall/kafka/handle.h"
#include "carryall/wire/request_id.h"
#include "carryall/wire/url.h"

namespace carryall::client {
namespace {

// A plan is a server's word; each endpoint costs a thread and a connection.
constexpr size_t kMaxEndpoints = 4096;

}  // namespace

Session::Session(ClientOptions options, std::string url, relay::MakeFeed make_feed)
    : options_(std::move(options)),
      url_(std::move(url)),
      pool_(std::make_shared<flight::ConnectionPool>(
          flight::ConnectionOptions{options_.connect_timeout, options_.token})),
      brokers_(options_, std::move(make_feed)),
      describes_(options_.compact) {}

Result<std::shared_ptr<const Session>> Session::Make(ClientOptions options,
                                                     relay::MakeFeed make_feed) {
  ARROW_ASSIGN_OR_RAISE(const auto url, wire::ResolveServerUrl(options.url));
  ARROW_RETURN_NOT_OK(wire::CodecFromName(options.codec));
  for (const auto& [name, value] :
       {std::pair{"connect", std::optional(options.connect_timeout)},
        std::pair{"answer", std::optional(options.answer_timeout)},
        std::pair{"silence", options.silence_timeout}}) {
    if (value && value->ns() <= 0) {
      return Error(ErrorKind::kInvalidArgument, "{} timeout must be positive, not {}",
                   name, ToString(*value));
    }
  }
  return std::shared_ptr<const Session>(
      new Session(std::move(options), url.ToString(), std::move(make_feed)));
}

Result<Session::PendingPlan> Session::StartPlan(const wire::Request& request,
                                                const flight::Headers& headers) const {
  ARROW_ASSIGN_OR_RAISE(auto lease, pool_->Acquire(url_));
  PendingPlan pending(this, request.type, wire::SerializeRequest(request),
                      std::move(lease));
  pending.info_ = pending.lease_->StartGetFlightInfo(pending.command_, headers,
                                                     options_.answer_timeout);
  return pending;
}

Result<std::vector<Endpoint>> Session::PendingPlan::Wait(const CallContext& context) {
  auto info = info_->Wait(ToInterrupt(context));
  if (!info.ok()) lease_.Drop();
  ARROW_RETURN_NOT_OK(info);
  const auto& planned = (*info)->endpoints();
  if (planned.size() > kMaxEndpoints) {
    return Error(ErrorKind::kResourceExhausted, "{}: a plan of {} endpoints, at most {}",
                 session_->url(), planned.size(), kMaxEndpoints);
  }
  metadata_ = (*info)->app_metadata();
  const bool describes =
      type_ == wire::RequestType::kStream || type_ == wire::RequestType::kDescribe;
  if (describes && metadata_.empty()) session_->describes_.store(false);
  std::vector<Endpoint> endpoints;
  for (const auto& endpoint : planned) {
    ARROW_ASSIGN_OR_RAISE(
        endpoints.emplace_back(),
        session_->Complete(endpoint, type_ == wire::RequestType::kStream));
  }
  return endpoints;
}

Result<Endpoint> Session::Complete(const arrow::flight::FlightEndpoint& planned,
                                   bool may_read_brokers) const {
  Endpoint endpoint;
  endpoint.ticket = planned.ticket.ticket;
  std::string unreadable, brokers;
  may_read_brokers &= !planned.locations.empty() &&
                      wire::IsKafkaLocation(planned.locations[0].ToString());
  for (const auto& location : planned.locations) {
    const std::string text = location.ToString();
    if (may_read_brokers && wire::IsKafkaLocation(text)) {
      brokers += (brokers.empty() ? "" : ",") + text;
      continue;
    }
    const auto parsed = wire::ParseServerUrl(text);
    if (wire::IsReuseLocation(text)) {
      endpoint.urls.push_back(url_);
    } else if (parsed.ok()) {
      endpoint.urls.push_back(parsed->ToString());
    } else {
      unreadable += (unreadable.empty() ? "" : ", ") + text;
    }
  }
  if (planned.locations.empty()) endpoint.urls.push_back(url_);
  if (!brokers.empty()) {
    auto plain = kafka::PlainBrokers(brokers);
    if (plain.ok()) {
      endpoint.brokers = *std::move(plain);
      return endpoint;
    }
    unreadable = brokers;
  }
  if (endpoint.urls.empty()) {
    return Error(
        ErrorKind::kUnsupported,
        "{}: a part of the answer can only be read from locations of another kind "
        "than Flight: {}",
        url_, unreadable);
  }
  return endpoint;
}

Result<std::string> Session::Act(const std::string& type,
                                 const CallContext& context) const {
  ARROW_ASSIGN_OR_RAISE(auto lease, pool_->Acquire(url_));
  auto body = flight::Connection::DoAction(lease.connection(), type, CallHeaders(),
                                           options_.answer_timeout, ToInterrupt(context));
  if (!body.ok()) lease.Drop();
  return body;
}

flight::ReadOptions Session::ReadOptions(const Endpoint& endpoint, std::string what,
                                         flight::Headers headers) const {
  flight::ReadOptions read;
  read.urls = endpoint.urls;
  read.what = std::move(what);
  read.headers = std::move(headers);
  read.connect_timeout = options_.connect_timeout;
  read.answer_timeout = options_.answer_timeout;
  return read;
}

flight::Headers CallHeaders() {
  return {{std::string(wire::kRequestIdHeader), wire::RequestId("")}};
}

}  // namespace carryall::client
