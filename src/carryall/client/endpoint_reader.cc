#include "carryall/client/endpoint_reader.h"

#include "carryall/base/clock.h"
#include "carryall/client/broker_reader.h"
#include "carryall/client/deadlines.h"
#include "carryall/flight/block_sink.h"

namespace carryall::client {
namespace {

class FlightReader final : public EndpointReader {
 public:
  explicit FlightReader(std::unique_ptr<flight::MessageReader> reader)
      : reader_(std::move(reader)) {}
  SteadyTime deadline() const override { return reader_->deadline(); }
  Status Expired(SteadyTime now) override { return reader_->Expired(now); }
  void Cancel() override { reader_->Cancel(); }
  std::string url() const override { return reader_->url(); }

 private:
  const std::unique_ptr<flight::MessageReader> reader_;
};

}  // namespace

std::unique_ptr<EndpointReader> EndpointReader::Start(const Session& session,
                                                      const StreamPlan& plan,
                                                      size_t endpoint,
                                                      const Options& options,
                                                      Outlet outlet) {
  if (!plan.endpoints[endpoint].endpoint.brokers.empty()) {
    return std::make_unique<BrokerReader>(session, plan, endpoint, options,
                                          std::move(outlet));
  }
  return std::make_unique<FlightReader>(
      StartFlight(session, plan, endpoint, options, std::move(outlet)));
}

bool IsGap(const StreamEndpoint& endpoint, const SeriesBlock& block) {
  if (endpoint.endpoint.brokers.empty()) return false;
  for (size_t i = 0; i < block.size(); ++i) {
    if (!block.view(i).all_missing()) return false;
  }
  return true;
}

std::unique_ptr<flight::MessageReader> StartFlight(const Session& session,
                                                   const StreamPlan& plan,
                                                   size_t endpoint,
                                                   const EndpointReader::Options& options,
                                                   EndpointReader::Outlet outlet) {
  const StreamEndpoint& part = plan.endpoints[endpoint];
  flight::BlockSink::Options sink;
  sink.ticket = part.endpoint.ticket;
  sink.channels = part.channels;
  sink.start = part.start;
  sink.end = part.end;
  flight::Headers headers = plan.headers;
  for (auto& header : AcceptHeaders(session.options(), *part.channels, plan.native_stride,
                                    options.batch_bytes)) {
    headers.push_back(std::move(header));
  }
  const GpsTime now = Clock::System().Now();
  auto read = session.ReadOptions(part.endpoint, part.what, std::move(headers));
  read.silence_timeout = SilenceTimeout(session.options(), part, now);
  read.silent_until = SilentUntil(part, now);
  return flight::MessageReader::Start(
      session.pool(), std::move(read),
      std::make_shared<flight::BlockSink>(std::move(sink), std::move(outlet.put),
                                          std::move(outlet.end)));
}

}  // namespace carryall::client
