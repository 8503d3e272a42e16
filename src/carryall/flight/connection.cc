#include "carryall/flight/connection.h"

#include <arrow/flight/client.h>
#include <arrow/flight/types_async.h>
#include <arrow/util/uri.h>

#include <condition_variable>
#include <thread>

#include "carryall/base/heap.h"
#include "carryall/flight/status.h"

namespace carryall::flight {
namespace {

using arrow::flight::FlightInfo;
using arrow::flight::internal::ClientTransport;

// Above the five minutes that gRPC servers allow between pings by default.
constexpr int kKeepaliveTimeMs = 315'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
// Received ahead of the reader. Left to itself gRPC lets this grow until results of 100
// MB come with a third more of memory; over a way of 50 ms this still carries 80 MB/s.
constexpr int kReceiveAheadBytes = 4 << 20;

// gRPC's own deadline is a backstop to ours, which comes first.
arrow::flight::TimeoutDuration Backstop(Duration timeout) {
  return arrow::flight::TimeoutDuration(timeout.seconds() + 1.0);
}

Status NoAnswer(const std::string& url, std::string_view call, Duration timeout) {
  return Error(ErrorKind::kTimeout, "{}: no answer to {} within {}", url, call,
               ToString(timeout));
}

// What a call that runs elsewhere leaves behind.
template <typename T>
struct Outcome {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  Status status;
  T value{};
};

using InfoOutcome = Outcome<std::unique_ptr<FlightInfo>>;

// Tells of the end of the call in its destructor: only when the transport has let go of
// the listener is the call disposed of, and the transport may be closed.
class InfoListener final : public arrow::flight::AsyncListener<FlightInfo> {
 public:
  explicit InfoListener(std::shared_ptr<InfoOutcome> outcome)
      : outcome_(std::move(outcome)) {}
  ~InfoListener() override {
    std::lock_guard lock(outcome_->mutex);
    outcome_->done = true;
    outcome_->changed.notify_all();
  }
  void OnNext(FlightInfo info) override {
    std::lock_guard lock(outcome_->mutex);
    outcome_->value = std::make_unique<FlightInfo>(std::move(info));
  }
  void OnFinish(Status status) override {
    std::lock_guard cancelling(cancel_mutex_);
    finished_ = true;
    std::lock_guard lock(outcome_->mutex);
    outcome_->status = std::move(status);
  }
  // The transport disposes of the call once OnFinish has returned.
  void Cancel() {
    std::lock_guard cancelling(cancel_mutex_);
    if (!finished_) TryCancel();
  }

 private:
  std::shared_ptr<InfoOutcome> outcome_;
  std::recursive_mutex cancel_mutex_;  // cancelling may finish the call on this thread
  bool finished_ = false;
};

class InfoCall final : public Connection::PendingInfo {
 public:
  InfoCall(std::string url, Duration timeout, std::shared_ptr<InfoOutcome> outcome,
           const std::shared_ptr<InfoListener>& listener)
      : url_(std::move(url)),
        timeout_(timeout),
        deadline_(SteadyNow() + ToChrono(timeout)),
        outcome_(std::move(outcome)),
        listener_(listener) {}
  ~InfoCall() override { End(); }

  Result<std::unique_ptr<FlightInfo>> Wait(const Interrupt& interrupt) override {
    std::unique_lock lock(outcome_->mutex);
    const auto finished = WaitUntil(lock, outcome_->changed, deadline_, interrupt,
                                    [&] { return outcome_->done; });
    lock.unlock();
    End();
    ARROW_RETURN_NOT_OK(finished);
    if (!*finished) return NoAnswer(url_, "the request", timeout_);
    ARROW_RETURN_NOT_OK(FromFlightStatus(outcome_->status, url_));
    if (outcome_->value == nullptr) {
      return Error(ErrorKind::kCorrupt, "{}: answer without a plan", url_);
    }
    return std::move(outcome_->value);
  }

 private:
  // Cancels the call if it is still on; afterwards the transport has disposed of it.
  void End() {
    if (const auto running = listener_.lock()) running->Cancel();
    std::unique_lock lock(outcome_->mutex);
    outcome_->changed.wait(lock, [&] { return outcome_->done; });
  }

  const std::string url_;
  const Duration timeout_;
  const SteadyTime deadline_;
  const std::shared_ptr<InfoOutcome> outcome_;
  const std::weak_ptr<InfoListener> listener_;
};

// Flight registers its transports when its own client is first used; that opens nothing.
void RegisterTransports() {
  static const bool done = [] {
    const auto nowhere = arrow::flight::Location::Parse("grpc://127.0.0.1:1");
    return nowhere.ok() && arrow::flight::FlightClient::Connect(*nowhere).ok();
  }();
  (void)done;
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::Make(const std::string& url,
                                                     const ConnectionOptions& options) {
  const auto bad = [&](const Status& why) {
    return Error(ErrorKind::kInvalidArgument, "not the URL of a Flight server: '{}': {}",
                 url, why.message());
  };
  auto location = arrow::flight::Location::Parse(url);
  if (!location.ok()) return bad(location.status());
  arrow::util::Uri uri;
  if (const Status status = uri.Parse(url); !status.ok()) return bad(status);
  RegisterTransports();
  auto made = arrow::flight::internal::GetDefaultTransportRegistry()->MakeClient(
      location->scheme());
  if (!made.ok()) return bad(made.status());

  auto client_options = arrow::flight::FlightClientOptions::Defaults();
  const int64_t connect_ms =
      std::max<int64_t>(1, options.connect_timeout.ns() / 1'000'000);
  client_options.generic_options = {
      {"grpc.keepalive_time_ms", kKeepaliveTimeMs},
      {"grpc.keepalive_timeout_ms", kKeepaliveTimeoutMs},
      {"grpc.http2.lookahead_bytes", kReceiveAheadBytes},
      {"grpc.http2.bdp_probe", 0},
      // This is also how long gRPC tries to connect.
      {"grpc.min_reconnect_backoff_ms",
       static_cast<int>(std::min<int64_t>(connect_ms, 3'600'000))},
  };
  std::unique_ptr<Connection> connection(new Connection(url, options.token));
  connection->transport_ = std::move(made).ValueUnsafe();
  if (const Status status = connection->transport_->Init(client_options, *location, uri);
      !status.ok()) {
    return bad(status);
  }
  return connection;
}

Connection::~Connection() {
  // Closing is what ends the transport's own thread.
  if (transport_ != nullptr) (void)transport_->Close();
}

arrow::flight::FlightCallOptions Connection::CallOptions(const Headers& headers) const {
  arrow::flight::FlightCallOptions options;
  options.headers = headers;
  if (token_) options.headers.emplace_back("authorization", "Bearer " + *token_);
  return options;
}

std::unique_ptr<Connection::PendingInfo> Connection::StartGetFlightInfo(
    const std::string& command, const Headers& headers, Duration timeout) {
  auto options = CallOptions(headers);
  options.timeout = Backstop(timeout);
  const auto outcome = std::make_shared<InfoOutcome>();
  auto listener = std::make_shared<InfoListener>(outcome);
  auto call = std::make_unique<InfoCall>(url_, timeout, outcome, listener);
  transport_->GetFlightInfoAsync(
      options, arrow::flight::FlightDescriptor::Command(command), std::move(listener));
  return call;
}

Result<std::string> Connection::ActionResult(const std::string& type,
                                             const Headers& headers, Duration timeout) {
  auto options = CallOptions(headers);
  options.timeout = Backstop(timeout);
  std::unique_ptr<arrow::flight::ResultStream> results;
  ARROW_RETURN_NOT_OK(transport_->DoAction(
      options, arrow::flight::Action(type, arrow::Buffer::FromString("")), &results));
  ARROW_ASSIGN_OR_RAISE(const auto first, results->Next());
  if (first == nullptr || first->body == nullptr) {
    return Error(ErrorKind::kCorrupt, "no result of action {}", type);
  }
  return first->body->ToString();
}

Result<std::string> Connection::DoAction(std::shared_ptr<Connection> self,
                                         const std::string& type, const Headers& headers,
                                         Duration timeout, const Interrupt& interrupt) {
  const auto outcome = std::make_shared<Outcome<std::string>>();
  const std::string url = self->url_;
  std::thread worker([outcome, self = std::move(self), type, headers, timeout] {
    auto result = self->ActionResult(type, headers, timeout);
    std::lock_guard lock(outcome->mutex);
    outcome->status = result.status();
    if (result.ok()) outcome->value = std::move(result).ValueUnsafe();
    outcome->done = true;
    outcome->changed.notify_all();
  });
  std::unique_lock lock(outcome->mutex);
  const auto finished = WaitUntil(lock, outcome->changed, SteadyNow() + ToChrono(timeout),
                                  interrupt, [&] { return outcome->done; });
  lock.unlock();
  if (!finished.ok() || !*finished) {
    worker.detach();
    ARROW_RETURN_NOT_OK(finished);
    return NoAnswer(url, type, timeout);
  }
  worker.join();
  ARROW_RETURN_NOT_OK(FromFlightStatus(outcome->status, url));
  return std::move(outcome->value);
}

Result<std::unique_ptr<arrow::flight::internal::ClientDataStream>> Connection::DoGet(
    const std::string& ticket, const Headers& headers) {
  std::unique_ptr<arrow::flight::internal::ClientDataStream> stream;
  ARROW_RETURN_NOT_OK(FromFlightStatus(
      transport_->DoGet(CallOptions(headers), arrow::flight::Ticket(ticket), &stream),
      url_));
  return stream;
}

Result<std::unique_ptr<arrow::flight::internal::ClientDataStream>> Connection::DoExchange(
    const Headers& headers) {
  std::unique_ptr<arrow::flight::internal::ClientDataStream> stream;
  ARROW_RETURN_NOT_OK(
      FromFlightStatus(transport_->DoExchange(CallOptions(headers), &stream), url_));
  return stream;
}

ConnectionPool::ConnectionPool(ConnectionOptions options) : options_(std::move(options)) {
  TuneHeap();
}

ConnectionPool::Lease& ConnectionPool::Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    Return();
    pool_ = std::move(other.pool_);
    connection_ = std::move(other.connection_);
  }
  return *this;
}

void ConnectionPool::Lease::Return() {
  if (pool_ != nullptr && connection_ != nullptr) pool_->Return(std::move(connection_));
  pool_.reset();
}

Result<ConnectionPool::Lease> ConnectionPool::Acquire(const std::string& url) {
  {
    std::lock_guard lock(mutex_);
    if (auto it = idle_.find(url); it != idle_.end() && !it->second.empty()) {
      auto connection = std::move(it->second.back());
      it->second.pop_back();
      return Lease(shared_from_this(), std::move(connection));
    }
  }
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<Connection> made,
                        Connection::Make(url, options_));
  return Lease(shared_from_this(), std::move(made));
}

void ConnectionPool::Return(std::shared_ptr<Connection> connection) {
  std::lock_guard lock(mutex_);
  auto& idle = idle_[connection->url()];
  if (idle.size() < kMaxIdlePerUrl) idle.push_back(std::move(connection));
}

size_t ConnectionPool::idle() const {
  std::lock_guard lock(mutex_);
  size_t count = 0;
  for (const auto& [url, connections] : idle_) count += connections.size();
  return count;
}

}  // namespace carryall::flight
