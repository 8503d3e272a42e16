#include "carryall/client/broker_reader.h"

#include "carryall/base/clock.h"
#include "carryall/base/log.h"
#include "carryall/client/deadlines.h"

namespace carryall::client {
namespace {

constexpr auto kHeartbeat = std::chrono::seconds(1);

int64_t BytesOf(const SeriesBlock& block) {
  int64_t bytes = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    const SampleView view = block.view(i);
    if (!view.all_missing()) bytes += view.length * ByteWidth(view.data_type);
  }
  return bytes;
}

}  // namespace

BrokerReader::BrokerReader(std::shared_ptr<const Session> session, const StreamPlan& plan,
                           size_t endpoint, const Options& options, Outlet outlet)
    : session_(std::move(session)),
      plan_(plan),
      endpoint_(endpoint),
      options_(options),
      outlet_(std::move(outlet)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void BrokerReader::Run(const std::stop_token& stop) {
  const Endpoint& endpoint = plan_.endpoints[endpoint_].endpoint;
  bool begun = false;
  const Status status = ReadBrokers(stop, &begun);
  if (KindOf(status) != ErrorKind::kUnavailable || begun || endpoint.urls.empty()) {
    return outlet_.end(status);
  }
  const std::lock_guard lock(mutex_);
  if (cancelled_) {
    return outlet_.end(Error(ErrorKind::kCancelled, "stopped by the caller"));
  }
  Log(LogLevel::kWarning, "{} is read from {} instead: {}",
      plan_.endpoints[endpoint_].what, endpoint.urls[0], status.message());
  fallback_ = StartFlight(session_, plan_, endpoint_, options_, outlet_);
}

Status BrokerReader::ReadBrokers(const std::stop_token& stop, bool* begun) const {
  const StreamEndpoint& part = plan_.endpoints[endpoint_];
  backend::StreamRequest request;
  request.channels = part.channels;
  request.start = part.start;
  request.end = part.end;
  if (plan_.tolerance) {
    request.latency = ServerLatency(*plan_.tolerance, plan_.native_stride);
  }
  if (!options_.single_strides) {
    ARROW_ASSIGN_OR_RAISE(const Duration stride, part.channels->CommonStride());
    request.max_strides = StridesIn(options_.batch_bytes, *part.channels, stride);
  }
  ARROW_ASSIGN_OR_RAISE(const auto relay,
                        session_->brokers().Acquire(part.endpoint.brokers));
  ARROW_ASSIGN_OR_RAISE(const auto source, relay->Stream(std::move(request)));
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(backend::SourceStep step,
                          source->Next(stop, SteadyNow() + kHeartbeat));
    if (stop.stop_requested()) {
      return Error(ErrorKind::kCancelled, "stopped by the caller");
    }
    if (step.kind == backend::SourceStep::Kind::kEnd) return Status::OK();
    if (step.kind != backend::SourceStep::Kind::kBlock) continue;
    *begun = true;
    flight::Delivery delivery;
    delivery.bytes = BytesOf(step.block);
    delivery.blocks.push_back(std::move(step.block));
    ARROW_RETURN_NOT_OK(outlet_.put(std::move(delivery)));
  }
}

SteadyTime BrokerReader::deadline() const {
  const std::lock_guard lock(mutex_);
  return fallback_ == nullptr ? SteadyTime::max() : fallback_->deadline();
}

Status BrokerReader::Expired(SteadyTime now) {
  const std::lock_guard lock(mutex_);
  return fallback_ == nullptr ? Status::OK() : fallback_->Expired(now);
}

void BrokerReader::Cancel() {
  thread_.request_stop();
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  if (fallback_ != nullptr) fallback_->Cancel();
}

bool BrokerReader::reads_brokers() const {
  const std::lock_guard lock(mutex_);
  return fallback_ == nullptr;
}

std::string BrokerReader::url() const {
  const std::lock_guard lock(mutex_);
  return fallback_ == nullptr ? "kafka://" + plan_.endpoints[endpoint_].endpoint.brokers
                              : fallback_->url();
}

}  // namespace carryall::client
