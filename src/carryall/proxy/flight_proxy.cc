#include "carryall/proxy/flight_proxy.h"

#include <arrow/flight/client.h>
#include <arrow/flight/server.h>
#include <arrow/flight/server_middleware.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "carryall/base/log.h"
#include "carryall/flight/connection.h"
#include "carryall/flight/interrupt.h"
#include "carryall/flight/status.h"
#include "carryall/proxy/forwarded_stream.h"
#include "carryall/wire/accept.h"
#include "carryall/wire/request_id.h"
#include "carryall/wire/url.h"

namespace carryall::proxy {

namespace af = arrow::flight;

namespace {

constexpr Duration kAnswerTimeout = Duration::FromSeconds(30);
// What is collected before it is handed on.
constexpr size_t kMostListed = 100'000;
constexpr int64_t kMostActionBytes = int64_t{64} << 20;

// What a caller says that his server is to hear.
flight::Headers HeadersOf(const af::ServerCallContext& context) {
  flight::Headers out;
  for (const std::string_view name :
       {std::string_view("authorization"), wire::kRequestIdHeader, wire::kAcceptHeader}) {
    const auto [begin, end] = context.incoming_headers().equal_range(std::string(name));
    for (auto header = begin; header != end; ++header) {
      out.emplace_back(header->first, header->second);
    }
  }
  return out;
}

// Refuses uploads before anything of them is read.
class NoUploads final : public af::ServerMiddlewareFactory {
 public:
  Status StartCall(const af::CallInfo& info, const af::ServerCallContext&,
                   std::shared_ptr<af::ServerMiddleware>*) override {
    if (info.method != af::FlightMethod::DoPut &&
        info.method != af::FlightMethod::DoExchange) {
      return Status::OK();
    }
    return flight::ToFlightStatus(
        Error(ErrorKind::kUnsupported, "{}", kPublishUnsupported));
  }
};

// What a question to the backend that runs elsewhere leaves behind.
template <typename T>
struct Outcome {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Result<T>> result;
};

Result<std::vector<af::FlightInfo>> Collect(af::FlightListing& listing) {
  std::vector<af::FlightInfo> all;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto info, listing.Next());
    if (info == nullptr) return all;
    if (all.size() == kMostListed) {
      return Error(ErrorKind::kResourceExhausted, "more than {} flights", kMostListed);
    }
    all.push_back(*info);
  }
}

Result<std::vector<af::Result>> Collect(af::ResultStream& results) {
  std::vector<af::Result> all;
  int64_t bytes = 0;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto result, results.Next());
    if (result == nullptr) return all;
    bytes += result->body == nullptr ? 0 : result->body->size();
    if (bytes > kMostActionBytes) {
      return Error(ErrorKind::kResourceExhausted, "results of more than {} bytes",
                   kMostActionBytes);
    }
    all.push_back(std::move(*result));
  }
}

}  // namespace

class FlightProxy::Service final : public af::FlightServerBase {
 public:
  Service(std::string backend, std::shared_ptr<af::FlightClient> client,
          LocationMap locations)
      : backend_(std::move(backend)),
        client_(std::move(client)),
        locations_(std::move(locations)) {}

  void EndStreams() {
    stop_.request_stop();
    watch_->Stop();
  }
  LocationMap locations() const {
    const std::lock_guard lock(mutex_);
    return locations_;
  }
  void SetLocations(LocationMap locations) {
    const std::lock_guard lock(mutex_);
    locations_ = std::move(locations);
  }

  Status GetFlightInfo(const af::ServerCallContext& context,
                       const af::FlightDescriptor& descriptor,
                       std::unique_ptr<af::FlightInfo>* out) override {
    ARROW_ASSIGN_OR_RAISE(
        const auto info,
        Ask<std::shared_ptr<af::FlightInfo>>(
            context, [descriptor](af::FlightClient& client, const auto& options) {
              return client.GetFlightInfo(options, descriptor);
            }));
    return Mapped(*info).Value(out);
  }
  Status ListFlights(const af::ServerCallContext& context, const af::Criteria* criteria,
                     std::unique_ptr<af::FlightListing>* out) override {
    ARROW_ASSIGN_OR_RAISE(
        const auto listed,
        Ask<std::vector<af::FlightInfo>>(
            context,
            [criteria = criteria == nullptr ? af::Criteria() : *criteria](
                af::FlightClient& client,
                const auto& options) -> Result<std::vector<af::FlightInfo>> {
              ARROW_ASSIGN_OR_RAISE(const auto listing,
                                    client.ListFlights(options, criteria));
              return Collect(*listing);
            }));
    std::vector<af::FlightInfo> flights;
    for (const af::FlightInfo& info : listed) {
      ARROW_ASSIGN_OR_RAISE(const auto mapped, Mapped(info));
      flights.push_back(*mapped);
    }
    *out = std::make_unique<af::SimpleFlightListing>(std::move(flights));
    return Status::OK();
  }
  Status GetSchema(const af::ServerCallContext& context,
                   const af::FlightDescriptor& descriptor,
                   std::unique_ptr<af::SchemaResult>* out) override {
    ARROW_ASSIGN_OR_RAISE(
        const auto schema,
        Ask<std::shared_ptr<af::SchemaResult>>(
            context, [descriptor](af::FlightClient& client, const auto& options) {
              return client.GetSchema(options, descriptor);
            }));
    *out = std::make_unique<af::SchemaResult>(*schema);
    return Status::OK();
  }
  Status DoAction(const af::ServerCallContext& context, const af::Action& action,
                  std::unique_ptr<af::ResultStream>* out) override {
    ARROW_ASSIGN_OR_RAISE(
        auto results,
        Ask<std::vector<af::Result>>(
            context,
            [action](af::FlightClient& client,
                     const auto& options) -> Result<std::vector<af::Result>> {
              ARROW_ASSIGN_OR_RAISE(const auto stream, client.DoAction(options, action));
              return Collect(*stream);
            }));
    *out = std::make_unique<af::SimpleResultStream>(std::move(results));
    return Status::OK();
  }
  Status ListActions(const af::ServerCallContext& context,
                     std::vector<af::ActionType>* out) override {
    return Ask<std::vector<af::ActionType>>(
               context, [](af::FlightClient& client,
                           const auto& options) { return client.ListActions(options); })
        .Value(out);
  }
  Status DoGet(const af::ServerCallContext& context, const af::Ticket& ticket,
               std::unique_ptr<af::FlightDataStream>* out) override {
    // Streams have connections of their own: one that is not read holds up no other.
    auto lease = pool_->Acquire(backend_);
    if (!lease.ok()) return flight::ToFlightStatus(lease.status());
    auto stream = (*lease)->DoGet(ticket.ticket, HeadersOf(context));
    if (!stream.ok()) {
      lease->Drop();
      return flight::ToFlightStatus(stream.status());
    }
    *out = std::make_unique<ForwardedStream>(*std::move(lease), *std::move(stream),
                                             watch_, &context);
    return Status::OK();
  }

 private:
  template <typename T>
  using Question =
      std::function<Result<T>(af::FlightClient&, const af::FlightCallOptions&)>;

  // Asks the backend on another thread, so that a client that goes, and the end of the
  // proxy, are not held up. What is left behind ends by its own deadline.
  template <typename T>
  Result<T> Ask(const af::ServerCallContext& context, Question<T> question) {
    af::FlightCallOptions options;
    options.headers = HeadersOf(context);
    options.timeout = af::TimeoutDuration(kAnswerTimeout.seconds() + 1);
    const auto outcome = std::make_shared<Outcome<T>>();
    std::thread worker(
        [outcome, options, client = client_, question = std::move(question)] {
          Result<T> result = question(*client, options);
          const std::lock_guard lock(outcome->mutex);
          outcome->result.emplace(std::move(result));
          outcome->changed.notify_all();
        });
    const flight::Interrupt interrupt{stop_.get_token(), [&context] {
                                        if (!context.is_cancelled()) return Status::OK();
                                        return Error(ErrorKind::kCancelled,
                                                     "call was cancelled by the client");
                                      }};
    std::unique_lock lock(outcome->mutex);
    const auto answered =
        flight::WaitUntil(lock, outcome->changed, SteadyNow() + ToChrono(kAnswerTimeout),
                          interrupt, [&] { return outcome->result.has_value(); });
    lock.unlock();
    if (!answered.ok() || !*answered) {
      worker.detach();
      ARROW_RETURN_NOT_OK(flight::ToFlightStatus(answered.status()));
      return flight::ToFlightStatus(Error(ErrorKind::kTimeout,
                                          "no answer from {} within {}", backend_,
                                          ToString(kAnswerTimeout)));
    }
    worker.join();
    ARROW_RETURN_NOT_OK(flight::RelayFlightStatus(outcome->result->status()));
    return *std::move(*outcome->result);
  }

  Result<std::unique_ptr<af::FlightInfo>> Mapped(const af::FlightInfo& info) const {
    auto mapped = MapPlan(info, locations());
    if (!mapped.ok()) return flight::ToFlightStatus(mapped.status());
    return std::make_unique<af::FlightInfo>(*std::move(mapped));
  }

  const std::string backend_;
  const std::shared_ptr<af::FlightClient> client_;
  mutable std::mutex mutex_;
  LocationMap locations_;
  std::stop_source stop_;
  const std::shared_ptr<StreamWatch> watch_ = std::make_shared<StreamWatch>();
  const std::shared_ptr<flight::ConnectionPool> pool_ =
      std::make_shared<flight::ConnectionPool>(flight::ConnectionOptions{});
};

Result<FlightProxy::Place> FlightProxy::Place::Reserve(const std::string& bind) {
  ARROW_ASSIGN_OR_RAISE(wire::ServerUrl address, wire::ParseBindUrl(bind));
  const std::string host = address.host;
  if (host == "localhost") address.host = "127.0.0.1";  // one address, not two
  ARROW_ASSIGN_OR_RAISE(auto port, server::PortReservation::Make(address));
  address.host = host;
  address.port = port.port();
  return Place(std::move(port), address.ToString());
}

Result<std::unique_ptr<FlightProxy>> FlightProxy::Start(Place place,
                                                        const std::string& backend,
                                                        LocationMap locations) {
  ARROW_ASSIGN_OR_RAISE(const wire::ServerUrl server, wire::ParseServerUrl(backend));
  ARROW_ASSIGN_OR_RAISE(const auto there, af::Location::Parse(server.ToString()));
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<af::FlightClient> client,
                        af::FlightClient::Connect(there));
  ARROW_ASSIGN_OR_RAISE(wire::ServerUrl here, wire::ParseBindUrl(place.url()));
  if (here.host == "localhost") here.host = "127.0.0.1";
  ARROW_ASSIGN_OR_RAISE(const auto location, af::Location::Parse(here.ToString()));
  std::unique_ptr<FlightProxy> proxy(new FlightProxy(std::move(place)));
  proxy->service_ = std::make_unique<Service>(server.ToString(), std::move(client),
                                              std::move(locations));
  af::FlightServerOptions options(location);
  options.middleware.emplace_back("no-uploads", std::make_shared<NoUploads>());
  if (const Status status = proxy->service_->Init(options); !status.ok()) {
    return Error(ErrorKind::kIo, "cannot listen on {}: {}", here.ToString(),
                 status.message());
  }
  proxy->stopped_ = false;
  Log(LogLevel::kInfo, "proxy at {} for {}", proxy->url(), server.ToString());
  return proxy;
}

FlightProxy::FlightProxy(Place place) : place_(std::move(place)) {}

// Clients who have their answers are gone; a call of theirs may still have to notice.
// Cancelled instead, it would make their gRPC print a line to standard error.
FlightProxy::~FlightProxy() { Stop(Duration::FromMs(500)); }

LocationMap FlightProxy::locations() const { return service_->locations(); }

void FlightProxy::SetLocations(LocationMap locations) {
  service_->SetLocations(std::move(locations));
}

void FlightProxy::Stop(Duration patience) {
  if (stopped_.exchange(true)) return;
  service_->EndStreams();
  const auto deadline = std::chrono::time_point_cast<std::chrono::system_clock::duration>(
      std::chrono::system_clock::now() + ToChrono(patience));
  if (const Status status = service_->Shutdown(&deadline); !status.ok()) {
    Log(LogLevel::kWarning, "shutdown: {}", status.message());
  }
}

}  // namespace carryall::proxy
